"""Bosch BME280 (datasheet BST-BME280-DS002): temperature, humidity and pressure, one forced measurement a reading.

The compensation is that of the datasheet's appendix 8.1, in floating point.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from plant_node.config_entry import Entry
from plant_node.sensors import Board, I2c, SensorError, Source, WithoutPins

KINDS = ("air_temperature", "air_humidity", "pressure")
ADDRESSES = (0x76, 0x77)
CHIP_ID = 0x60
ID_REGISTER = 0xD0
_CALIBRATION_A, _CALIBRATION_H1, _CALIBRATION_B = 0x88, 0xA1, 0xE1
_CONTROL_HUMIDITY, _STATUS, _CONTROL, _DATA = 0xF2, 0xF3, 0xF4, 0xF7
_OVERSAMPLING_1 = 1
_FORCED = _OVERSAMPLING_1 << 5 | _OVERSAMPLING_1 << 2 | 0b01
_MEASURING = 1 << 3
_MEASUREMENT_S = 0.01
_LOOKS = 10
_NOT_MEASURED_20, _NOT_MEASURED_16 = 0x80000, 0x8000


@dataclass(frozen=True, slots=True)
class Calibration:
    """The chip's own constants."""

    t: tuple[int, ...]
    p: tuple[int, ...]
    h: tuple[int, ...]

    @classmethod
    def of(cls, low: bytes, h1: int, high: bytes) -> Calibration:
        """From the registers 0x88 to 0x9F, 0xA1 and 0xE1 to 0xE7 (table 16)."""
        words = struct.unpack("<Hhh Hhhhhhhhh", low)
        h2, h3, e4, e5, e6, h6 = struct.unpack("<hBbBbb", high)
        # H4 and H5 share a register: its low four bits end the one, its high four end the other.
        return cls(words[:3], words[3:], (h1, h2, h3, e4 << 4 | e5 & 0x0F, e6 << 4 | e5 >> 4, h6))

    def fine_temperature(self, raw: int) -> float:
        """`t_fine`, which the other two need."""
        t1, t2, t3 = self.t
        first = (raw / 16384 - t1 / 1024) * t2
        second = (raw / 131072 - t1 / 8192) ** 2 * t3
        return first + second

    def hectopascal(self, raw: int, fine: float) -> float:
        """The pressure."""
        p1, p2, p3, p4, p5, p6, p7, p8, p9 = self.p
        first = fine / 2 - 64000
        second = first * first * p6 / 32768
        second = second + first * p5 * 2
        second = second / 4 + p4 * 65536
        first = (p3 * first * first / 524288 + p2 * first) / 524288
        first = (1 + first / 32768) * p1
        if first == 0:
            raise SensorError("its calibration makes no sense")
        pascal = (1048576 - raw - second / 4096) * 6250 / first
        pascal += (p9 * pascal * pascal / 2147483648 + pascal * p8 / 32768 + p7) / 16
        return pascal / 100

    def humidity(self, raw: int, fine: float) -> float:
        """The relative humidity in percent."""
        h1, h2, h3, h4, h5, h6 = self.h
        value = fine - 76800
        value = (raw - (h4 * 64 + h5 / 16384 * value)) * (
            h2 / 65536 * (1 + h6 / 67108864 * value * (1 + h3 / 67108864 * value))
        )
        value *= 1 - h1 * value / 524288
        return min(100.0, max(0.0, value))


@dataclass(frozen=True, slots=True)
class Bme280(WithoutPins):
    """One of its three quantities."""

    bus: int
    address: int
    kind: str

    def read(self, board: Board) -> float:
        """Measure."""
        bus = board.i2c(self.bus)
        chip_id = bus.transfer(self.address, bytes([ID_REGISTER]), 1)[0]
        if chip_id != CHIP_ID:
            raise SensorError(f"the chip says that it is 0x{chip_id:02x}, a BME280 is 0x{CHIP_ID:02x}")
        calibration = self._calibration(bus)
        # The humidity's oversampling counts from the next write of the control register on (5.4.3).
        bus.transfer(self.address, bytes([_CONTROL_HUMIDITY, _OVERSAMPLING_1]), 0)
        bus.transfer(self.address, bytes([_CONTROL, _FORCED]), 0)
        for _ in range(_LOOKS):
            board.sleep(_MEASUREMENT_S)
            if not bus.transfer(self.address, bytes([_STATUS]), 1)[0] & _MEASURING:
                break
        else:
            raise SensorError("the measurement does not end")
        data = bus.transfer(self.address, bytes([_DATA]), 8)
        pressure = int.from_bytes(data[0:3], "big") >> 4
        temperature = int.from_bytes(data[3:6], "big") >> 4
        humidity = int.from_bytes(data[6:8], "big")
        if temperature == _NOT_MEASURED_20 or humidity == _NOT_MEASURED_16:
            raise SensorError("nothing was measured")
        fine = calibration.fine_temperature(temperature)
        if self.kind == "air_temperature":
            return round(fine / 5120, 2)
        if self.kind == "air_humidity":
            return round(calibration.humidity(humidity, fine), 2)
        return round(calibration.hectopascal(pressure, fine), 2)

    def _calibration(self, bus: I2c) -> Calibration:
        low = bus.transfer(self.address, bytes([_CALIBRATION_A]), 24)
        h1 = bus.transfer(self.address, bytes([_CALIBRATION_H1]), 1)[0]
        return Calibration.of(low, h1, bus.transfer(self.address, bytes([_CALIBRATION_B]), 7))


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    return Bme280(entry.integer("bus", 1, 0, 31), entry.one_of_integers("address", ADDRESSES), kind)
