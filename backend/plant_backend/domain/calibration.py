"""What a raw value of a channel means: a line through points that a person measured, applied whenever it is read.

Raw values are what is stored, so a better calibration mends all of history, and takes nothing away.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from plant_backend.domain.history import Bucket, BucketSeries
from plant_backend.domain.kinds import MEASURES, SensorKind

POINTS_MIN, POINTS_MAX = 2, 16
_RAW_MAX = 1e9
_DECIMALS = 4
_LARGEST = math.nextafter(math.inf, 0)

OVERSHOOT = 0.1
"""By this share of its range a percentage may pass either end of it and be held at the end.

A probe in soil that is a little drier than "dry" is no fault; one that is unplugged is far out, and must look it.
"""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """What a raw value means."""

    raw: float
    value: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A piecewise linear map. `points` are in the order of their raw values, and their values only rise or only fall.

    Beyond the outer points the outer lines go on, as far as there are numbers: JSON has no infinity, and what a node
    sends must not keep its alerts and decisions from being written down.
    """

    version: int
    made_at: datetime
    points: tuple[Point, ...]

    def value_of(self, kind: SensorKind, raw: float) -> float:
        """Give what a raw value means."""
        place = min(max(bisect_right(self.points, raw, key=_raw_of) - 1, 0), len(self.points) - 2)
        a, b = self.points[place], self.points[place + 1]
        value = a.value + (raw - a.raw) * (b.value - a.value) / (b.raw - a.raw)
        return _held(kind, round(min(max(value, -_LARGEST), _LARGEST), _DECIMALS))

    def buckets_of(self, kind: SensorKind, series: BucketSeries) -> BucketSeries:
        """Give what buckets of raw values mean.

        Least and greatest are exact, and so is the mean where the bucket lies between two points. Where it reaches over
        a point, it is what the raw mean means.
        """
        return BucketSeries(series.width_ms, tuple(self.bucket_of(kind, bucket) for bucket in series.buckets))

    def bucket_of(self, kind: SensorKind, bucket: Bucket) -> Bucket:
        """Give what one bucket of raw values means."""
        lowest, highest, mean, last = (
            self.value_of(kind, raw) for raw in (bucket.min, bucket.max, bucket.mean, bucket.last)
        )
        return Bucket(bucket.ts, min(lowest, highest), max(lowest, highest), mean, bucket.count, last)


def calibration_errors(kind: SensorKind, points: Sequence[Point]) -> list[tuple[str, str]]:
    """Say what is wrong with points, field by field."""
    if not POINTS_MIN <= len(points) <= POINTS_MAX:
        return [("points", f"must have {POINTS_MIN} to {POINTS_MAX} points; {len(points)} came")]
    measure, errors = MEASURES[kind], []
    for place, point in enumerate(points):
        if not (math.isfinite(point.raw) and abs(point.raw) <= _RAW_MAX):
            errors.append((f"points[{place}].raw", f"must be a number of at most ±{_RAW_MAX:g}"))
        if not measure.is_plausible(point.value):
            text = f"must be {measure.lowest:g} to {measure.highest:g} {measure.unit}"
            errors.append((f"points[{place}].value", text))
    if errors:
        return errors
    order = sorted(range(len(points)), key=lambda place: points[place].raw)
    falls = points[order[-1]].value < points[order[0]].value
    for before, after in pairwise(order):
        if points[before].raw == points[after].raw:
            return [(f"points[{after}].raw", f"is there twice: {points[after].raw:g}")]
        if points[before].value == points[after].value or falls != (points[after].value < points[before].value):
            text = f"must {'fall' if falls else 'rise'} with raw, all the way: {points[after].value:g} does not"
            errors.append((f"points[{after}].value", text))
    return errors


def _raw_of(point: Point) -> float:
    return point.raw


def _held(kind: SensorKind, value: float) -> float:
    measure = MEASURES[kind]
    margin = (measure.highest - measure.lowest) * OVERSHOOT if measure.unit == "%" else 0
    if measure.lowest - margin <= value <= measure.highest + margin:
        return min(max(value, measure.lowest), measure.highest)
    return value
