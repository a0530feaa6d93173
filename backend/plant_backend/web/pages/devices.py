"""All devices: found by name and by how they are."""

from starlette.responses import Response

from plant_backend.web import plant_view
from plant_backend.web.first_steps import first_steps
from plant_backend.web.language import mark
from plant_backend.web.page import NavItem, Page
from plant_backend.web.plant_view import Plant
from plant_backend.web.presence import Presence
from plant_backend.web.visit import Visit

page = Page(NavItem("devices", mark("Devices"), "node", 20, "d"))

FILTERS = {
    "all": mark("All"),
    "attention": mark("Need attention"),
    "quiet": mark("Silent"),
}


@page.get("/devices", "devices")
async def show(visit: Visit) -> Response:
    """Show the devices that a search and a filter leave."""
    plants = await plant_view.plants(visit, with_trace=False)
    text, chosen = visit.query("q").strip()[:100], visit.query("show", "all")
    shown = sorted(
        (plant for plant in plants if _fits(plant, text, chosen)), key=lambda plant: plant.device.name.casefold()
    )
    return visit.render(
        "devices/list.html" if visit.is_partial else "devices/page.html",
        plants=shown,
        has_any=bool(plants),
        text=text,
        chosen=chosen if chosen in FILTERS else "all",
        filters=FILTERS,
        steps=() if plants else await first_steps(visit, plants),
    )


def _fits(plant: Plant, text: str, chosen: str) -> bool:
    device = plant.device
    if text and text.casefold() not in f"{device.name} {device.firmware or ''} {device.id}".casefold():
        return False
    if chosen == "attention":
        return plant.needs_attention
    return chosen != "quiet" or plant.presence is not Presence.FRESH
