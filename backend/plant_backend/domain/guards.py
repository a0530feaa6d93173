"""What keeps a pump off, whoever asks: rules, a person or Home Assistant."""

from datetime import datetime, timedelta

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
        text = (
            f"The node no longer names its reservoir sensor {gone}: resolve the alert if it was taken away on purpose."
        )
        return Reason(ReasonCode.RESERVOIR_UNKNOWN, text)
    for sensor in reservoirs:
        if not sensor.is_calibrated:
            text = f"The reservoir sensor {sensor.key} sends raw values: calibrate it, so that they mean something."
            return Reason(ReasonCode.RESERVOIR_UNKNOWN, text)
        sample = latest(sensor)
        if sample is None or not is_fresh(sample, now, stale_after) or not is_plausible(sensor.kind, sample):
            return Reason(ReasonCode.RESERVOIR_UNKNOWN, f"The reservoir sensor {sensor.key} gives no value to trust.")
        if sample.value < profile.reservoir_min_percent or (
            ("reservoir_low", sensor.key) in plant.open_alerts
            and sample.value < profile.reservoir_min_percent + profile.reservoir_hysteresis_percent
        ):
            return Reason(
                ReasonCode.RESERVOIR_LOW,
                f"The reservoir is at {sample.value:g} %, the minimum is {profile.reservoir_min_percent:g} %.",
            )
    return None


def block_refusal(plant: PlantSnapshot) -> Reason | None:
    """Refuse while an alert blocks the pump until a person resolves it."""
    if plant.pump is None or (AlertKind.WATERING_WITHOUT_EFFECT, plant.pump.key) not in plant.open_alerts:
        return None
    text = "The last doses had no effect: the pump is blocked until a person resolves the alert."
    return Reason(ReasonCode.WATERING_WITHOUT_EFFECT, text)


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
        return Reason(
            ReasonCode.PUMP_LIMIT,
            f"The node runs {pump.key} for at most {pump.limits.max_run_ms} ms; {duration_ms} ms were asked for.",
        )
    if pump.is_busy:
        return Reason(ReasonCode.PUMP_BUSY, f"A command for {pump.key} is under way.")
    cap_ms = daily_cap_ms(profile, pump)
    if pump.used_ms + duration_ms > cap_ms:
        return Reason(
            ReasonCode.DAILY_CAP_REACHED,
            f"{pump.used_ms} ms of the {cap_ms} ms allowed in 24 hours are used; {duration_ms} ms more would pass it.",
        )
    pause_ms = pump.limits.min_off_ms
    if pump.ended_at is not None and pause_ms and now < (ready_at := pump.ended_at + timedelta(milliseconds=pause_ms)):
        text = f"The node lets {pump.key} rest for {pause_ms} ms after a run, until {ready_at:%H:%M:%S} UTC."
        return Reason(ReasonCode.PUMP_LIMIT, text, ready_at)
    if pump.started_at is not None and not is_forced:
        ready_at = pump.started_at + timedelta(seconds=profile.cooldown_s)
        if now < ready_at:
            text = (
                f"The last run began at {pump.started_at:%H:%M:%S} UTC; the next may begin at {ready_at:%H:%M:%S} UTC."
            )
            return Reason(ReasonCode.COOLING_DOWN, text, ready_at)
    return None
