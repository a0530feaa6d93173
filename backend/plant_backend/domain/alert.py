"""Alerts: what they are about, how bad they are, and how a rule opens and clears them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.sentence import Sentence, english

SHORTEST_SNOOZE = timedelta(minutes=15)
LONGEST_SNOOZE = timedelta(days=7)
BELIEVED_SNOOZE = LONGEST_SNOOZE + timedelta(hours=1)
"""An end further ahead was written by a clock that has been set back since: such a snooze is over."""


class Severity(StrEnum):
    """How bad it is: a warning can wait, a critical alert means that plants or floors are at risk."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlertKind(StrEnum):
    """What an alert is about."""

    RESERVOIR_LOW = "reservoir_low"
    AIR_TEMPERATURE_LOW = "air_temperature_low"
    AIR_TEMPERATURE_HIGH = "air_temperature_high"
    PROBE_STALE = "probe_stale"
    PROBE_IMPLAUSIBLE = "probe_implausible"
    PROBE_STUCK = "probe_stuck"
    PROBE_DROPPED = "probe_dropped"
    PROBES_DISAGREE = "probes_disagree"
    AIR_HUMIDITY_LOW = "air_humidity_low"
    AIR_HUMIDITY_HIGH = "air_humidity_high"
    WATERING_WITHOUT_EFFECT = "watering_without_effect"
    DAILY_CAP_REACHED = "daily_cap_reached"
    COMMAND_TIMED_OUT = "command_timed_out"
    COMMAND_FAILED = "command_failed"
    RULES_FAILED = "rules_failed"
    RESERVOIR_GONE = "reservoir_gone"
    PROBE_GONE = "probe_gone"
    CHANNEL_GONE = "channel_gone"
    NOT_WATERING = "not_watering"


class AlertState(StrEnum):
    """An alert is open until a person or a rule resolves it."""

    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class RaiseAlert:
    """Open an alert, or count it once more when it is open already. message: the sentences in the API's English."""

    kind: AlertKind
    severity: Severity
    message: str
    channel: str = ""
    sentences: tuple[Sentence, ...] = ()

    @classmethod
    def saying(cls, kind: AlertKind, severity: Severity, *sentences: Sentence, channel: str = "") -> Self:
        """Make an alert of its sentences."""
        return cls(kind, severity, english(sentences), channel, sentences)


@dataclass(frozen=True, slots=True)
class ClearAlert:
    """Resolve an alert, because what it warned of is over."""

    kind: AlertKind
    channel: str = ""


AlertChange = RaiseAlert | ClearAlert


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert with its life. At most one is open per device, kind and channel.

    A snoozed alert is as open as any other: it guards its pump. Only nobody is called until `snoozed_until`.
    sentences: what `message` says in English; none where an earlier version wrote the alert down.
    """

    id: int
    device_id: str
    kind: AlertKind
    channel: str
    severity: Severity
    state: AlertState
    message: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    snoozed_until: datetime | None = None
    sentences: tuple[Sentence, ...] = ()

    def is_snoozed(self, now: datetime) -> bool:
        """Tell whether nobody is to be called."""
        return self.snoozed_until is not None and now < self.snoozed_until <= now + BELIEVED_SNOOZE


def snooze_end(minutes: int | None, until: datetime | None, now: datetime) -> datetime:
    """Give when a snooze ends that lasts some minutes or until some moment. Raises InvalidInput."""
    if (minutes is None) == (until is None):
        raise InvalidInput([("minutes", "give either minutes or until")])
    if minutes is not None:
        least, most = SHORTEST_SNOOZE // timedelta(minutes=1), LONGEST_SNOOZE // timedelta(minutes=1)
        if not least <= minutes <= most:
            raise InvalidInput([("minutes", f"must be between {least} and {most}, which is 7 days")])
        return now + timedelta(minutes=minutes)
    if until is None or until.tzinfo is None:
        raise InvalidInput([("until", "must have a time zone, such as 2026-07-01T18:00:00Z")])
    if not SHORTEST_SNOOZE <= until - now <= LONGEST_SNOOZE:
        raise InvalidInput([("until", "must be between 15 minutes and 7 days from now")])
    return until
