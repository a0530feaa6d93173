"""Silence that lasts: a plant that is dry and gets no water for hours, for whatever reason, is told of."""

from datetime import datetime, timedelta

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertChange, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.model import Mode, PlantSnapshot
from plant_backend.domain.reason import Reason, ReasonCode

TOLD_AFTER = timedelta(hours=4)
"""How long a dry plant may be held back before that is an alert: longer than a cooldown or a node that restarts."""

_IN_ORDER = frozenset(
    {
        ReasonCode.DRY,
        ReasonCode.MOIST,
        ReasonCode.AUTOMATION_OFF,
        ReasonCode.NO_PUMP,
        ReasonCode.NO_SOIL_PROBE,
        ReasonCode.PUMP_BUSY,
        ReasonCode.COOLING_DOWN,
        ReasonCode.SOAKING,
        ReasonCode.QUIET_HOURS,
    }
)
"""Water flows, is not needed, or waits as a person wants it to."""

_HAS_ITS_OWN_ALERT = frozenset(
    {
        ReasonCode.PROBE_STALE,
        ReasonCode.PROBE_IMPLAUSIBLE,
        ReasonCode.PROBE_STUCK,
        ReasonCode.PROBE_DROPPED,
        ReasonCode.PROBES_DISAGREE,
        ReasonCode.WATERING_WITHOUT_EFFECT,
        ReasonCode.RESERVOIR_LOW,
        ReasonCode.DAILY_CAP_REACHED,
    }
)

_THIRST_UNKNOWN = frozenset({ReasonCode.NO_READING, ReasonCode.PROBE_UNCALIBRATED})
"""Nobody knows whether the soil is dry, and the rules were told to see to it."""


def held_back_since(plant: PlantSnapshot, reason: Reason, now: datetime, *, is_thirsty: bool) -> datetime | None:
    """Say since when the plant has been waiting for water that something keeps back.

    Reasons may change on the way, as they do where a probe speaks too seldom: the plant stays dry all the same.
    """
    if plant.profile.mode is not Mode.ON:
        return None
    if reason.code is ReasonCode.PUMP_BUSY:
        # What comes of it is not known yet.
        return plant.held_back_since
    comes_to_nothing = plant.pump is not None and plant.pump.failed_at is not None
    if reason.code is ReasonCode.DRY and comes_to_nothing:
        # Ordering the same again is no water either.
        return plant.held_back_since or now
    if reason.code in _IN_ORDER:
        return None
    if not is_thirsty and reason.code not in _THIRST_UNKNOWN:
        return None
    return plant.held_back_since or now


def silence_alerts(
    plant: PlantSnapshot, reason: Reason, since: datetime | None, now: datetime, *, is_thirsty: bool
) -> list[AlertChange]:
    """Tell that the plant is held back for long, and why; and that it no longer is."""
    if since is None:
        is_open = (AlertKind.NOT_WATERING, "") in plant.open_alerts
        return [ClearAlert(AlertKind.NOT_WATERING)] if is_open else []
    if now - since < TOLD_AFTER or reason.code in _HAS_ITS_OWN_ALERT or reason.code is ReasonCode.PUMP_BUSY:
        return []
    comes_to_nothing = reason.code in (ReasonCode.BACKING_OFF, ReasonCode.DRY)
    why = (sentences.orders_come_to_nothing(),) if comes_to_nothing else reason.sentences
    what = sentences.dry_without_water(since) if is_thirsty else sentences.unknown_without_water(since)
    severity = Severity.CRITICAL if is_thirsty else Severity.WARNING
    return [RaiseAlert.saying(AlertKind.NOT_WATERING, severity, what, *why)]
