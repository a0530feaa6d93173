"""Settings of an account: its password, what is signed in, tokens for programs, and who else may look."""

from collections.abc import Mapping

from starlette.responses import Response

from plant_backend import __version__
from plant_backend.domain.errors import InvalidInput, NotFound, PlantError
from plant_backend.web.errors import sentence
from plant_backend.web.page import For, NavItem, Page
from plant_backend.web.pages.diagnostics import takes_writes
from plant_backend.web.shown_once import ShownOnce
from plant_backend.web.visit import Visit
from plant_backend.wording.language import mark

page = Page(NavItem("settings", mark("Settings"), "gear", 50, "s", is_main=False))

_tokens: ShownOnce[str] = ShownOnce()

_LINES = 30
_TOKEN_NAME = mark("Give a name of at most 100 characters.")

_WORDS = {
    "current_password": mark("That is not your password."),
    "new_password": mark("Too short or too easy to guess: take some words that only you would put together."),
    "password": mark("Too short or too easy to guess: take some words that only you would put together."),
    "username": mark("Give a name of small letters, digits, dot and dash."),
}


@page.get("/settings", "settings")
async def show(visit: Visit) -> Response:
    """Show all settings."""
    return await _show(visit)


@page.post("/settings/password", "password_change", For.PEOPLE)
async def change_password(visit: Visit) -> Response:
    """Change the password; all else that is signed in ends."""
    form = await visit.form()
    if form.get("new_password", "") != form.get("again", ""):
        return await _show(visit, {"again": visit.say("The two are not the same.")})
    try:
        current, new = form.get("current_password", ""), form.get("new_password", "")
        await visit.services.people.change_password(visit.who, current, new)
    except PlantError as error:
        return await _show(visit, _problems(visit, error))
    return visit.go_to("settings", {"done": "password"})


@page.post("/settings/sessions/{session_id}/end", "session_end", For.PEOPLE)
async def end_session(visit: Visit) -> Response:
    """Sign another browser out."""
    await visit.services.people.end_session(visit.who, visit.given_id("session_id"))
    return visit.go_to("settings")


@page.post("/settings/tokens", "token_add", For.PEOPLE)
async def add_token(visit: Visit) -> Response:
    """Make a token for a program; the next page shows it."""
    form = await visit.form()
    name = form.get("token_name", "")
    if len(name) > 100:
        return await _show(visit, {"token_name": visit.say(_TOKEN_NAME)}, token_name=name[:200])
    try:
        made, token = await visit.services.people.add_token(visit.who, name)
    except InvalidInput:
        return await _show(visit, {"token_name": visit.say(_TOKEN_NAME)}, token_name=name[:200])
    _tokens.put(visit.who.account_id, str(made.id), token)
    return visit.go_to("token_made", token_id=made.id)


@page.get("/settings/tokens/{token_id}", "token_made")
async def show_token(visit: Visit) -> Response:
    """Show a token, this once."""
    token_id = visit.given_id("token_id")
    made = next((one for one in await visit.services.people.tokens(visit.who) if one.id == token_id), None)
    if made is None:
        raise NotFound("token")
    token = _tokens.take(visit.who.account_id, str(token_id))
    response = visit.render("settings/token.html", token=token, name=made.name, is_secret=True)
    response.headers["cache-control"] = "no-store"
    return response


@page.post("/settings/tokens/{token_id}/revoke", "token_revoke", For.PEOPLE)
async def revoke_token(visit: Visit) -> Response:
    """End a token."""
    await visit.services.people.revoke(visit.who, visit.given_id("token_id"))
    return visit.go_to("settings")


@page.post("/settings/viewers", "viewer_add")
async def add_viewer(visit: Visit) -> Response:
    """Let somebody look at the plants."""
    form = await visit.form()
    username = form.get("username", "").strip().lower()
    try:
        await visit.services.accounts.add(username, form.get("password", ""), visit.who)
    except PlantError as error:
        return await _show(visit, _problems(visit, error), username=username[:200])
    return visit.go_to("settings", {"done": "viewer"})


@page.post("/settings/viewers/{user_id}/delete", "viewer_delete")
async def delete_viewer(visit: Visit) -> Response:
    """End a viewer's account."""
    await visit.services.accounts.delete_viewer(visit.who, visit.given_id("user_id"))
    return visit.go_to("settings")


async def _show(visit: Visit, problems: Mapping[str, str] | None = None, **values: str) -> Response:
    services, who = visit.services, visit.who
    return visit.render(
        "settings/page.html",
        422 if problems else 200,
        problems=problems or {},
        values=values,
        done=visit.query("done"),
        sessions=await services.people.sessions(who),
        tokens=await services.people.tokens(who),
        viewers=await services.accounts.viewers(who) if visit.is_owner else (),
        audit=await services.audit.all(who, None, _LINES) if visit.is_owner else (),
        devices=[status.device for status in await services.devices.all(who)],
        version=__version__,
        takes_writes=await takes_writes(visit),
    )


def _problems(visit: Visit, error: PlantError) -> dict[str, str]:
    if not isinstance(error, InvalidInput):
        return {"": sentence(visit.say, error)}
    return {field: visit.say(_WORDS[field]) if field in _WORDS else message for field, message in error.errors}
