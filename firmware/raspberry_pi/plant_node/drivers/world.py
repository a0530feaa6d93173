"""A plant in a pot, with a reservoir, in a room with days and nights. Pure: it is handed the time and the water.

The soil dries towards its wilting point, faster in light and warmth. Pumped water sits on top and seeps in over some
minutes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from plant_node.config_entry import ConfigError
from plant_node.drivers.faults import Fault

HOUR_MS = 3_600_000
_STEP_MS = 60_000
_MOST_STEPS = 5_000
UNPLUGGED_PERCENT = -17.5
"""What a capacitive probe's calibration makes of the voltage at an open input."""
_NOISY_PERCENT = 6.0


@dataclass(frozen=True, slots=True)
class WorldParameters:
    """What the simulated plant is like.

    Set with [simulated] in the configuration or PLANT_NODE_SIM_… in the environment.
    """

    seed: int = 1
    soil_percent: float = 45.0
    wilting_percent: float = 8.0
    drying_hours: float = 72.0
    percent_per_ml: float = 0.1
    seep_minutes: float = 4.0
    reservoir_ml: float = 2000.0
    reservoir_percent: float = 100.0
    mean_temperature: float = 21.0
    temperature_swing: float = 4.0
    daylight_lux: float = 12_000.0
    lamp_lux: float = 8_000.0
    utc_offset_hours: float = 0.0
    noise: float = 1.0

    @classmethod
    def build(cls, from_file: Mapping[str, Any], from_env: Mapping[str, str]) -> WorldParameters:
        """The defaults, changed by the file, changed by the environment.

        Raises ConfigError.
        """
        # Faults are read by `faults.py`.
        known = {each.name for each in fields(cls)}
        values: dict[str, float] = {}
        for source, prefix in ((from_file, "simulated."), (from_env, "PLANT_NODE_SIM_")):
            for name, text in source.items():
                if name == "faults":
                    continue
                spelled = name.upper() if source is from_env else name
                if name not in known:
                    raise ConfigError(f"{prefix}{spelled}: unknown word")
                try:
                    value = float(text)
                except (TypeError, ValueError):
                    value = math.nan
                if not math.isfinite(value) or (value < 0 and name not in ("mean_temperature", "utc_offset_hours")):
                    raise ConfigError(f"{prefix}{spelled}: must be a number, not below 0")
                values[name] = value
        if min(values.get("drying_hours", 1), values.get("seep_minutes", 1), values.get("reservoir_ml", 1)) <= 0:
            raise ConfigError("simulated: drying_hours, seep_minutes and reservoir_ml must be above 0")
        seed = int(values.pop("seed", cls().seed))
        return cls(seed=seed, **values)


@dataclass(slots=True)
class WorldState:
    """What changes with time."""

    at_ms: int
    soil_percent: float
    on_top_ml: float
    reservoir_ml: float


class World:
    """One pot. Time only moves forward in it."""

    def __init__(self, parameters: WorldParameters, state: WorldState) -> None:
        self.parameters = parameters
        self.state = state

    @classmethod
    def begin(cls, parameters: WorldParameters, now_ms: int) -> World:
        """A fresh pot."""
        reservoir_ml = parameters.reservoir_ml * parameters.reservoir_percent / 100
        return cls(parameters, WorldState(now_ms, parameters.soil_percent, 0.0, reservoir_ml))

    @classmethod
    def resume(cls, parameters: WorldParameters, saved: Mapping[str, Any]) -> World:
        """The pot as it was left."""
        return cls(parameters, WorldState(**{each.name: saved[each.name] for each in fields(WorldState)}))

    def saved(self) -> dict[str, Any]:
        """What `resume` needs."""
        return asdict(self.state)

    def advance(self, now_ms: int) -> None:
        """Let time pass. A clock that jumps back passes no time."""
        state, parameters = self.state, self.parameters
        left_ms = float(now_ms - state.at_ms)
        step_ms = max(_STEP_MS, left_ms / _MOST_STEPS)
        at_ms = float(state.at_ms)
        while left_ms > 0:
            span_ms = min(step_ms, left_ms)
            middle_ms = at_ms + span_ms / 2
            thirst = 0.6 + 0.8 * self._daylight(middle_ms) + 0.04 * (self._temperature(middle_ms) - 21)
            decay = math.exp(-span_ms * max(0.1, thirst) / (parameters.drying_hours * HOUR_MS))
            state.soil_percent = parameters.wilting_percent + (state.soil_percent - parameters.wilting_percent) * decay
            seeped_ml = state.on_top_ml * (1 - math.exp(-span_ms / (parameters.seep_minutes * 60_000)))
            state.on_top_ml -= seeped_ml
            state.soil_percent = min(100.0, state.soil_percent + seeped_ml * parameters.percent_per_ml)
            at_ms += span_ms
            left_ms -= span_ms
        state.at_ms = max(state.at_ms, now_ms)

    def pour(self, wanted_ml: float, faults: Collection[Fault] = ()) -> float:
        """Pump water on the soil, as much as the reservoir has."""
        if Fault.EMPTY_TANK in faults or Fault.CLOGGED_HOSE in faults:
            return 0.0
        poured_ml = max(0.0, min(wanted_ml, self.state.reservoir_ml))
        self.state.reservoir_ml -= poured_ml
        if Fault.LEAK not in faults:
            self.state.on_top_ml += poured_ml
        return poured_ml

    def measure(
        self, kind: str, now_ms: int, *, lamp_is_on: bool = False, faults: Collection[Fault] = ()
    ) -> float | None:
        """What a sensor of this kind shows; None for a kind that this room has not got."""
        self.advance(now_ms)
        if kind == "soil_moisture":
            if Fault.UNPLUGGED_PROBE in faults:
                return UNPLUGGED_PERCENT
            noise = _NOISY_PERCENT if Fault.NOISY_PROBE in faults else 0.15
            return _within(self.state.soil_percent + self._noise(kind, now_ms, noise), 0, 100)
        if kind == "reservoir_level":
            if Fault.EMPTY_TANK in faults:
                return 0.0
            return _within(100 * self.state.reservoir_ml / self.parameters.reservoir_ml, 0, 100)
        if kind == "air_temperature":
            return round(self._temperature(now_ms) + self._noise(kind, now_ms, 0.1), 2)
        if kind == "soil_temperature":
            # The pot follows the air three hours late.
            return round(self._temperature(now_ms - 3 * HOUR_MS) - 1 + self._noise(kind, now_ms, 0.05), 2)
        if kind == "air_humidity":
            dampness = 55 - 2.5 * (self._temperature(now_ms) - self.parameters.mean_temperature)
            return _within(dampness + self._noise(kind, now_ms, 0.4), 0, 100)
        if kind == "illuminance":
            lux = self._daylight(now_ms) * self.parameters.daylight_lux
            lux += self.parameters.lamp_lux if lamp_is_on else 0
            return round(max(0.0, lux * (1 + self._noise(kind, now_ms, 0.02))), 1)
        return None

    def _hour(self, now_ms: float) -> float:
        return (now_ms / HOUR_MS + self.parameters.utc_offset_hours) % 24

    def _temperature(self, now_ms: float) -> float:
        swing = math.sin((self._hour(now_ms) - 9) / 24 * 2 * math.pi)
        return self.parameters.mean_temperature + self.parameters.temperature_swing * swing

    def _daylight(self, now_ms: float) -> float:
        """0 at night, 1 at noon; the day is from 6 to 20."""
        hour = self._hour(now_ms)
        return math.sin((hour - 6) / 14 * math.pi) if 6 < hour < 20 else 0.0

    def _noise(self, kind: str, now_ms: int, sigma: float) -> float:
        """Noise that a second run with the same seed repeats."""
        chance = random.Random(f"{self.parameters.seed} {kind} {now_ms}")  # noqa: S311 - a simulation
        return chance.gauss(0, sigma) * self.parameters.noise


def _within(value: float, least: float, most: float) -> float:
    return round(min(most, max(least, value)), 2)
