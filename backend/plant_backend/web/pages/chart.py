"""What a sensor measured, what was done meanwhile, and the same as a table."""

from starlette.responses import Response

from plant_backend.domain.errors import InvalidInput, NotFound
from plant_backend.domain.model import Sensor
from plant_backend.web import chart_data, plant_view
from plant_backend.web.formats import iso
from plant_backend.web.language import mark
from plant_backend.web.page import Page
from plant_backend.web.plant_view import Plant
from plant_backend.web.visit import Visit

page = Page()

RANGE_LABELS = {
    "6h": mark("6 hours"),
    "24h": mark("24 hours"),
    "7d": mark("7 days"),
    "30d": mark("30 days"),
    "365d": mark("1 year"),
}


@page.get("/devices/{device_id}/chart", "chart")
async def show(visit: Visit) -> Response:
    """Show a chart; all that it shows is in the address."""
    plant = await plant_view.plant(visit, visit.given("device_id"))
    sensor = _sensor(visit, plant)
    try:
        span = chart_data.span_asked(visit)
    except InvalidInput:
        return visit.go_to("chart", {"sensor": sensor.key}, device_id=plant.device.id)
    is_table = visit.query("view") == "table"
    buckets = None
    if is_table:
        _, series = await visit.services.history.buckets(
            visit.who, plant.device.id, sensor.key, span.since, span.until, chart_data.TABLE_POINTS
        )
        buckets = list(reversed(series.buckets))
    return visit.render(
        "chart/page.html",
        plant=plant,
        sensor=sensor,
        span=span,
        ranges=RANGE_LABELS,
        is_table=is_table,
        buckets=buckets,
        local={
            name: f"{at.astimezone(visit.formats.zone):%Y-%m-%dT%H:%M}"
            for name, at in (("since", span.since), ("until", span.until))
        },
        export={"sensor": sensor.key, "since": iso(span.since), "until": iso(span.until)},
    )


@page.get("/devices/{device_id}/chart/data", "chart_data")
async def data(visit: Visit) -> Response:
    """Give what the chart draws."""
    plant = await plant_view.plant(visit, visit.given("device_id"))
    return visit.document(
        await chart_data.columns(visit, plant, _sensor(visit, plant).key, chart_data.span_asked(visit))
    )


def _sensor(visit: Visit, plant: Plant) -> Sensor:
    key, sensors = visit.query("sensor"), plant.device.sensors
    found = next((sensor for sensor in sensors if sensor.key == key), None if key else next(iter(sensors), None))
    if found is None:
        raise NotFound("sensor")
    return found
