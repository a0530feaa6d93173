"""DS18B20 by the kernel's 1-wire driver (`dtoverlay=w1-gpio`), which checks the checksum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plant_node.config_entry import ConfigError, Entry
from plant_node.sensors import Board, SensorError, Source, WithoutPins

KINDS = ("air_temperature", "soil_temperature")
DEVICES = Path("/sys/bus/w1/devices")
_POWER_ON_CELSIUS = 85.0


@dataclass(frozen=True, slots=True)
class Ds18b20(WithoutPins):
    """One thermometer."""

    address: str

    def read(self, board: Board) -> float:
        """Measure; takes three quarters of a second."""
        text = (DEVICES / self.address / "temperature").read_text(encoding="ascii").strip()
        if not text:
            raise SensorError("does not answer")
        celsius = int(text) / 1000
        if celsius == _POWER_ON_CELSIUS:
            # What its memory holds when it comes up: it has not measured.
            raise SensorError("the thermometer has just lost power")
        return celsius


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    address = entry.text("address")
    if address is None or Path(address).name != address or not address.startswith("28-"):
        raise ConfigError(f"{entry.name}.address: is needed, the thermometer's folder in {DEVICES} (28-…)")
    return Ds18b20(address)
