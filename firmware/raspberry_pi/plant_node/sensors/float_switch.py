"""A float switch between a pin and ground. Wire it closed while there is water: then a broken wire reads empty."""

from __future__ import annotations

from dataclasses import dataclass, field

from plant_node.config_entry import Entry
from plant_node.sensors import Board, Source

KINDS = ("reservoir_level",)
SETTLE_S = 2.0
"""A float that bobs reads empty until it has lain still this long."""


@dataclass(slots=True)
class FloatSwitch:
    """Full or empty."""

    pin: int
    full_when_closed: bool
    _still_since_ns: int | None = field(default=None, init=False)

    @property
    def pins(self) -> tuple[int, ...]:
        """Its one."""
        return (self.pin,)

    def open(self, board: Board) -> None:
        """Watch it from now on."""
        board.input(self.pin, pull_up=True)
        self._still_since_ns = board.monotonic_ns()

    def read(self, board: Board) -> float:
        """Full is believed only after it has held for a while."""
        line = board.input(self.pin, pull_up=True)
        edges = line.edges()
        now = board.monotonic_ns()
        if self._still_since_ns is None:
            self._still_since_ns = now
        if edges:
            self._still_since_ns = max(self._still_since_ns, edges[-1][0])
        is_full = line.is_high() != self.full_when_closed
        return 100.0 if is_full and now - self._still_since_ns >= SETTLE_S * 1e9 else 0.0


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    return FloatSwitch(entry.needed_integer("pin", 0, 27), entry.boolean("full_when_closed", True))
