"""What a chart shows: columns of a sensor's history in a span of time, with the limits and marks that belong to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.history import Bucket, BucketSeries
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import Profile, Sensor
from plant_backend.domain.refills import refills
from plant_backend.web.plant_view import Plant
from plant_backend.web.visit import Visit
from plant_backend.wording.formats import iso

POINTS = 400
TABLE_POINTS = 60

RANGES = {
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "365d": timedelta(days=365),
}
SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(days=20 * 366)

_MOST_MARKS = 800


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time, and its name where it is one of the usual ones up to now."""

    since: datetime
    until: datetime
    name: str | None

    def query(self, sensor: str, beside: str = "") -> dict[str, str]:
        """Give the span as an address has it: a usual one moves with the time. `beside` is what it is compared with."""
        also = {"with": beside} if beside else {}
        if self.name is not None:
            return {"sensor": sensor, "range": self.name, **also}
        return {"sensor": sensor, "since": iso(self.since), "until": iso(self.until), **also}


def span_asked(visit: Visit) -> Span:
    """Read the span from the address. Raises InvalidInput."""
    name = visit.query("range", "24h")
    if visit.query("since") or visit.query("until"):
        zone = visit.formats.zone
        since, until = (_moment(visit.query(field), field, zone) for field in ("since", "until"))
        if not SHORTEST <= until - since <= LONGEST:
            raise InvalidInput([("until", "must be 5 minutes to 20 years after since")])
        return Span(since, until, None)
    if name not in RANGES:
        raise InvalidInput([("range", "must be one of " + ", ".join(RANGES))])
    return Span(visit.now - RANGES[name], visit.now, name)


async def columns(visit: Visit, plant: Plant, sensor_key: str, span: Span) -> dict[str, Any]:
    """Give a chart's data: times in s, values rounded to what a sensor can know, null where nothing was measured."""
    sensor, series = await visit.services.history.buckets(
        visit.who, plant.device.id, sensor_key, span.since, span.until, POINTS
    )
    rows = with_gaps(series, timedelta(seconds=plant.profile.stale_after_s))
    t = [round(at.timestamp()) for at, _ in rows]
    document: dict[str, Any] = {
        "since": round(span.since.timestamp()),
        "until": round(span.until.timestamp()),
        "unit": sensor.unit,
        "bucket_s": None if series.width_ms is None else series.width_ms / 1000,
        "t": t,
        "mean": [None if bucket is None else _short(bucket.mean) for _, bucket in rows],
        "limits": limits(sensor, plant.profile),
        **await _marks(visit, plant, span),
        "refills": await _refills(visit, plant, sensor, series, span),
    }
    if series.width_ms is not None:
        document["min"] = [None if bucket is None else _short(bucket.min) for _, bucket in rows]
        document["max"] = [None if bucket is None else _short(bucket.max) for _, bucket in rows]
    return document


def with_gaps(series: BucketSeries, stale_after: timedelta) -> Sequence[tuple[datetime, Bucket | None]]:
    """Put nothing where nothing was measured, so that no line is drawn across."""
    longest = stale_after if series.width_ms is None else timedelta(milliseconds=1.5 * series.width_ms)
    rows: list[tuple[datetime, Bucket | None]] = []
    before: Bucket | None = None
    for bucket in series.buckets:
        if before is not None and bucket.ts - before.ts > longest:
            rows.append((before.ts + (bucket.ts - before.ts) / 2, None))
        rows.append((bucket.ts, bucket))
        before = bucket
    return rows


def limits(sensor: Sensor, profile: Profile) -> list[float | None]:
    """Give the band that the profile wants a sensor in: [low, high], either of which may be missing."""
    low = profile.soil_moisture_min_percent
    bands: dict[SensorKind, list[float | None]] = {
        SensorKind.SOIL_MOISTURE: [low, low + profile.soil_moisture_hysteresis_percent],
        SensorKind.RESERVOIR_LEVEL: [profile.reservoir_min_percent, None],
        SensorKind.AIR_TEMPERATURE: [profile.air_temperature_min_c, profile.air_temperature_max_c],
        SensorKind.AIR_HUMIDITY: [profile.air_humidity_min_percent, profile.air_humidity_max_percent],
    }
    return bands.get(sensor.kind, [None, None])


async def _marks(visit: Visit, plant: Plant, span: Span) -> dict[str, Any]:
    found, opened = await visit.services.history.marks(visit.who, plant.device.id, span.since, span.until)
    # Marks that would lie on each other are one: a chart of years is no heavier than one of a day.
    apart = (span.until - span.since) / _MOST_MARKS
    runs: dict[int, tuple[int, int]] = {}
    for run in found:
        at, lasted_ms = runs.get(place := (run.at - span.since) // apart, (round(run.at.timestamp()), 0))
        runs[place] = at, lasted_ms + run.duration_ms
    alerts: dict[tuple[int, str], int] = {}
    for alert in opened:
        alerts.setdefault(
            ((alert.first_seen_at - span.since) // apart, alert.kind.value), round(alert.first_seen_at.timestamp())
        )
    return {"runs": list(runs.values()), "alerts": [(at, kind) for (_, kind), at in alerts.items()]}


async def _refills(visit: Visit, plant: Plant, sensor: Sensor, series: BucketSeries, span: Span) -> list[int]:
    """Give when the reservoir was filled, also beside what else is shown: water ran again from then on."""
    tank = plant.reservoir
    if tank is None or not tank.sensor.is_calibrated:
        return []
    if tank.sensor.key != sensor.key:
        _, series = await visit.services.history.buckets(
            visit.who, plant.device.id, tank.sensor.key, span.since, span.until, POINTS
        )
    return [round(at.timestamp()) for at in refills((bucket.ts, bucket.last) for bucket in series.buckets)]


def _short(value: float) -> float:
    return round(value, 2)


def _moment(text: str, field: str, zone: ZoneInfo) -> datetime:
    """Read a time; one without a zone, as a form sends it, is of the person's. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput([(field, "must be a time like 2026-07-01T06:00:00Z")]) from None
    if not 1970 <= moment.year < 9999:
        raise InvalidInput([(field, "must be between 1970 and 9998")])
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
