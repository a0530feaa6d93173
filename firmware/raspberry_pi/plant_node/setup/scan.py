"""What is connected: I²C chips told apart by their registers, 1-wire thermometers, an SPI bus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from plant_node.sensors import I2c, ads1115, bh1750, bme280, ds18b20, ina219, sht4x

SPI_DEVICE = Path("/dev/spidev0.0")
I2C_BUS = 1
"""The bus on the header's pins 3 and 5."""

_INA219_CONFIGURATION = 0x399F
"""Its configuration register after power-on (datasheet SBOS448, 8.6.2.1)."""
_BMP280_IDS = (0x56, 0x57, 0x58)
_READ_SERIAL = 0x89


class ScannableI2c(I2c, Protocol):
    """A bus that can look for its chips."""

    def scan(self) -> list[int]:
        """The addresses at which a chip answers."""


@dataclass(frozen=True, slots=True)
class Found:
    """A chip: the source that reads it, or none if no source does."""

    source: str | None
    address: int | str
    text: str


def scan_i2c(bus: ScannableI2c) -> Iterator[Found]:
    """The chips on a bus."""
    for address in bus.scan():
        yield _identify(bus, address)


def scan_thermometers() -> Iterator[Found]:
    """The DS18B20 that the kernel knows."""
    if ds18b20.DEVICES.is_dir():
        for folder in sorted(ds18b20.DEVICES.glob("28-*")):
            yield Found("ds18b20", folder.name, f"DS18B20 {folder.name} on 1-wire")


def _identify(bus: I2c, address: int) -> Found:
    where = f"at 0x{address:02x} on I²C"
    if address in ina219.ADDRESSES and _word(bus, address, 0) == _INA219_CONFIGURATION:
        return Found("ina219", address, f"INA219 {where}")
    if address in ads1115.ADDRESSES:
        return Found("ads1115", address, f"ADS1115 {where}")
    if address in sht4x.ADDRESSES and _has_sht_serial(bus, address):
        return Found("sht4x", address, f"SHT4x {where}")
    if address in bh1750.ADDRESSES:
        return Found("bh1750", address, f"BH1750 {where}")
    if address in bme280.ADDRESSES:
        chip_id = (_read(bus, address, bytes([bme280.ID_REGISTER]), 1) or b"\0")[0]
        if chip_id == bme280.CHIP_ID:
            return Found("bme280", address, f"BME280 {where}")
        if chip_id in _BMP280_IDS:
            return Found(None, address, f"BMP280 {where}: it measures no humidity, and no source reads it")
    return Found(None, address, f"an unknown chip {where}")


def _has_sht_serial(bus: I2c, address: int) -> bool:
    if _read(bus, address, bytes([_READ_SERIAL]), 0) is None:
        return False
    answer = _read(bus, address, b"", 6)
    return answer is not None and all(sht4x.checksum(answer[at : at + 2]) == answer[at + 2] for at in (0, 3))


def _word(bus: I2c, address: int, register: int) -> int:
    return int.from_bytes(_read(bus, address, bytes([register]), 2) or b"", "big")


def _read(bus: I2c, address: int, write: bytes, read: int) -> bytes | None:
    try:
        return bus.transfer(address, write, read)
    except OSError:
        return None
