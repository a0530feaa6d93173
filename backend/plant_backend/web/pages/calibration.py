"""What the raw values of a probe mean: two points or more, measured in air and in water."""

import math
from collections.abc import Mapping

from starlette.responses import Response

from plant_backend.domain.calibration import POINTS_MAX, Point
from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.kinds import MEASURES, RAW_KINDS
from plant_backend.web.page import For, Page
from plant_backend.web.visit import Form, Visit
from plant_backend.wording.language import mark

page = Page()

_ROWS = 5
_NO_LINE = mark("Give two points or more with different raw values; what they mean must only rise, or only fall.")
_ENDS = {0: mark("dry"), 1: mark("wet")}
_PROPOSED = {"value-0": "0", "value-1": "100"}


@page.get("/devices/{device_id}/calibration/{key}", "calibration", For.OWNERS)
async def show(visit: Visit) -> Response:
    """Show what the raw values mean now."""
    sensor, _, _ = await visit.services.calibrations.show(visit.who, visit.given("device_id"), visit.given("key"))
    points = sensor.calibration.points if sensor.calibration is not None else (None, None)
    values = dict(_PROPOSED)
    for place, point in enumerate(points):
        if point is not None:
            values |= {f"raw-{place}": _exact(point.raw), f"value-{place}": _exact(point.value)}
    return await _show(visit, values, {})


@page.get("/devices/{device_id}/calibration/{key}/now", "calibration_now", For.OWNERS)
async def now(visit: Visit) -> Response:
    """Show the newest raw value anew."""
    sensor, sample, _ = await visit.services.calibrations.show(visit.who, visit.given("device_id"), visit.given("key"))
    return visit.render(
        "calibration/now.html", sensor=sensor, sample=sample, device_id=visit.given("device_id"), key=sensor.key
    )


@page.post("/devices/{device_id}/calibration/{key}", "calibration_change")
async def change(visit: Visit) -> Response:
    """Take the points of the form, or none."""
    form, device_id, key = await visit.form(), visit.given("device_id"), visit.given("key")
    if form.get("act") == "clear":
        await visit.services.calibrations.clear(visit.who, device_id, key)
        return visit.go_to("device", device_id=device_id)
    points, problems = _points(visit, form)
    if problems:
        return await _show(visit, form, problems, status=422)
    try:
        await visit.services.calibrations.calibrate(visit.who, device_id, key, points)
    except InvalidInput:
        text = visit.say(
            "Give two points or more with different raw values; what they mean must only rise, or only fall."
        )
        return await _show(visit, form, {"": text}, status=422)
    return visit.go_to("device", device_id=device_id)


async def _show(visit: Visit, values: Form, problems: Mapping[str, str], *, status: int = 200) -> Response:
    device_id, key = visit.given("device_id"), visit.given("key")
    sensor, sample, _ = await visit.services.calibrations.show(visit.who, device_id, key)
    device = (await visit.services.devices.get(visit.who, device_id)).device
    last = max((place for place in range(POINTS_MAX) if {f"raw-{place}", f"value-{place}"} & values.keys()), default=0)
    return visit.render(
        "calibration/page.html",
        status,
        device=device,
        device_id=device_id,
        key=key,
        sensor=sensor,
        sample=sample,
        values=values,
        problems=problems,
        rows=range(max(_ROWS, last + 1)),
        ends=_ENDS if sensor.kind in RAW_KINDS else {},
        unit=MEASURES[sensor.kind].unit,
    )


def _points(visit: Visit, form: Form) -> tuple[list[Point], dict[str, str]]:
    points, problems = [], {}
    for place in range(POINTS_MAX):
        raw, value = (form.get(f"{name}-{place}", "").strip().replace(",", ".") for name in ("raw", "value"))
        if not raw and value in ("", _PROPOSED.get(f"value-{place}")):
            continue
        try:
            point = Point(float(raw), float(value))
        except ValueError:
            problems[str(place)] = visit.say("Give two numbers, or leave both empty.")
            continue
        if not (math.isfinite(point.raw) and math.isfinite(point.value)):
            problems[str(place)] = visit.say("Give two numbers, or leave both empty.")
        points.append(point)
    return points, problems


def _exact(number: float) -> str:
    # What is saved unchanged must be what was there: no digit may go.
    return repr(number).removesuffix(".0")
