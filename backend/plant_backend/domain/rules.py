"""The server rules: from one device's state and the time to what shall be done, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertChange, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.climate import climate_alerts
from plant_backend.domain.effect import after_dose, effect_alerts, effect_refusal, observe
from plant_backend.domain.freshness import latest
from plant_backend.domain.guards import RETRY_AFTER, daily_cap_ms, dose_duration_ms, reservoir_refusal, run_refusal
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.lamp import LampOrder, lamp_decision
from plant_backend.domain.model import NO_DOSES, DoseEffect, Mode, PlantSnapshot, Profile, PumpState, SensorState
from plant_backend.domain.probes import (
    is_watched,
    probe_alerts,
    probe_refusal,
    soil_probe,
    stale_after,
    steadiness_refusal,
    trusted_value,
)
from plant_backend.domain.quiet import quiet_refusal
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.silence import TOLD_AFTER, held_back_since, silence_alerts

CAP_ALERT_ENDS_AT = 0.5
"""The share of the daily cap that must be unused again before its alert ends: at the cap each hour frees one dose."""


@dataclass(frozen=True, slots=True)
class Dose:
    """One run of one pump."""

    actuator: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules want done for one device at one instant, and why.

    doses, lamp: to be queued, unless the mode is `shadow`. reasons: of the watering, then of the lamp.
    is_thirsty, effect, held_back_since: what to remember until the next time.
    wake_at: when to look again though nothing was heard.
    """

    doses: tuple[Dose, ...]
    alerts: tuple[AlertChange, ...]
    reasons: tuple[Reason, ...]
    is_thirsty: bool
    wake_at: datetime | None
    effect: DoseEffect = NO_DOSES
    lamp: LampOrder | None = None
    held_back_since: datetime | None = None


def decide(plant: PlantSnapshot, now: datetime) -> Decision:
    """Apply the plant's profile to its latest readings. Pure: the same snapshot and time give the same decision."""
    is_thirsty, effect = _thirst(plant, now), observe(plant, now)
    duration_ms = None if plant.pump is None else dose_duration_ms(plant.profile, plant.pump)
    refusal = _watering_refusal(plant, effect, duration_ms, now, is_thirsty=is_thirsty)
    alerts = [
        *probe_alerts(plant, now),
        *_reservoir_alerts(plant, now),
        *climate_alerts(plant, now),
        *effect_alerts(plant, effect),
        *_cap_alerts(plant, refusal, is_thirsty=is_thirsty),
    ]
    doses: tuple[Dose, ...] = ()
    reason = refusal or Reason.saying(ReasonCode.NO_PUMP, sentences.no_pump())
    if refusal is None and plant.pump is not None and duration_ms is not None:
        doses = (Dose(plant.pump.key, duration_ms),)
        effect = after_dose(plant, effect, now)
        reason = _dry(plant, duration_ms)
    since = held_back_since(plant, reason, now, is_thirsty=is_thirsty)
    alerts += silence_alerts(plant, reason, since, now, is_thirsty=is_thirsty)
    order, lamp_reason, lamp_wake_at = lamp_decision(plant.profile, plant.lamp, now)
    reasons = (reason,) if lamp_reason is None else (reason, lamp_reason)
    told_at = None if since is None else since + TOLD_AFTER
    wake_at = _wake_at(plant, now, reason.until, lamp_wake_at, told_at)
    return Decision(doses, tuple(alerts), reasons, is_thirsty, wake_at, effect, order, since)


def _thirst(plant: PlantSnapshot, now: datetime) -> bool:
    """Keep the hysteresis: thirst begins under the minimum and ends above minimum + hysteresis."""
    probe = soil_probe(plant)
    value = trusted_value(plant, probe, now) if probe else None
    if value is None:
        return plant.is_thirsty
    profile = plant.profile
    if value < profile.soil_moisture_min_percent:
        return True
    return plant.is_thirsty and value < profile.soil_moisture_min_percent + profile.soil_moisture_hysteresis_percent


def _watering_refusal(
    plant: PlantSnapshot, effect: DoseEffect, duration_ms: int | None, now: datetime, *, is_thirsty: bool
) -> Reason | None:
    """Give the first reason not to water, from the plainest to the subtlest."""
    profile, pump, probe = plant.profile, plant.pump, soil_probe(plant)
    if pump is None:
        return Reason.saying(ReasonCode.NO_PUMP, sentences.no_pump())
    if profile.mode is Mode.OFF:
        return Reason.saying(ReasonCode.AUTOMATION_OFF, sentences.automation_off())
    if probe is None:
        return Reason.saying(ReasonCode.NO_SOIL_PROBE, sentences.no_soil_probe())
    refusal = probe_refusal(plant, probe, now)
    if refusal is not None:
        return refusal
    if not is_thirsty:
        return _moist(probe, profile)
    if duration_ms is None:
        return Reason.saying(ReasonCode.NO_FLOW_RATE, sentences.no_flow_rate(pump.key))
    return (
        effect_refusal(effect)
        or reservoir_refusal(plant, now)
        or run_refusal(profile, pump, duration_ms, now, is_forced=False)
        or _pause_refusal(profile, pump, now)
        or steadiness_refusal(plant, probe, now)
        or quiet_refusal(profile, now)
    )


def _pause_refusal(profile: Profile, pump: PumpState, now: datetime) -> Reason | None:
    if pump.ended_at is not None and now < (soaked_at := pump.ended_at + timedelta(seconds=profile.soak_s)):
        return Reason.saying(ReasonCode.SOAKING, sentences.soaking(soaked_at), until=soaked_at)
    if pump.failed_at is not None and now < (retry_at := pump.failed_at + RETRY_AFTER):
        return Reason.saying(ReasonCode.BACKING_OFF, sentences.backing_off(), until=retry_at)
    return None


def _dry(plant: PlantSnapshot, duration_ms: int) -> Reason:
    probe, profile = soil_probe(plant), plant.profile
    sample = latest(probe) if probe else None
    value = sample.value if sample else float("nan")
    least = profile.soil_moisture_min_percent
    target = least + profile.soil_moisture_hysteresis_percent
    return Reason.saying(ReasonCode.DRY, sentences.dry(value, least, target, duration_ms))


def _moist(probe: SensorState, profile: Profile) -> Reason:
    sample = latest(probe)
    value = sample.value if sample else float("nan")
    return Reason.saying(ReasonCode.MOIST, sentences.moist(value, profile.soil_moisture_min_percent))


def _reservoir_alerts(plant: PlantSnapshot, now: datetime) -> list[AlertChange]:
    profile = plant.profile
    changes: list[AlertChange] = []
    for sensor in plant.sensors:
        value = trusted_value(plant, sensor, now) if sensor.kind is SensorKind.RESERVOIR_LEVEL else None
        if value is None:
            continue
        is_open = (AlertKind.RESERVOIR_LOW, sensor.key) in plant.open_alerts
        if value < profile.reservoir_min_percent:
            what = sentences.reservoir_to_refill(value)
            changes.append(RaiseAlert.saying(AlertKind.RESERVOIR_LOW, Severity.CRITICAL, what, channel=sensor.key))
        elif is_open and value >= profile.reservoir_min_percent + profile.reservoir_hysteresis_percent:
            changes.append(ClearAlert(AlertKind.RESERVOIR_LOW, sensor.key))
    return changes


def _cap_alerts(plant: PlantSnapshot, refusal: Reason | None, *, is_thirsty: bool) -> list[AlertChange]:
    if refusal is not None and refusal.code is ReasonCode.DAILY_CAP_REACHED and plant.pump is not None:
        what = (sentences.dry_at_daily_cap(), *refusal.sentences)
        return [RaiseAlert.saying(AlertKind.DAILY_CAP_REACHED, Severity.WARNING, *what, channel=plant.pump.key)]
    channel = plant.pump.key if plant.pump else ""
    has_cap_left = plant.pump is not None and _has_cap_left(plant.profile, plant.pump)
    is_over = not is_thirsty or (refusal is None and has_cap_left)
    if is_over and (AlertKind.DAILY_CAP_REACHED, channel) in plant.open_alerts:
        return [ClearAlert(AlertKind.DAILY_CAP_REACHED, channel)]
    return []


def _has_cap_left(profile: Profile, pump: PumpState) -> bool:
    return pump.used_ms <= daily_cap_ms(profile, pump) * CAP_ALERT_ENDS_AT


def _wake_at(plant: PlantSnapshot, now: datetime, *moments: datetime | None) -> datetime | None:
    """Look again at the first of these moments, and when a fresh probe would turn stale."""
    candidates = [
        sample.ts + stale_after(plant.profile) + timedelta(seconds=1)
        for sensor in plant.sensors
        if is_watched(plant.profile, sensor.kind) and (sample := latest(sensor)) is not None
    ]
    candidates += [moment for moment in moments if moment is not None]
    return min((moment for moment in candidates if moment > now), default=None)
