"""ROHM BH1750FVI (datasheet 11046EDT01): light, one measurement in high resolution a reading."""

from __future__ import annotations

from dataclasses import dataclass

from plant_node.config_entry import Entry
from plant_node.sensors import Board, Source, WithoutPins

KINDS = ("illuminance",)
ADDRESSES = (0x23, 0x5C)
_ONCE_IN_HIGH_RESOLUTION = 0x20
_MEASUREMENT_S = 0.18
_COUNTS_PER_LUX = 1.2


@dataclass(frozen=True, slots=True)
class Bh1750(WithoutPins):
    """Its light."""

    bus: int
    address: int

    def read(self, board: Board) -> float:
        """Measure; the chip powers itself down afterwards."""
        bus = board.i2c(self.bus)
        bus.transfer(self.address, bytes([_ONCE_IN_HIGH_RESOLUTION]), 0)
        board.sleep(_MEASUREMENT_S)
        return round(int.from_bytes(bus.transfer(self.address, b"", 2), "big") / _COUNTS_PER_LUX, 1)


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    return Bh1750(entry.integer("bus", 1, 0, 31), entry.one_of_integers("address", ADDRESSES))
