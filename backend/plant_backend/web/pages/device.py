"""One device: what it measures, what was done to its plant and why, and what may be done to it."""

from starlette.responses import Response

from plant_backend.domain.command import Action
from plant_backend.domain.errors import InvalidInput
from plant_backend.web import plant_view
from plant_backend.web.page import Page
from plant_backend.web.visit import Visit

page = Page()

_LINES = 25


@page.get("/devices/{device_id}", "device")
async def show(visit: Visit) -> Response:
    """Show a device."""
    plant = await plant_view.plant(visit, visit.given("device_id"))
    decisions = await visit.services.automation.decisions(visit.who, plant.device.id, None, _LINES)
    return visit.render("device/page.html", plant=plant, decisions=decisions)


@page.get("/devices/{device_id}/now", "device_now")
async def now(visit: Visit) -> Response:
    """Show what is newest anew: values, runs and decisions."""
    plant = await plant_view.plant(visit, visit.given("device_id"))
    decisions = await visit.services.automation.decisions(visit.who, plant.device.id, None, _LINES)
    return visit.render("device/now.html", plant=plant, decisions=decisions)


@page.post("/devices/{device_id}/name", "device_rename")
async def rename(visit: Visit) -> Response:
    """Give a device another name."""
    form, device_id = await visit.form(), visit.given("device_id")
    try:
        await visit.services.devices.rename(visit.who, device_id, form.get("name", ""))
    except InvalidInput as error:
        plant = await plant_view.plant(visit, device_id)
        return visit.render(
            "dialogs/rename.html", 422, plant=plant, name=form.get("name", ""), problem=dict(error.errors).get("name")
        )
    return visit.go_to("device", device_id=device_id)


@page.post("/devices/{device_id}/lamp", "device_lamp")
async def switch_lamp(visit: Visit) -> Response:
    """Switch a lamp by hand."""
    form, device_id = await visit.form(), visit.given("device_id")
    action = Action.ON if form.get("action") == "on" else Action.OFF
    await visit.services.commands.request(visit.who, device_id, form.get("actuator", ""), action, None)
    return visit.go_to("device", device_id=device_id)
