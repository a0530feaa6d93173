"""Sensirion SHT40, SHT41, SHT45 (datasheet of the SHT4x, sections 4.3 to 4.6): temperature and humidity."""

from __future__ import annotations

from dataclasses import dataclass

from plant_node.config_entry import Entry
from plant_node.sensors import Board, SensorError, Source, WithoutPins

KINDS = ("air_temperature", "air_humidity")
ADDRESSES = (0x44, 0x45, 0x46)
_MEASURE_PRECISELY = 0xFD
_MEASUREMENT_S = 0.01


@dataclass(frozen=True, slots=True)
class Sht4x(WithoutPins):
    """One of its two quantities."""

    bus: int
    address: int
    kind: str

    def read(self, board: Board) -> float:
        """Measure."""
        bus = board.i2c(self.bus)
        bus.transfer(self.address, bytes([_MEASURE_PRECISELY]), 0)
        board.sleep(_MEASUREMENT_S)
        answer = bus.transfer(self.address, b"", 6)
        for word in (answer[0:3], answer[3:6]):
            if checksum(word[:2]) != word[2]:
                raise SensorError("the checksum is wrong: a loose or too long wire?")
        if self.kind == "air_temperature":
            return round(-45 + 175 * int.from_bytes(answer[0:2], "big") / 65535, 2)
        # Beyond the ends only by its tolerance (4.6).
        return round(min(100.0, max(0.0, -6 + 125 * int.from_bytes(answer[3:5], "big") / 65535)), 2)


def checksum(word: bytes) -> int:
    """CRC-8 with the polynomial 0x31, beginning with 0xFF (4.4)."""
    crc = 0xFF
    for byte in word:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31 if crc & 0x80 else crc << 1) & 0xFF
    return crc


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    return Sht4x(entry.integer("bus", 1, 0, 31), entry.one_of_integers("address", ADDRESSES), kind)
