"""The last day of a value as a small line: geometry only, colours are the style sheet's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plant_backend.domain.history import Bucket

WIDTH, HEIGHT = 240, 56
_SPAN = timedelta(days=1)
_LONGEST_GAP = timedelta(hours=1)
_LEAST_RANGE = 12.0
_AIR = 0.12


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Lines (one for each stretch without a gap) and the height of a limit, in a box of WIDTH × HEIGHT."""

    lines: Sequence[str]
    areas: Sequence[str]
    limit_y: float | None
    end: tuple[float, float]


def sparkline(buckets: Sequence[Bucket], now: datetime, limit: float | None) -> Sparkline | None:
    """Draw buckets of the last day. None where there is nothing to draw."""
    shown = [bucket for bucket in buckets if bucket.ts >= now - _SPAN]
    if len(shown) < 2:
        return None
    values = [bucket.mean for bucket in shown] + ([] if limit is None else [limit])
    low, high = min(values), max(values)
    if high - low < _LEAST_RANGE:
        middle = (low + high) / 2
        low, high = middle - _LEAST_RANGE / 2, middle + _LEAST_RANGE / 2
    air = (high - low) * _AIR
    low, high = low - air, high + air

    def x(at: datetime) -> float:
        return round(WIDTH * (1 - (now - at) / _SPAN), 1)

    def y(value: float) -> float:
        return round(HEIGHT * (1 - (value - low) / (high - low)), 1)

    stretches: list[list[tuple[float, float]]] = [[]]
    for index, bucket in enumerate(shown):
        if index and bucket.ts - shown[index - 1].ts > _LONGEST_GAP:
            stretches.append([])
        stretches[-1].append((x(bucket.ts), y(bucket.mean)))
    lines = ["M" + "L".join(f"{a} {b}" for a, b in stretch) for stretch in stretches if len(stretch) > 1]
    areas = [
        f"{line}L{stretch[-1][0]} {HEIGHT}L{stretch[0][0]} {HEIGHT}Z"
        for line, stretch in zip(lines, (s for s in stretches if len(s) > 1), strict=True)
    ]
    return Sparkline(lines, areas, None if limit is None else y(limit), stretches[-1][-1])
