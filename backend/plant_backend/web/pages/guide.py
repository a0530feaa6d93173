"""Help: the words, the keys, and where to look when something is not as it should be."""

from starlette.responses import Response

from plant_backend.web.page import NavItem, Page
from plant_backend.web.visit import Visit
from plant_backend.wording.language import mark

page = Page(NavItem("help", mark("Help"), "help", 60, "h", is_main=False))


@page.get("/help", "help")
async def show(visit: Visit) -> Response:
    """Show the help."""
    return visit.render("help/page.html")
