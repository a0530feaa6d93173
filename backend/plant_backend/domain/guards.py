"""What keeps a pump off, whoever asks: rules, a person or Home Assistant."""

from datetime import datetime, timedelta

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertKind
from plant_backend.domain.freshness import is_fresh, is_plausible, latest
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import PlantSnapshot, Profile, PumpState
from plant_backend.domain.reason import Reason, ReasonCode

CAP_WINDOW = timedelta(hours=24)
"""The daily cap counts the run time of any 24 hours, so that midnight does not double it."""

RETRY_AFTER = timedelta(minutes=5)
"""How long the rules wait after a command that came to nothing before they try again."""


def reservoir_refusal(plant: PlantSnapshot, now: datetime) -> Reason | None:
    """Refuse on an empty reservoir, and on one that is there but cannot be read. No sensor: nothing to refuse on."""
    profile = plant.profile
    stale_after = timedelta(seconds=profile.stale_after_s)
    reservoirs = [sensor for sensor in plant.sensors if sensor.kind is SensorKind.RESERVOIR_LEVEL]
    gone = next((channel for kind, channel in plant.open_alerts if kind == AlertKind.RESERVOIR_GONE), None)
    if not reservoirs and gone is not None:
        return Reason.saying(ReasonCode.RESERVOIR_UNKNOWN, sentences.reservoir_gone(gone))
    for sensor in reservoirs:
        if not sensor.is_calibrated:
            return Reason.saying(ReasonCode.RESERVOIR_UNKNOWN, sentences.reservoir_uncalibrated(sensor.key))
        sample = latest(sensor)
        if sample is None or not is_fresh(sample, now, stale_after) or not is_plausible(sensor.kind, sample):
            return Reason.saying(ReasonCode.RESERVOIR_UNKNOWN, sentences.reservoir_unknown(sensor.key))
        if sample.value < profile.reservoir_min_percent or (
            ("reservoir_low", sensor.key) in plant.open_alerts
            and sample.value < profile.reservoir_min_percent + profile.reservoir_hysteresis_percent
        ):
            what = sentences.reservoir_low(sample.value, profile.reservoir_min_percent)
            return Reason.saying(ReasonCode.RESERVOIR_LOW, what)
    return None


def block_refusal(plant: PlantSnapshot) -> Reason | None:
    """Refuse while an alert blocks the pump until a person resolves it."""
    if plant.pump is None or (AlertKind.WATERING_WITHOUT_EFFECT, plant.pump.key) not in plant.open_alerts:
        return None
    return Reason.saying(ReasonCode.WATERING_WITHOUT_EFFECT, sentences.pump_blocked())


def dose_duration_ms(profile: Profile, pump: PumpState) -> int | None:
    """Give how long a dose runs, or None where it is in ml and the pump's flow is unknown."""
    if profile.dose_ml is None:
        return profile.dose_ms
    flow = pump.limits.flow_ml_per_min
    return max(1, profile.dose_ml * 60_000 // flow) if flow else None


def daily_cap_ms(profile: Profile, pump: PumpState) -> int:
    """Give the run time allowed in 24 hours: the profile's cap, or the node's own where that is lower."""
    limit = pump.limits.max_day_ms
    return profile.daily_cap_ms if limit is None else min(profile.daily_cap_ms, limit)


def run_refusal(
    profile: Profile, pump: PumpState, duration_ms: int, now: datetime, *, is_forced: bool
) -> Reason | None:
    """Refuse a run that the pump's own history or limits forbid. `is_forced` skips the cooldown, and nothing else."""
    if pump.limits.max_run_ms is not None and duration_ms > pump.limits.max_run_ms:
        what = sentences.run_too_long(pump.key, pump.limits.max_run_ms, duration_ms)
        return Reason.saying(ReasonCode.PUMP_LIMIT, what)
    if pump.is_busy:
        return Reason.saying(ReasonCode.PUMP_BUSY, sentences.pump_busy(pump.key))
    cap_ms = daily_cap_ms(profile, pump)
    if pump.used_ms + duration_ms > cap_ms:
        what = sentences.daily_cap_reached(pump.used_ms, cap_ms, duration_ms)
        return Reason.saying(ReasonCode.DAILY_CAP_REACHED, what)
    pause_ms = pump.limits.min_off_ms
    if pump.ended_at is not None and pause_ms and now < (ready_at := pump.ended_at + timedelta(milliseconds=pause_ms)):
        what = sentences.pump_resting(pump.key, pause_ms, ready_at)
        return Reason.saying(ReasonCode.PUMP_LIMIT, what, until=ready_at)
    if pump.started_at is not None and not is_forced:
        ready_at = pump.started_at + timedelta(seconds=profile.cooldown_s)
        if now < ready_at:
            what = sentences.cooling_down(pump.started_at, ready_at)
            return Reason.saying(ReasonCode.COOLING_DOWN, what, until=ready_at)
    return None
