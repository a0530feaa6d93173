"""Dialogs before what cannot be taken back: water, a new secret, an end. Each names what it is about."""

import secrets

from starlette.responses import Response

from plant_backend.domain.command import LIVE_STATES, Action, Command
from plant_backend.domain.errors import NotFound, PlantError
from plant_backend.web import errors, plant_view
from plant_backend.web.obstacles import why_not
from plant_backend.web.once import Once
from plant_backend.web.page import For, Page
from plant_backend.web.plant_view import Plant
from plant_backend.web.visit import Visit

page = Page()

_LONGEST_S = 600

_waterings: Once[Command] = Once()


@page.get("/devices/{device_id}/water", "water_ask", For.OWNERS)
async def ask_water(visit: Visit) -> Response:
    """Ask before a run, with all that it takes to decide."""
    plant = await _plant(visit)
    return _ask_water(visit, plant, plant.profile.dose_ms / 1000)


@page.post("/devices/{device_id}/water", "water_run")
async def water(visit: Visit) -> Response:
    """Run the pump, once for each dialog however often its button is pressed."""
    form, plant = await visit.form(), await _plant(visit)
    pump, text = plant.pump, form.get("seconds", "").strip().replace(",", ".")
    if pump is None:
        raise NotFound("pump")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    most = longest_s(plant)
    if not 1 <= seconds <= most:
        problem = visit.say("Give 1 to %(most)s seconds.", most=visit.formats.number(most, 0))
        return _ask_water(visit, plant, text[:8], problem, status=422)
    try:
        command = await _waterings.run(
            visit.who.account_id,
            f"{plant.device.id} {form.get('key', '')[:64] or secrets.token_urlsafe(8)}",
            lambda: visit.services.commands.request(
                visit.who, plant.device.id, pump.key, Action.ON, round(seconds * 1000)
            ),
        )
    except PlantError as error:
        return _ask_water(visit, plant, seconds, errors.sentence(visit.say, error), status=422)
    return await _show_progress(visit, plant, command.id)


@page.get("/devices/{device_id}/water/{command_id}", "water_progress")
async def progress(visit: Visit) -> Response:
    """Show how far a run is."""
    return await _show_progress(visit, await _plant(visit), visit.given_id("command_id"))


@page.post("/devices/{device_id}/water/{command_id}/stop", "water_stop")
async def stop(visit: Visit) -> Response:
    """Stop the pump."""
    plant = await _plant(visit)
    if plant.pump is None:
        raise NotFound("pump")
    await visit.services.commands.request(visit.who, plant.device.id, plant.pump.key, Action.OFF, None)
    return await _show_progress(visit, await _plant(visit), visit.given_id("command_id"), is_stopping=True)


@page.get("/devices/{device_id}/rename", "rename_ask", For.OWNERS)
async def ask_rename(visit: Visit) -> Response:
    """Ask for another name."""
    plant = await _plant(visit)
    return visit.render("dialogs/rename.html", plant=plant, name=plant.device.name, problem=None)


@page.get("/devices/{device_id}/secret", "rotate_ask", For.OWNERS)
async def ask_rotate(visit: Visit) -> Response:
    """Ask before the old secret ends."""
    return visit.render("dialogs/rotate.html", plant=await _plant(visit), secret=None)


@page.post("/devices/{device_id}/secret", "rotate")
async def rotate(visit: Visit) -> Response:
    """Make a new secret and show it, this once."""
    form, plant = await visit.form(), await _plant(visit)
    overlap_s = 3600 if form.get("overlap") == "hour" else 0
    _, secret = await visit.services.devices.rotate_secret(visit.who, plant.device.id, overlap_s)
    return visit.render("dialogs/rotate.html", plant=plant, secret=secret, is_secret=True)


@page.get("/devices/{device_id}/delete", "delete_ask", For.OWNERS)
async def ask_delete(visit: Visit) -> Response:
    """Ask for the name before an end."""
    return visit.render("dialogs/delete.html", plant=await _plant(visit), problem=None)


@page.post("/devices/{device_id}/delete", "delete")
async def delete(visit: Visit) -> Response:
    """Delete a device with its history, if its name was typed."""
    form, plant = await visit.form(), await _plant(visit)
    if form.get("name", "").strip() != plant.device.name:
        return visit.render("dialogs/delete.html", 422, plant=plant, problem=visit.say("That is not its name."))
    await visit.services.devices.delete(visit.who, plant.device.id)
    return visit.go_to("devices")


def longest_s(plant: Plant) -> int:
    """Give the longest run that may be asked for: the node's own limit, or ten minutes."""
    limit = plant.pump.limits.max_run_ms if plant.pump else None
    return _LONGEST_S if limit is None else max(1, min(_LONGEST_S, limit // 1000))


def _ask_water(
    visit: Visit, plant: Plant, seconds: float | str, problem: str | None = None, *, status: int = 200
) -> Response:
    return visit.render(
        "dialogs/water.html",
        status,
        plant=plant,
        seconds=f"{seconds:g}" if isinstance(seconds, float) else seconds,
        most=longest_s(plant),
        ml_per_s=plant.volume_ml(1000),
        obstacle=why_not(plant, visit.say, visit.formats),
        key=secrets.token_urlsafe(12),
        problem=problem,
    )


async def _show_progress(visit: Visit, plant: Plant, command_id: int, *, is_stopping: bool = False) -> Response:
    found = await visit.services.commands.recent(visit.who, plant.device.id, command_id + 1, 1)
    if not found or found[0].id != command_id:
        raise NotFound("command")
    command = found[0]
    began = command.accepted_at or command.delivered_at
    elapsed_ms = 0 if began is None else max(0, round((visit.now - began).total_seconds() * 1000))
    return visit.render(
        "dialogs/progress.html",
        plant=plant,
        command=command,
        is_live=command.state in LIVE_STATES,
        is_stopping=is_stopping,
        elapsed_ms=min(elapsed_ms, command.duration_ms or 0),
    )


async def _plant(visit: Visit) -> Plant:
    return await plant_view.plant(visit, visit.given("device_id"))
