"""What a sensor measured, beside another if one likes, what was done meanwhile, and the same as a table."""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from starlette.responses import Response

from plant_backend.domain.errors import InvalidInput, NotFound
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import Sensor
from plant_backend.web import chart_data, plant_view
from plant_backend.web.page import Page
from plant_backend.web.plant_view import Plant
from plant_backend.web.visit import Visit
from plant_backend.wording.formats import iso
from plant_backend.wording.language import mark

page = Page()

RANGE_LABELS = {
    "6h": mark("6 hours"),
    "24h": mark("24 hours"),
    "7d": mark("7 days"),
    "30d": mark("30 days"),
    "365d": mark("1 year"),
}


@dataclass(frozen=True, slots=True)
class Other:
    """A sensor that a chart may show beside its own. `name` is its device's, empty for the chart's own device."""

    device_id: str
    name: str
    sensor: Sensor

    @property
    def key(self) -> str:
        """How an address names it."""
        return f"{self.device_id}:{self.sensor.key}"


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
    others = [] if is_table else await _others(visit, plant, sensor)
    return visit.render(
        "chart/page.html",
        plant=plant,
        sensor=sensor,
        span=span,
        ranges=RANGE_LABELS,
        is_table=is_table,
        buckets=buckets,
        others=others,
        doubled=_doubled([*others, Other(plant.device.id, "", sensor)]),
        beside=next((other for other in others if other.key == visit.query("with")), None),
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


async def _others(visit: Visit, plant: Plant, sensor: Sensor) -> Sequence[Other]:
    """Give what may be shown beside: the plant's own sensors first, then those of the same kind elsewhere, then all."""
    own = [Other(plant.device.id, "", other) for other in plant.device.sensors if other.key != sensor.key]
    elsewhere = [
        Other(status.device.id, status.device.name, other)
        for status in await visit.services.devices.all(visit.who)
        if status.device.id != plant.device.id
        for other in status.device.sensors
        if other.retired_at is None
    ]
    return own + sorted(elsewhere, key=lambda other: (other.sensor.kind is not sensor.kind, other.name.casefold()))


def _doubled(others: Sequence[Other]) -> Set[tuple[str, SensorKind]]:
    """Give the kinds of which a device has several sensors: only these need their keys to be told apart."""
    counts = Counter((other.device_id, other.sensor.kind) for other in others)
    return {kind for kind, count in counts.items() if count > 1}


def _sensor(visit: Visit, plant: Plant) -> Sensor:
    key, sensors = visit.query("sensor"), plant.device.sensors
    found = next((sensor for sensor in sensors if sensor.key == key), None if key else next(iter(sensors), None))
    if found is None:
        raise NotFound("sensor")
    return found
