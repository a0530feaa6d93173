"""When somebody filled a reservoir, as its level tells."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime

RISE_PERCENT = 10.0
"""A level that rises by so much was helped: gauges swing by less."""

_LOOK_BACK = 3
"""So many levels before count: over days a gauge may drift by more than a refill."""


def refills(levels: Iterable[tuple[datetime, float]]) -> Sequence[datetime]:
    """Give when each refill was first seen. `levels` are in percent, in order of time; one that rises on is one."""
    found: list[datetime] = []
    recent: deque[float] = deque(maxlen=_LOOK_BACK)
    is_rising = False
    for at, level in levels:
        has_risen = bool(recent) and level - min(recent) >= RISE_PERCENT
        if has_risen:
            if not is_rising:
                found.append(at)
            recent.clear()
        is_rising = has_risen
        recent.append(level)
    return found
