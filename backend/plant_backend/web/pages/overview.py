"""The overview: what each plant needs, at a glance."""

from starlette.responses import Response

from plant_backend.web import plant_view
from plant_backend.web.first_steps import first_steps
from plant_backend.web.page import NavItem, Page
from plant_backend.web.visit import Visit
from plant_backend.wording.language import mark

page = Page(NavItem("overview", mark("Plants"), "leaf", 10, "p"))


@page.get("", "overview")
async def show(visit: Visit) -> Response:
    """Show all plants, those that need somebody first."""
    plants = await plant_view.plants(visit)
    return visit.render(
        "overview/page.html",
        plants=plants,
        today=plant_view.watered_today(visit, plants),
        steps=await first_steps(visit, plants),
    )


@page.get("/overview/summary", "overview_summary")
async def summary(visit: Visit) -> Response:
    """Show the line of figures above the cards anew."""
    plants = await plant_view.plants(visit, with_trace=False)
    return visit.render("overview/summary.html", plants=plants, today=plant_view.watered_today(visit, plants))


@page.get("/overview/cards", "overview_cards")
async def cards(visit: Visit) -> Response:
    """Show all cards anew: a plant has come or gone."""
    plants = await plant_view.plants(visit)
    return visit.render("overview/cards.html", plants=plants, steps=await first_steps(visit, plants))


@page.get("/devices/{device_id}/card", "overview_card")
async def card(visit: Visit) -> Response:
    """Show one plant's card anew."""
    return visit.render("overview/card.html", plant=await plant_view.plant(visit, visit.given("device_id")))
