"""Signing in and out."""

from starlette.responses import Response

from plant_backend.api.dependencies import SESSION_COOKIE, client_address
from plant_backend.domain.errors import InvalidCredentials, TooManyAttempts
from plant_backend.services.people import SESSION_LIFETIME_MS
from plant_backend.web import errors
from plant_backend.web.page import For, Page
from plant_backend.web.visit import Visit

page = Page()


@page.get("/login", "login", For.ANYBODY)
async def ask(visit: Visit) -> Response:
    """Ask for name and password; who is signed in goes on."""
    go_on = visit.safe_next(visit.query("next"))
    if visit.nobody_or_who is not None:
        return visit.go(go_on)
    has_account = bool(await visit.services.accounts.all())
    return visit.render("login/page.html", username="", problem=None, go_on=go_on, has_account=has_account)


@page.post("/login", "login_send", For.ANYBODY)
async def sign_in(visit: Visit) -> Response:
    """Check name and password. What is wrong is not said."""
    form = await visit.form()
    username, go_on = form.get("username", "").strip().lower(), visit.safe_next(form.get("next", ""))
    try:
        return await signed_in(visit, username, form.get("password", ""), go_on)
    except (InvalidCredentials, TooManyAttempts) as error:
        response = visit.render(
            "login/page.html",
            errors.status_of(error),
            username=username[:64],
            problem=errors.sentence(visit.say, error),
            go_on=go_on,
            has_account=True,
        )
        if isinstance(error, TooManyAttempts):
            response.headers["retry-after"] = str(error.retry_after_s)
        return response


async def signed_in(visit: Visit, username: str, password: str, go_on: str) -> Response:
    """Open a session and go on. Raises InvalidCredentials, TooManyAttempts."""
    request = visit.request
    agent = request.headers.get("user-agent", "")
    _, _, secret = await visit.services.people.open_session(username, password, agent, client_address(request))
    response = visit.go(go_on)
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=SESSION_LIFETIME_MS // 1000,
        path=visit.prefix or "/",
        # On plain HTTP in a home network a Secure cookie would never come back.
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


@page.post("/logout", "logout", For.PEOPLE)
async def sign_out(visit: Visit) -> Response:
    """End this browser's session."""
    if visit.who.session_id is not None:
        await visit.services.people.end_session(visit.who, visit.who.session_id)
    response = visit.go_to("login")
    response.delete_cookie(SESSION_COOKIE, path=visit.prefix or "/")
    return response
