"""Why something was done or not done: a code for programs and a sentence for people."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from plant_backend.domain.sentence import Sentence, english


class ReasonCode(StrEnum):
    """Every answer to "why did it, or did it not, water?", and why the lamp does what it does."""

    DRY = "dry"
    MOIST = "moist"
    AUTOMATION_OFF = "automation_off"
    NO_PUMP = "no_pump"
    NO_SOIL_PROBE = "no_soil_probe"
    NO_READING = "no_reading"
    PROBE_UNCALIBRATED = "probe_uncalibrated"
    PROBE_STALE = "probe_stale"
    PROBE_IMPLAUSIBLE = "probe_implausible"
    PROBE_UNSTEADY = "probe_unsteady"
    PROBE_STUCK = "probe_stuck"
    PROBE_DROPPED = "probe_dropped"
    PROBES_DISAGREE = "probes_disagree"
    QUIET_HOURS = "quiet_hours"
    WATERING_WITHOUT_EFFECT = "watering_without_effect"
    NO_FLOW_RATE = "no_flow_rate"
    RESERVOIR_LOW = "reservoir_low"
    RESERVOIR_UNKNOWN = "reservoir_unknown"
    PUMP_BUSY = "pump_busy"
    COOLING_DOWN = "cooling_down"
    SOAKING = "soaking"
    BACKING_OFF = "backing_off"
    DAILY_CAP_REACHED = "daily_cap_reached"
    PUMP_LIMIT = "pump_limit"
    LAMP_ON = "lamp_on"
    LAMP_OFF = "lamp_off"
    LAMP_BY_HAND = "lamp_by_hand"
    LAMP_SKIPPED = "lamp_skipped"
    LAMP_BACKING_OFF = "lamp_backing_off"
    CLOCK_WRONG = "clock_wrong"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. `until` is when it ends at the latest, where that is known.

    text: the sentences in the API's English. sentences: none where an earlier version wrote the reason down.
    """

    code: ReasonCode
    text: str
    until: datetime | None = None
    sentences: tuple[Sentence, ...] = ()

    @classmethod
    def saying(cls, code: ReasonCode, *sentences: Sentence, until: datetime | None = None) -> Self:
        """Make a reason of its sentences."""
        return cls(code, english(sentences), until, sentences)
