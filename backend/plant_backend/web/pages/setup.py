"""The first account, behind the one-time link that the log shows."""

from starlette.responses import Response

from plant_backend.api.dependencies import client_address
from plant_backend.domain.errors import Conflict, InvalidCredentials, InvalidInput, TooManyAttempts
from plant_backend.web import errors
from plant_backend.web.page import For, Page
from plant_backend.web.pages.login import signed_in
from plant_backend.web.visit import Visit

page = Page()


@page.get("/setup", "setup", For.ANYBODY)
async def ask(visit: Visit) -> Response:
    """Ask for a name and a password. The token is behind the `#` of the link: it never reaches a log."""
    if await visit.services.accounts.all():
        return visit.render("setup/done.html", 409)
    return visit.render("setup/page.html", username="", problem=None, fields={}, token="")


@page.post("/setup", "setup_send", For.ANYBODY)
async def make(visit: Visit) -> Response:
    """Make the account and sign in."""
    form = await visit.form()
    username, password = form.get("username", "").strip().lower(), form.get("password", "")
    token, problem, fields = form.get("token", "").strip(), None, {}
    try:
        if password != form.get("again", password):
            raise InvalidInput([("again", visit.say("is not the same"))])
        await visit.services.accounts.set_up(token, username, password, client_address(visit.request))
    except Conflict:
        return visit.render("setup/done.html", 409)
    except InvalidInput as error:
        status, fields = 422, dict(error.errors)
    except (InvalidCredentials, TooManyAttempts) as error:
        status, problem = errors.status_of(error), errors.sentence(visit.say, error)
    else:
        return await signed_in(visit, username, password, visit.url("overview"))
    return visit.render(
        "setup/page.html", status, username=username, problem=problem, fields=fields, token=token, is_secret=True
    )
