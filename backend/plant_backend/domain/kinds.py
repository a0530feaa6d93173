"""What channels a node can have, their units and the values that physics allows."""

from dataclasses import dataclass
from enum import StrEnum


class SensorKind(StrEnum):
    """What a sensor measures."""

    SOIL_MOISTURE = "soil_moisture"
    SOIL_TEMPERATURE = "soil_temperature"
    AIR_TEMPERATURE = "air_temperature"
    AIR_HUMIDITY = "air_humidity"
    ILLUMINANCE = "illuminance"
    RESERVOIR_LEVEL = "reservoir_level"
    PRESSURE = "pressure"
    VOLTAGE = "voltage"
    BATTERY = "battery"
    SIGNAL_STRENGTH = "signal_strength"


class ActuatorKind(StrEnum):
    """What an actuator drives."""

    PUMP = "pump"
    LAMP = "lamp"


@dataclass(frozen=True, slots=True)
class Measure:
    """The unit of a sensor kind and the range outside which a value is a fault, not a measurement."""

    unit: str
    lowest: float
    highest: float

    def is_plausible(self, value: float) -> bool:
        """Tell whether a working sensor could have measured this value."""
        return self.lowest <= value <= self.highest


RAW_UNITS = ("V", "raw")
"""What a probe of a RAW_KIND may send instead of its percentage, to be calibrated here: volts, or counts."""

RAW_KINDS = frozenset({SensorKind.SOIL_MOISTURE, SensorKind.RESERVOIR_LEVEL})


def units_of(kind: SensorKind) -> tuple[str, ...]:
    """Give the units in which a channel of a kind may send its values."""
    return (MEASURES[kind].unit, *(RAW_UNITS if kind in RAW_KINDS else ()))


MEASURES: dict[SensorKind, Measure] = {
    SensorKind.SOIL_MOISTURE: Measure("%", 0, 100),
    SensorKind.SOIL_TEMPERATURE: Measure("°C", -40, 85),
    SensorKind.AIR_TEMPERATURE: Measure("°C", -40, 85),
    SensorKind.AIR_HUMIDITY: Measure("%", 0, 100),
    SensorKind.ILLUMINANCE: Measure("lx", 0, 200_000),
    SensorKind.RESERVOIR_LEVEL: Measure("%", 0, 100),
    SensorKind.PRESSURE: Measure("hPa", 300, 1100),
    SensorKind.VOLTAGE: Measure("V", -60, 60),
    SensorKind.BATTERY: Measure("%", 0, 100),
    SensorKind.SIGNAL_STRENGTH: Measure("dBm", -150, 0),
}
