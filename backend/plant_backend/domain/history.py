"""History as it is read: spans of time with what was measured in them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a sensor measured from `ts` on, for the width of its series. `last` is the newest value in it."""

    ts: datetime
    min: float
    max: float
    mean: float
    count: int
    last: float


@dataclass(frozen=True, slots=True)
class BucketSeries:
    """Buckets in the order of time; where nothing was measured there is none.

    width_ms: how long each bucket is; None where each holds one reading, at its exact time.
    """

    width_ms: int | None
    buckets: tuple[Bucket, ...]
