"""Becoming the owner, for who comes through Home Assistant: by the code that the app's log shows."""

from starlette.responses import Response

from plant_backend.api.dependencies import client_address
from plant_backend.api.ingress import person_of
from plant_backend.domain.account import HomeUser
from plant_backend.domain.errors import InvalidCredentials, NotFound, TooManyAttempts
from plant_backend.web import errors
from plant_backend.web.page import For, Page
from plant_backend.web.visit import Visit

page = Page()


@page.get("/own", "own")
async def ask(visit: Visit) -> Response:
    """Ask for the code; who owns the plants already goes on."""
    _person(visit)
    return visit.go_to("overview") if visit.is_owner else visit.render("own/page.html", problem=None)


@page.post("/own", "own_send", For.PEOPLE)
async def become(visit: Visit) -> Response:
    """Make the person an owner."""
    person, form = _person(visit), await visit.form()
    try:
        await visit.services.home_users.become_owner(
            person, form.get("code", "").strip(), client_address(visit.request)
        )
    except (InvalidCredentials, TooManyAttempts) as error:
        return visit.render("own/page.html", errors.status_of(error), problem=errors.sentence(visit.say, error))
    return visit.go_to("overview")


def _person(visit: Visit) -> HomeUser:
    person = person_of(visit.request.scope)
    if person is None:
        raise NotFound("page")
    return person
