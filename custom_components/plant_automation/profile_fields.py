"""The fields of a profile that Home Assistant offers, with the ranges that the backend allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Final

from .api import Profile


@dataclass(frozen=True, slots=True)
class Range:
    """What a number may be. `is_optional`: none switches the limit off."""

    low: float
    high: float
    is_whole: bool = False
    is_optional: bool = False


NUMBERS: Final[Mapping[str, Range]] = {
    "soil_moisture_min_percent": Range(0, 100),
    "soil_moisture_hysteresis_percent": Range(0, 50),
    "dose_ms": Range(100, 600_000, is_whole=True),
    "dose_ml": Range(1, 100_000, is_whole=True, is_optional=True),
    "cooldown_s": Range(60, 30 * 24 * 3600, is_whole=True),
    "soak_s": Range(0, 24 * 3600, is_whole=True),
    "daily_cap_ms": Range(0, 3_600_000, is_whole=True),
    "reservoir_min_percent": Range(0, 100),
    "reservoir_hysteresis_percent": Range(0, 50),
    "air_temperature_min_c": Range(-40, 85, is_optional=True),
    "air_temperature_max_c": Range(-40, 85, is_optional=True),
    "air_temperature_hysteresis_c": Range(0, 20),
    "air_humidity_min_percent": Range(0, 100, is_optional=True),
    "air_humidity_max_percent": Range(0, 100, is_optional=True),
    "air_humidity_hysteresis_percent": Range(0, 20),
    "stale_after_s": Range(30, 24 * 3600, is_whole=True),
    "stuck_after_s": Range(0, 30 * 24 * 3600, is_whole=True),
    "probe_drop_max_percent": Range(5, 100),
    "probe_pair_tolerance_percent": Range(1, 100, is_optional=True),
    "doses_without_effect_max": Range(0, 100, is_whole=True),
    "dose_rise_min_percent": Range(0.1, 50),
    "latitude": Range(-90, 90, is_optional=True),
    "longitude": Range(-180, 180, is_optional=True),
    "lamp_hours_min": Range(0, 24),
}

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "mode": ("off", "shadow", "on"),
    "lamp_mode": ("off", "fixed", "sun"),
    "lamp_catch_up": ("run_late", "skip"),
}

MOMENTS: Final = ("lamp_on_at", "lamp_off_at", "quiet_from", "quiet_until")
"""Times of day in the profile's `time_zone`."""

QUIET_HOURS: Final[Mapping[str, time]] = {"quiet_from": time(22), "quiet_until": time(7)}
"""Neither is without the other: what the one begins with when the other is set first."""

ZONE_NEVER_SET: Final = "UTC"


def in_home(profile: Profile, changes: Mapping[str, Any], time_zone: str, place: tuple[float, float]) -> dict[str, Any]:
    """Add to changes of a profile what a person at home means with them.

    The first time of day that a profile gets is one of home's clock, not of the backend's default zone; the sun is that
    over home; and quiet hours have two ends.
    """
    wanted = dict(changes)
    for name, usual in QUIET_HOURS.items():
        (other,) = QUIET_HOURS.keys() - {name}
        if wanted.get(other) is not None and name not in wanted and profile.get(name) is None:
            wanted[name] = usual.isoformat()
    sets_a_time = any(wanted.get(name) is not None for name in MOMENTS)
    has_times = any(profile.get(name) is not None for name in MOMENTS)
    if sets_a_time and not has_times and profile.get("time_zone") == ZONE_NEVER_SET:
        wanted.setdefault("time_zone", time_zone)
    if wanted.get("lamp_mode") == "sun":
        for name, value in zip(("latitude", "longitude"), place, strict=True):
            if profile.get(name) is None:
                wanted.setdefault(name, value)
    return wanted
