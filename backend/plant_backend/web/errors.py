"""Errors as pages, and as the short notice that takes the place of a part of one."""

from http import HTTPStatus

from starlette.responses import Response

from plant_backend.api.problems import STATUSES
from plant_backend.domain.errors import PlantError, TooManyAttempts
from plant_backend.web.visit import Visit
from plant_backend.wording.language import Say, mark

_TITLES = {
    403: mark("You may not do that"),
    404: mark("Nothing grows here"),
    409: mark("That cannot be done now"),
    429: mark("Too many attempts"),
    500: mark("Something went wrong here"),
    503: mark("Too busy at the moment"),
}

_SENTENCES = {
    "forbidden": mark("You may look at these plants and change nothing."),
    "from_elsewhere": mark("Only this site's own pages may change anything. Load the page anew and try again."),
    "page_not_found": mark("There is no such page. It may have moved, or the address has a typing error."),
    "device_not_found": mark("There is no such device, or it is not yours."),
    "invalid_credentials": mark("The name or the password is not right."),
    "invalid_setup_token": mark("This set-up link is used up, too old or not valid. Restart the server for a new one."),
    "account_ended": mark("Your account here was ended. Whoever owns the plants can let you in again."),
    "already_set_up": mark("There is an account already. Sign in instead."),
    "actuator_busy": mark("The pump is busy with another command."),
    "pump_busy": mark("The pump is busy with another command."),
    "cooling_down": mark("The pump is cooling down after its last run."),
    "daily_cap_reached": mark("The run time allowed in 24 hours is used up."),
    "pump_limit": mark("The node does not let its pump run like that."),
    "reservoir_low": mark("The reservoir is too low."),
    "reservoir_unknown": mark("The reservoir gives no value to trust."),
    "watering_without_effect": mark("The last doses had no effect. The pump is blocked until you resolve the alert."),
    "busy": mark("The server cannot take more right now. Try again in a moment."),
}

_OURS = mark("It is in the log under the number below. Nothing of yours was lost.")


def status_of(error: PlantError | None) -> int:
    """Give the status that an error is answered with; None stands for one that nobody foresaw."""
    if error is None:
        return 500
    return next(int(STATUSES[kind]) for kind in type(error).__mro__ if kind in STATUSES)


def sentence(say: Say, error: PlantError) -> str:
    """Say an error in the person's language, where its code is known; else in its own words."""
    if isinstance(error, TooManyAttempts):
        return say("Too many attempts failed. Try again in %(seconds)s s.", seconds=error.retry_after_s)
    known = _SENTENCES.get(error.code)
    return say(known) if known is not None else error.detail


def show(visit: Visit, error: PlantError | None) -> Response:
    """Answer with an error."""
    status = status_of(error)
    title = _TITLES.get(status)
    response = visit.render(
        "error_part.html" if visit.is_partial else "error.html",
        status,
        title=visit.say(title) if title else HTTPStatus(status).phrase,
        text=visit.say(_OURS) if error is None else sentence(visit.say, error),
    )
    if isinstance(error, TooManyAttempts):
        response.headers["retry-after"] = str(error.retry_after_s)
    return response
