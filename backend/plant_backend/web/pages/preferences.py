"""Language, colours and keys, kept by the browser: nobody needs an account for them."""

from starlette.responses import Response

from plant_backend.web.page import For, Page
from plant_backend.web.visit import KEYS, KEYS_COOKIE, STEPS, STEPS_COOKIE, THEME_COOKIE, THEMES, Visit
from plant_backend.wording.language import LANGUAGE_COOKIE, LANGUAGES

page = Page()

_YEAR_S = 366 * 24 * 3600


@page.post("/preferences", "preferences", For.ANYBODY)
async def keep(visit: Visit) -> Response:
    """Keep what was chosen and go back."""
    form = await visit.form()
    response = visit.go(visit.safe_next(form.get("next", "")))
    for cookie, field, allowed in (
        (LANGUAGE_COOKIE, "language", [*LANGUAGES]),
        (THEME_COOKIE, "theme", [*THEMES]),
        (KEYS_COOKIE, "keys", [*KEYS]),
        (STEPS_COOKIE, "steps", [*STEPS]),
    ):
        if form.get(field) in allowed:
            response.set_cookie(cookie, form[field], max_age=_YEAR_S, path=visit.prefix or "/", samesite="lax")
    return response
