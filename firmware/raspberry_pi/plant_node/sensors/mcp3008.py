"""Microchip MCP3008, eight analog inputs of ten bits (datasheet DS21295, figure 6-1), as a fraction of its supply."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from plant_node.config_entry import ConfigError, Entry
from plant_node.sensors import Board, Source, WithoutPins
from plant_node.sensors.scale import ANALOG_KINDS, Scale, read_scale

KINDS = ANALOG_KINDS
_FULL = 1023
_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Mcp3008(WithoutPins):
    """One input."""

    bus: int
    chip_select: int
    channel: int
    supply_v: float
    scale: Scale

    def raw(self, board: Board) -> float:
        """What the converter shows, from 0 to 1: the median of five."""
        chip = board.spi(self.bus, self.chip_select)
        # A start bit; then one for "single", three for the channel; the answer is the last ten bits.
        asked = bytes([1, (8 + self.channel) << 4, 0])
        answers = [chip.transfer(asked) for _ in range(_SAMPLES)]
        return statistics.median((answer[1] & 3) << 8 | answer[2] for answer in answers) / _FULL

    def read(self, board: Board) -> float:
        """Measure. Points are fractions; without points it is the voltage."""
        raw = self.raw(board)
        return self.scale.value(raw if self.scale.points else raw * self.supply_v)


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    made = Mcp3008(
        bus=entry.integer("bus", 0, 0, 6),
        chip_select=entry.integer("chip_select", 0, 0, 2),
        channel=entry.needed_integer("channel", 0, 7),
        supply_v=entry.number("supply_v", 3.3, 1.8, 5.5),
        scale=read_scale(entry, kind, "0 to 1"),
    )
    if any(not 0 <= raw <= 1 for raw, _ in made.scale.points):
        raise ConfigError(f"{entry.name}.points: what the converter shows is a number from 0 to 1")
    return made
