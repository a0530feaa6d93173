"""The safety envelope of a pump: what may run now, and for how long.

Pure: it is handed the time, and knows no clock, pin or disk.

Its time is *lived* time (see `lived.py`): it never runs ahead of real time, so whatever happens to the wall clock, a
pause is never cut short.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

DAY_MS = 24 * 60 * 60 * 1000


class Reason(StrEnum):
    """Why a run was refused, cut short or ended; the words go over the wire."""

    MAX_RUN = "max_run"
    MAX_DAY = "max_day"
    MIN_OFF = "min_off"
    RESERVOIR_EMPTY = "reservoir_empty"
    RESERVOIR_UNKNOWN = "reservoir_unknown"
    UNKNOWN_ACTUATOR = "unknown_actuator"
    BUSY = "busy"
    INVALID_COMMAND = "invalid_command"
    INVALID_DURATION = "invalid_duration"
    LEDGER_UNWRITABLE = "ledger_unwritable"
    PIN_ERROR = "pin_error"
    OFF = "off"
    REPLACED = "replaced"
    LINK_LOST = "link_lost"
    SHUTDOWN = "shutdown"
    REBOOT = "reboot"
    STALLED = "stalled"
    SUPERVISOR_LOST = "supervisor_lost"
    NO_FLOW = "no_flow"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the owner allows a pump to do."""

    max_run_ms: int = 30_000
    min_off_ms: int = 60_000
    max_day_ms: int = 300_000


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that is over, and what it counts for: as long as it ran, or, when nobody knows, as long as it was allowed
    to.
    """

    ended_ms: int
    counted_ms: int


@dataclass(frozen=True, slots=True)
class Reservoir:
    """The last word of a reservoir sensor; no level means that it could not be read."""

    level_percent: float | None
    age_ms: int
    empty_at_percent: float = 5.0
    stale_after_ms: int = 300_000

    def refusal(self) -> Reason | None:
        """Why no pump may run on this reservoir."""
        level = self.level_percent
        if level is None or not math.isfinite(level) or not 0 <= self.age_ms <= self.stale_after_ms:
            return Reason.RESERVOIR_UNKNOWN
        # A level outside the scale is a sensor that lies: it knows nothing.
        if not 0 <= level <= 100:
            return Reason.RESERVOIR_UNKNOWN
        return Reason.RESERVOIR_EMPTY if level <= self.empty_at_percent else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How long the pump may run. Zero is a refusal; a reason beside a run names the limit that cut it."""

    allowed_ms: int
    reason: Reason | None = None


def judge(
    limits: Limits,
    past: Iterable[PastRun],
    reservoirs: Iterable[Reservoir],
    *,
    now_ms: int,
    wanted_ms: int | None,
    is_running: bool = False,
) -> Verdict:
    """Decide on one request to run the pump, whoever asks."""
    if is_running:
        return Verdict(0, Reason.BUSY)
    if wanted_ms is None or wanted_ms <= 0:
        return Verdict(0, Reason.INVALID_DURATION)
    for reservoir in reservoirs:
        if (refusal := reservoir.refusal()) is not None:
            return Verdict(0, refusal)

    spent_ms = 0
    for run in past:
        if now_ms - run.ended_ms < limits.min_off_ms:
            return Verdict(0, Reason.MIN_OFF)
        # A run counts whole until its end has left the window: by then no 24 hours hold both it and the new run.
        if now_ms - run.ended_ms < DAY_MS:
            spent_ms += run.counted_ms
    left_ms = limits.max_day_ms - spent_ms
    if left_ms <= 0:
        return Verdict(0, Reason.MAX_DAY)
    if limits.max_run_ms <= 0:
        return Verdict(0, Reason.MAX_RUN)

    allowed_ms = min(wanted_ms, limits.max_run_ms, left_ms)
    if allowed_ms == wanted_ms:
        return Verdict(allowed_ms)
    return Verdict(allowed_ms, Reason.MAX_RUN if allowed_ms == limits.max_run_ms else Reason.MAX_DAY)
