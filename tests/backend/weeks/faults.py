"""What can be wrong with a plant's hardware, its node and its backend, one thing at a time."""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """One thing that is wrong from some moment of the week on."""

    NONE = "none"
    STUCK_PROBE = "stuck probe"
    UNPLUGGED_PROBE = "unplugged probe, reads 0 %"
    FLOATING_PROBE = "unplugged probe, reads nonsense"
    SILENT_PROBE = "probe falls silent"
    PULLED_PROBE = "probe out of the soil"
    NOISY_PROBE = "noisy probe"
    DRIFTING_PROBE = "probe drifts towards dry"
    DRIFTING_PAIR = "the same, with a second probe in the pot"
    EMPTY_TANK = "empty tank"
    LYING_TANK = "empty tank, its sensor says 80 %"
    CLOGGED_HOSE = "clogged hose"
    LEAK = "leak: all water goes beside the pot"
    PARTIAL_LEAK = "leak: 70 % of the water goes beside the pot"
    PUMP_RUNS_ON = "pump runs on, three times as long"
    LOST_ACKS = "half of all acks are lost"
    NODE_REBOOTS = "node reboots in every second run"
    BACKEND_RESTARTS = "backend is away for up to 30 min, often"
    CLOCK_JUMPS = "backend's clock jumps, ±5 min … ±3 days"
    LATE_BATCHES = "link is down for hours, then all comes late"


@dataclass(frozen=True, slots=True)
class Promise:
    """What the rules promise under a fault.

    most_doses: after it began, in any week; None where only the daily cap bounds them. is_survivable: the plant still
    gets its water.
    """

    most_doses: int | None = None
    is_survivable: bool = False


PROMISES = {
    Fault.NONE: Promise(is_survivable=True),
    Fault.STUCK_PROBE: Promise(5),
    Fault.UNPLUGGED_PROBE: Promise(5),
    Fault.FLOATING_PROBE: Promise(0),
    Fault.SILENT_PROBE: Promise(1),
    Fault.PULLED_PROBE: Promise(5),
    Fault.NOISY_PROBE: Promise(),
    Fault.DRIFTING_PROBE: Promise(),
    Fault.DRIFTING_PAIR: Promise(20),
    Fault.EMPTY_TANK: Promise(0),
    Fault.LYING_TANK: Promise(12),
    Fault.CLOGGED_HOSE: Promise(12),
    Fault.LEAK: Promise(12),
    Fault.PARTIAL_LEAK: Promise(),
    Fault.PUMP_RUNS_ON: Promise(is_survivable=True),
    Fault.LOST_ACKS: Promise(is_survivable=True),
    Fault.NODE_REBOOTS: Promise(is_survivable=True),
    Fault.BACKEND_RESTARTS: Promise(is_survivable=True),
    Fault.CLOCK_JUMPS: Promise(is_survivable=True),
    Fault.LATE_BATCHES: Promise(is_survivable=True),
}
