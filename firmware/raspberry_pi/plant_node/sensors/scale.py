"""From what a converter shows to what it means: straight lines between calibration points."""

from __future__ import annotations

import math
from dataclasses import dataclass

from plant_node.config_entry import ConfigError, Entry
from plant_node.sensors import SensorError

PERCENT_KINDS = ("soil_moisture", "reservoir_level", "air_humidity", "battery")
ANALOG_KINDS = ("soil_moisture", "reservoir_level", "illuminance", "voltage", "battery")
_SPILL_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Calibration points `(raw, value)`, sorted by raw. None: the raw value is the value."""

    points: tuple[tuple[float, float], ...]
    is_percent: bool

    def value(self, raw: float) -> float:
        """The value on the line through the points.

        A little beyond the end of a percent scale is the end. Far beyond is a broken or unplugged probe: that value
        stays as it is, so that the backend sees it for what it is instead of a very dry pot.
        """
        if not math.isfinite(raw):
            raise SensorError("reads no number")
        if not self.points:
            return round(raw, 5)
        points = self.points
        upper = next((index for index in range(1, len(points) - 1) if raw <= points[index][0]), len(points) - 1)
        (raw_a, value_a), (raw_b, value_b) = points[upper - 1], points[upper]
        value = value_a + (value_b - value_a) * (raw - raw_a) / (raw_b - raw_a)
        if self.is_percent:
            if -_SPILL_PERCENT <= value < 0:
                value = 0.0
            elif 100 < value <= 100 + _SPILL_PERCENT:
                value = 100.0
        return round(value, 3)


def read_scale(entry: Entry, kind: str, unit: str) -> Scale:
    """The `points` of a sensor's table; only a voltage can do without."""
    points = entry.points("points")
    if len(points) < 2 and (points or kind != "voltage"):
        raise ConfigError(f"{entry.name}.points: two calibration points or more are needed, as [{unit}, value]")
    return Scale(points, kind in PERCENT_KINDS)
