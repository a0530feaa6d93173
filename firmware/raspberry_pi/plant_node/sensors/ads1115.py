"""Texas Instruments ADS1115, four analog inputs (datasheet SBAS444, sections 8.3.3 and 8.6): single shots, in volts."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from plant_node.config_entry import Entry
from plant_node.sensors import Board, SensorError, Source, WithoutPins
from plant_node.sensors.scale import ANALOG_KINDS, Scale, read_scale

KINDS = ANALOG_KINDS
ADDRESSES = (0x48, 0x49, 0x4A, 0x4B)
_CONVERSION, _CONFIG = 0, 1
_FULL_SCALE_V = 4.096
"""The range that holds a probe on 3.3 V; an input never exceeds the supply by more than 0.3 V."""
_GAIN = 0b001
_START, _SINGLE_SHOT, _128_PER_S, _NO_COMPARATOR = 1 << 15, 1 << 8, 0b100 << 5, 0b11
_READY = 1 << 15
_CONVERSION_S = 0.009
_LOOKS = 10
_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Ads1115(WithoutPins):
    """One input against ground."""

    bus: int
    address: int
    channel: int
    scale: Scale

    def raw(self, board: Board) -> float:
        """The median of three conversions."""
        return statistics.median(self._convert(board) for _ in range(_SAMPLES))

    def read(self, board: Board) -> float:
        """Measure."""
        return self.scale.value(self.raw(board))

    def _convert(self, board: Board) -> float:
        bus = board.i2c(self.bus)
        mux = 0b100 + self.channel
        config = _START | mux << 12 | _GAIN << 9 | _SINGLE_SHOT | _128_PER_S | _NO_COMPARATOR
        bus.transfer(self.address, bytes([_CONFIG, config >> 8, config & 0xFF]), 0)
        for _ in range(_LOOKS):
            board.sleep(_CONVERSION_S)
            if int.from_bytes(bus.transfer(self.address, bytes([_CONFIG]), 2), "big") & _READY:
                raw = int.from_bytes(bus.transfer(self.address, bytes([_CONVERSION]), 2), "big", signed=True)
                return raw * _FULL_SCALE_V / 32768
        raise SensorError("the converter does not finish")


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    return Ads1115(
        bus=entry.integer("bus", 1, 0, 31),
        address=entry.one_of_integers("address", ADDRESSES),
        channel=entry.needed_integer("channel", 0, 3),
        scale=read_scale(entry, kind, "volts"),
    )
