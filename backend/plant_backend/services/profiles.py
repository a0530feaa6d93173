"""What a profile may say."""

from zoneinfo import ZoneInfo

from plant_backend.domain.guards import dose_duration_ms
from plant_backend.domain.model import Actuator, LampMode, Profile, PumpState

LIMITS: dict[str, tuple[float, float]] = {
    "soil_moisture_min_percent": (0, 100),
    "soil_moisture_hysteresis_percent": (0, 50),
    "dose_ms": (100, 600_000),
    "dose_ml": (1, 100_000),
    "cooldown_s": (60, 30 * 24 * 3600),
    "soak_s": (0, 24 * 3600),
    "daily_cap_ms": (0, 3_600_000),
    "reservoir_min_percent": (0, 100),
    "reservoir_hysteresis_percent": (0, 50),
    "air_temperature_min_c": (-40, 85),
    "air_temperature_max_c": (-40, 85),
    "air_temperature_hysteresis_c": (0, 20),
    "air_humidity_min_percent": (0, 100),
    "air_humidity_max_percent": (0, 100),
    "air_humidity_hysteresis_percent": (0, 20),
    "stale_after_s": (30, 24 * 3600),
    "stuck_after_s": (0, 30 * 24 * 3600),
    "probe_drop_max_percent": (5, 100),
    "probe_pair_tolerance_percent": (1, 100),
    "doses_without_effect_max": (0, 100),
    "dose_rise_min_percent": (0.1, 50),
    "latitude": (-90, 90),
    "longitude": (-180, 180),
    "lamp_hours_min": (0, 24),
}
"""Lowest and highest value of a field, in its own unit."""


def profile_errors(profile: Profile) -> list[tuple[str, str]]:
    """Say what is wrong with a profile, field by field."""
    errors = []
    for name, (lowest, highest) in LIMITS.items():
        value = getattr(profile, name)
        if value is not None and not lowest <= value <= highest:
            errors.append((name, f"must be {lowest:g} to {highest:g}"))
    low, high = profile.air_temperature_min_c, profile.air_temperature_max_c
    if low is not None and high is not None and low >= high:
        errors.append(("air_temperature_min_c", f"must be below air_temperature_max_c, which is {high:g}"))
    dry, damp = profile.air_humidity_min_percent, profile.air_humidity_max_percent
    if dry is not None and damp is not None and dry >= damp:
        errors.append(("air_humidity_min_percent", f"must be below air_humidity_max_percent, which is {damp:g}"))
    if (profile.quiet_from is None) != (profile.quiet_until is None):
        errors.append(("quiet_from", "give both quiet_from and quiet_until, or neither"))
    for name in ("quiet_from", "quiet_until"):
        moment = getattr(profile, name)
        if moment is not None and moment.tzinfo is not None:
            errors.append((name, "must be a time of day without an offset; its zone is time_zone"))
    if profile.quiet_from is not None and profile.quiet_from == profile.quiet_until:
        errors.append(("quiet_until", "must differ from quiet_from: the pump would never run"))
    if not is_time_zone(profile.time_zone):
        errors.append(("time_zone", "must be the IANA name of a time zone, such as Europe/Berlin"))
    if profile.soil_moisture_min_percent + profile.soil_moisture_hysteresis_percent > 100:
        errors.append(("soil_moisture_hysteresis_percent", "minimum + hysteresis must be at most 100"))
    if 0 < profile.daily_cap_ms < profile.dose_ms:
        errors.append(("dose_ms", f"must be at most daily_cap_ms, which is {profile.daily_cap_ms}"))
    return [*errors, *_lamp_errors(profile)]


def pump_errors(profile: Profile, pump: Actuator | None) -> list[tuple[str, str]]:
    """Say which dose the node would not run."""
    limit_ms = pump.limits.max_run_ms if pump else None
    if pump is None or limit_ms is None:
        return []
    if profile.dose_ms > limit_ms:
        return [("dose_ms", f"must be at most {limit_ms}, which is what the node allows")]
    dose_ms = dose_duration_ms(profile, PumpState(pump.key, pump.limits))
    if profile.dose_ml is not None and (dose_ms or 0) > limit_ms:
        return [("dose_ml", f"takes {dose_ms} ms; the node allows at most {limit_ms}")]
    return []


def is_time_zone(name: str) -> bool:
    """Tell whether there is an IANA zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # A name that nobody knows is a KeyError of its own kind, one that leads out of the folder a ValueError.
        return False
    return True


def _lamp_errors(profile: Profile) -> list[tuple[str, str]]:
    errors: list[tuple[str, str]] = []
    needed: dict[LampMode, tuple[str, ...]] = {
        LampMode.OFF: (),
        LampMode.FIXED: ("lamp_on_at", "lamp_off_at"),
        LampMode.SUN: ("latitude", "longitude"),
    }
    missing = [name for name in needed[profile.lamp_mode] if getattr(profile, name) is None]
    errors += [(name, f"is required when lamp_mode is {profile.lamp_mode}") for name in missing]
    if profile.lamp_on_at is not None and profile.lamp_on_at == profile.lamp_off_at:
        errors.append(("lamp_off_at", "must differ from lamp_on_at"))
    for name in ("lamp_on_at", "lamp_off_at"):
        moment = getattr(profile, name)
        if moment is not None and moment.tzinfo is not None:
            errors.append((name, "must be a time of day without an offset; its zone is time_zone"))
    return errors
