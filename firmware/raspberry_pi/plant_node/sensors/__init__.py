"""Where a sensor's value comes from. Each kind of chip is a module of its own, imported when the configuration names
it, with `KINDS` (what it can measure) and `source` (reads its words of the configuration).
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol, runtime_checkable

from plant_node.config_entry import ConfigError, Entry

SOURCES = {
    "ads1115": "an ADS1115 analog converter on I²C",
    "mcp3008": "an MCP3008 analog converter on SPI",
    "bme280": "a BME280 on I²C: temperature, humidity, pressure",
    "sht4x": "an SHT40, SHT41 or SHT45 on I²C: temperature, humidity",
    "bh1750": "a BH1750 on I²C: light",
    "ina219": "an INA219 on I²C: a battery's voltage",
    "ds18b20": "a DS18B20 on 1-wire: temperature",
    "float_switch": "a float switch in the reservoir",
    "hc_sr04": "an HC-SR04 above the reservoir: distance to the water",
}


class SensorError(Exception):
    """A sensor that cannot be read now."""


class I2c(Protocol):
    """An I²C bus."""

    def transfer(self, address: int, write: bytes, read: int) -> bytes:
        """Write these bytes, if any, then read so many, if any. Raises OSError."""


class Spi(Protocol):
    """A chip on an SPI bus."""

    def transfer(self, write: bytes) -> bytes:
        """Write and read as many bytes. Raises OSError."""


class InputPin(Protocol):
    """An input with its edges."""

    def is_high(self) -> bool:
        """Its level now."""

    def edges(self, wait_s: float = 0.0) -> list[tuple[int, bool]]:
        """The edges since the last call, as (nanoseconds of CLOCK_MONOTONIC, it rose)."""


class OutputPin(Protocol):
    """An output that drives no water: a sensor's trigger."""

    def set(self, is_on: bool) -> None:
        """Switch."""


class Board(Protocol):
    """What a source may ask the node's board for. The same request gives the same thing again."""

    def i2c(self, bus: int) -> I2c:
        """A bus."""

    def spi(self, bus: int, chip_select: int) -> Spi:
        """A chip."""

    def input(self, pin: int, *, pull_up: bool) -> InputPin:
        """An input."""

    def output(self, pin: int) -> OutputPin:
        """An output."""

    def sleep(self, seconds: float) -> None:
        """Give a chip the time that its datasheet asks for."""

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC, by which the kernel dates edges."""


class Source(Protocol):
    """One channel of one chip."""

    @property
    def pins(self) -> tuple[int, ...]:
        """The GPIO lines that it takes."""

    def open(self, board: Board) -> None:
        """Get ready: an input that has to be watched is watched from now on. A chip that is missing is no error yet."""

    def read(self, board: Board) -> float:
        """Measure. Raises SensorError or OSError."""


@runtime_checkable
class AnalogSource(Source, Protocol):
    """A source with calibration points."""

    def raw(self, board: Board) -> float:
        """What the converter shows, in the unit of the points. Raises SensorError or OSError."""


def parse_source(entry: Entry, name: str, kind: str) -> Source:
    """The source that a sensor's table describes. Raises ConfigError."""
    module: Any = importlib.import_module(f"plant_node.sensors.{name}")
    if kind not in module.KINDS:
        raise ConfigError(f"{entry.name}.source: {SOURCES[name].split(':')[0]} measures {', '.join(module.KINDS)}")
    source: Source = module.source(entry, kind)
    return source


class WithoutPins:
    """A source on a bus."""

    @property
    def pins(self) -> tuple[int, ...]:
        """None."""
        return ()

    def open(self, board: Board) -> None:
        """Nothing to watch."""
