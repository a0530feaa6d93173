"""The rules of one plant: who waters, when, how much, and what these rules would have done lately."""

from collections.abc import Mapping
from dataclasses import fields

from starlette.responses import Response

from plant_backend.domain.errors import InvalidInput, PreconditionFailed
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.model import Profile
from plant_backend.web import plant_view, profile_form
from plant_backend.web.errors import sentence
from plant_backend.web.page import For, Page
from plant_backend.web.plant_view import Plant, actuators_of
from plant_backend.web.shown_once import ShownOnce
from plant_backend.web.visit import Form, Visit

page = Page()

_before: ShownOnce[dict[str, str]] = ShownOnce()
"""The rules as they were before they were changed: the page that says so offers them back."""

_DAYS = 7
_LINES = 12


@page.get("/devices/{device_id}/automation", "automation")
async def show(visit: Visit) -> Response:
    """Show the rules."""
    plant = await _plant(visit)
    values = profile_form.shown(plant.profile)
    if plant.profile.time_zone == Profile().time_zone and not any(values[name] for name in profile_form.TIMES):
        # The first time of day that somebody gives is one of their own clock.
        values["time_zone"] = visit.formats.zone.key
    return _show(visit, plant, values, plant.profile_version)


@page.post("/devices/{device_id}/automation", "automation_change")
async def change(visit: Visit) -> Response:
    """Change the rules, unless somebody else was faster: then show both."""
    form, plant = await visit.form(), await _plant(visit)
    profile, problems = profile_form.parse(form, plant.profile, visit.say, visit.formats)
    values = profile_form.shown(plant.profile) | {name: text[:64] for name, text in form.items()}
    seen = int(version) if (version := form.get("version", "")).isascii() and version.isdigit() else -1
    if problems:
        return _show(visit, plant, values, seen, problems, status=422)
    try:
        await visit.services.automation.set_profile(visit.who, plant.device.id, profile, only_versions=(seen,))
    except InvalidInput as error:
        problems = profile_form.refused(dict(error.errors), visit.say)
        return _show(visit, plant, values, seen, problems, status=422)
    except PreconditionFailed:
        plant = await _plant(visit)
        theirs = _differences(values, profile_form.shown(plant.profile))
        return _show(visit, plant, values, plant.profile_version, theirs=theirs, status=412)
    _before.put(visit.who.account_id, plant.device.id, profile_form.shown(plant.profile))
    return visit.go_to("automation", {"saved": "yes"}, device_id=plant.device.id)


@page.post("/devices/{device_id}/automation/what-if", "automation_what_if", For.PEOPLE)
async def what_if(visit: Visit) -> Response:
    """Tell what the rules in the form would have done."""
    form, plant = await visit.form(), await _plant(visit)
    profile, problems = profile_form.parse(form, plant.profile, visit.say, visit.formats)
    if problems:
        return visit.render("automation/what_if.html", 422, problems=problems, told=None, plant=plant, lines=_LINES)
    changed = {
        field.name: getattr(profile, field.name)
        for field in fields(Profile)
        if field.name != "mode" and getattr(profile, field.name) != getattr(plant.profile, field.name)
    }
    try:
        told = await visit.services.what_if.simulate(visit.who, plant.device.id, changed, _DAYS)
    except InvalidInput as error:
        problems = profile_form.refused(dict(error.errors), visit.say) or {"": sentence(visit.say, error)}
        return visit.render("automation/what_if.html", 422, problems=problems, told=None, plant=plant, lines=_LINES)
    return visit.render("automation/what_if.html", problems={}, told=told, plant=plant, lines=_LINES)


def _show(
    visit: Visit,
    plant: Plant,
    values: Form,
    version: int,
    problems: Mapping[str, str] | None = None,
    *,
    theirs: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    kinds = {sensor.kind for sensor in plant.device.sensors}
    is_saved = visit.query("saved") == "yes"
    before = _before.take(visit.who.account_id, plant.device.id) if is_saved else None
    return visit.render(
        "automation/page.html",
        status,
        plant=plant,
        values=values,
        version=version,
        problems=problems or {},
        theirs=theirs,
        amounts=profile_form.AMOUNTS,
        has_lamp=bool(actuators_of(plant.device, ActuatorKind.LAMP)),
        has_pair=sum(sensor.kind is SensorKind.SOIL_MOISTURE for sensor in plant.device.sensors) > 1,
        has_reservoir=SensorKind.RESERVOIR_LEVEL in kinds,
        is_saved=is_saved,
        undo={name: value for name, value in (before or {}).items() if values.get(name) != value},
        days=_DAYS,
    )


def _differences(mine: Form, theirs: Form) -> dict[str, str]:
    return {name: text for name, text in theirs.items() if mine.get(name, text) != text}


async def _plant(visit: Visit) -> Plant:
    return await plant_view.plant(visit, visit.given("device_id"))
