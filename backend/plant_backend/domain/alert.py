"""Alerts: what they are about, how bad they are, and how a rule opens and clears them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    """Open an alert, or count it once more when it is open already."""

    kind: AlertKind
    severity: Severity
    message: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class ClearAlert:
    """Resolve an alert, because what it warned of is over."""

    kind: AlertKind
    message: str
    channel: str = ""


AlertChange = RaiseAlert | ClearAlert


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert with its life. At most one is open per device, kind and channel."""

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
