"""All devices: found by name and by how they are, as cards or as a table."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from plant_backend.web import plant_view
from plant_backend.web.first_steps import first_steps
from plant_backend.web.page import NavItem, Page
from plant_backend.web.plant_view import Plant, Reading
from plant_backend.web.presence import Presence
from plant_backend.web.visit import Visit
from plant_backend.wording.language import mark

page = Page(NavItem("devices", mark("Devices"), "node", 20, "d"))

FILTERS = {
    "all": mark("All"),
    "attention": mark("Need attention"),
    "quiet": mark("Silent"),
}

_NEVER = datetime.min.replace(tzinfo=UTC)

SORTS: dict[str, Callable[[Plant], Any]] = {
    "name": lambda plant: plant.device.name.casefold(),
    "soil": lambda plant: _value(plant.soil),
    "reservoir": lambda plant: _value(plant.reservoir),
    "seen": lambda plant: plant.status.last_seen_at or _NEVER,
}
"""By what the table is sorted: the driest, the emptiest and who has been silent for longest come first."""


@page.get("/devices", "devices")
async def show(visit: Visit) -> Response:
    """Show the devices that a search and a filter leave."""
    plants = await plant_view.plants(visit, with_trace=False)
    text, chosen = visit.query("q").strip()[:100], visit.query("show", "all")
    is_table = visit.query("view") == "table"
    sort = sort if is_table and (sort := visit.query("sort")) in SORTS else "name"
    shown = sorted((plant for plant in plants if _fits(plant, text, chosen)), key=SORTS["name"])
    shown.sort(key=SORTS[sort])
    chosen = chosen if chosen in FILTERS else "all"

    def place(**other: str) -> dict[str, str]:
        """Give the parameters of this view, some of them changed."""
        asked = {"q": text, "show": chosen, "view": "table" if is_table else "", "sort": sort} | other
        usual = {"q": "", "show": "all", "view": "", "sort": "name" if asked["view"] else asked["sort"]}
        return {name: value for name, value in asked.items() if value != usual[name]}

    return visit.render(
        "devices/list.html" if visit.is_partial else "devices/page.html",
        plants=shown,
        has_any=bool(plants),
        text=text,
        chosen=chosen,
        is_table=is_table,
        sort=sort,
        place_of=place,
        filters=FILTERS,
        steps=() if plants else await first_steps(visit, plants),
    )


def _value(reading: Reading | None) -> float:
    return math.inf if reading is None or reading.sample is None else reading.sample.value


def _fits(plant: Plant, text: str, chosen: str) -> bool:
    device = plant.device
    if text and text.casefold() not in f"{device.name} {device.firmware or ''} {device.id}".casefold():
        return False
    if chosen == "attention":
        return plant.needs_attention
    return chosen != "quiet" or plant.presence is not Presence.FRESH
