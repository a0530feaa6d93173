"""Texas Instruments INA219 (datasheet SBOS448, 8.6.3.2): the voltage of a battery, and by its points the charge."""

from __future__ import annotations

from dataclasses import dataclass

from plant_node.config_entry import Entry
from plant_node.sensors import Board, SensorError, Source, WithoutPins
from plant_node.sensors.scale import Scale, read_scale

KINDS = ("voltage", "battery")
ADDRESSES = tuple(range(0x40, 0x50))
_BUS_VOLTAGE = 0x02
_STEP_V = 0.004
_OVERFLOW = 1


@dataclass(frozen=True, slots=True)
class Ina219(WithoutPins):
    """Its bus voltage. The chip converts all the time by itself."""

    bus: int
    address: int
    scale: Scale

    def raw(self, board: Board) -> float:
        """What lies on the load side."""
        register = int.from_bytes(board.i2c(self.bus).transfer(self.address, bytes([_BUS_VOLTAGE]), 2), "big")
        if register & _OVERFLOW:
            raise SensorError("is out of its range")
        return (register >> 3) * _STEP_V

    def read(self, board: Board) -> float:
        """Measure."""
        return self.scale.value(self.raw(board))


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    return Ina219(
        bus=entry.integer("bus", 1, 0, 31),
        address=entry.one_of_integers("address", ADDRESSES),
        scale=read_scale(entry, kind, "volts"),
    )
