"""Whether a measured value may be acted on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from plant_backend.domain.kinds import MEASURES, SensorKind
from plant_backend.domain.model import Sample, SensorState

CLOCK_TOLERANCE = timedelta(seconds=60)
"""How far in the future a sample may lie before its time is disbelieved."""


def is_fresh(sample: Sample, now: datetime, stale_after: timedelta) -> bool:
    """Tell whether a sample is recent enough. One from the future is not: its clock or ours is wrong."""
    return -CLOCK_TOLERANCE <= now - sample.ts <= stale_after


def is_plausible(kind: SensorKind, sample: Sample) -> bool:
    """Tell whether a working sensor of this kind could have measured the sample."""
    return MEASURES[kind].is_plausible(sample.value)


def latest(sensor: SensorState) -> Sample | None:
    """Give the newest sample, if there is one."""
    return sensor.samples[-1] if sensor.samples else None


def agree(samples: Sequence[Sample], tolerance: float) -> bool:
    """Tell whether the values lie within `tolerance` of each other."""
    values = [sample.value for sample in samples]
    return max(values) - min(values) <= tolerance
