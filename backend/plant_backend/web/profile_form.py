"""A profile as a form: what is shown of it, and what a person made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import time
from typing import Any

from plant_backend.domain.model import LampCatchUp, LampMode, Mode, Profile
from plant_backend.services.profiles import LIMITS
from plant_backend.web.visit import Form
from plant_backend.wording.formats import Formats
from plant_backend.wording.language import Say, mark


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of the profile. `per` is how many of the profile's units make one of the form's."""

    unit: str
    per: int = 1
    digits: int = 1
    is_whole: bool = False
    may_be_empty: bool = False

    def limits(self, name: str) -> tuple[float, float]:
        """Give the lowest and the highest value, in the form's unit."""
        low, high = LIMITS[name]
        return low / self.per, high / self.per


PERCENT, DEGREES = Amount("%"), Amount("°C")

AMOUNTS: dict[str, Amount] = {
    "soil_moisture_min_percent": PERCENT,
    "soil_moisture_hysteresis_percent": PERCENT,
    "dose_ms": Amount("s", 1000, is_whole=True),
    "dose_ml": Amount("ml", digits=0, is_whole=True, may_be_empty=True),
    "cooldown_s": Amount("min", 60, is_whole=True),
    "soak_s": Amount("min", 60, is_whole=True),
    "daily_cap_ms": Amount("s", 1000, is_whole=True),
    "reservoir_min_percent": PERCENT,
    "air_temperature_min_c": replace(DEGREES, may_be_empty=True),
    "air_temperature_max_c": replace(DEGREES, may_be_empty=True),
    "air_humidity_min_percent": replace(PERCENT, may_be_empty=True),
    "air_humidity_max_percent": replace(PERCENT, may_be_empty=True),
    "stale_after_s": Amount("min", 60, is_whole=True),
    "stuck_after_s": Amount("h", 3600, is_whole=True),
    "probe_drop_max_percent": PERCENT,
    "probe_pair_tolerance_percent": replace(PERCENT, may_be_empty=True),
    "doses_without_effect_max": Amount("", digits=0, is_whole=True),
    "dose_rise_min_percent": PERCENT,
    "latitude": Amount("°", digits=4, may_be_empty=True),
    "longitude": Amount("°", digits=4, may_be_empty=True),
    "lamp_hours_min": Amount("h"),
}

TIMES = ("quiet_from", "quiet_until", "lamp_on_at", "lamp_off_at")

_REFUSALS: dict[str, str] = {
    "soil_moisture_hysteresis_percent": mark("Minimum and rise together may be 100 % at most."),
    "dose_ms": mark("A dose must fit into what is allowed in 24 hours, and into the node's longest run."),
    "dose_ml": mark("The node does not let its pump run for so long."),
    "air_temperature_min_c": mark("The lowest temperature must be below the highest."),
    "air_humidity_min_percent": mark("The lowest humidity must be below the highest."),
    "quiet_from": mark("Give both times, or neither."),
    "quiet_until": mark("The two times must differ: the pump would never run."),
    "time_zone": mark("Give the name of a time zone, such as Europe/Berlin."),
    "lamp_on_at": mark("The lamp needs both times."),
    "lamp_off_at": mark("The lamp needs two times that differ."),
    "latitude": mark("To follow the sun, the lamp needs its place."),
    "longitude": mark("To follow the sun, the lamp needs its place."),
}
"""What the services refuse beyond the limits of single fields."""


def shown(profile: Profile) -> dict[str, str]:
    """Give all fields as a form holds them: plain numbers, times as HH:MM, nothing as an empty text."""
    values = {}
    for field in fields(profile):
        value = getattr(profile, field.name)
        if field.name in AMOUNTS and value is not None:
            value = f"{value / AMOUNTS[field.name].per:.6f}".rstrip("0").rstrip(".")
        elif isinstance(value, time):
            value = f"{value:%H:%M}"
        values[field.name] = "" if value is None else str(value)
    return values


def parse(form: Form, profile: Profile, say: Say, formats: Formats) -> tuple[Profile, dict[str, str]]:
    """Give the profile that a form describes, and what cannot be read, by field. What a form lacks stays as it is."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in AMOUNTS.keys() & form.keys():
        try:
            values[name] = _amount(name, form[name])
        except ValueError:
            low, high = (formats.number(limit, 2) for limit in AMOUNTS[name].limits(name))
            problems[name] = say("Give a number from %(low)s to %(high)s.", low=low, high=high)
    for name in form.keys() & set(TIMES):
        try:
            values[name] = time.fromisoformat(form[name]) if form[name].strip() else None
        except ValueError:
            problems[name] = say("Give a time such as 06:30.")
    choices: Mapping[str, type[Mode] | type[LampMode] | type[LampCatchUp]] = {
        "mode": Mode,
        "lamp_mode": LampMode,
        "lamp_catch_up": LampCatchUp,
    }
    for name in choices.keys() & form.keys():
        try:
            values[name] = choices[name](form[name])
        except ValueError:
            problems[name] = say("Choose one of these.")
    if "time_zone" in form:
        values["time_zone"] = form["time_zone"].strip()[:64]
    return replace(profile, **values), problems


def refused(errors: Mapping[str, str], say: Say) -> dict[str, str]:
    """Put what the services refuse into the person's words, by field."""
    told = {}
    for field, message in errors.items():
        name = field.removeprefix("profile.")
        known = _REFUSALS.get(name)
        told[name] = say(known) if known is not None else message
    return told


def _amount(name: str, text: str) -> float | int | None:
    """Raises ValueError."""
    amount, text = AMOUNTS[name], text.strip().replace(",", ".")
    if not text:
        if amount.may_be_empty:
            return None
        raise ValueError
    value, (low, high) = float(text), amount.limits(name)
    if not low <= value <= high:
        raise ValueError
    return round(value * amount.per) if amount.is_whole else value
