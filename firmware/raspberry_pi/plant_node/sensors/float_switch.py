"""A float switch between a pin and ground. Wire it closed while there is water: then a broken wire reads empty."""

from __future__ import annotations

from dataclasses import dataclass, field

from plant_node.config_entry import Entry
from plant_node.sensors import Board, SensorError, Source

KINDS = ("reservoir_level",)
SETTLE_S = 2.0
"""A float that bobs reads empty until it has lain still this long."""


@dataclass(slots=True)
class FloatSwitch:
    """Full or empty."""

    pin: int
    full_when_closed: bool
    _watched_since_ns: int | None = field(default=None, init=False)
    _bobbed_at_ns: int | None = field(default=None, init=False)

    @property
    def pins(self) -> tuple[int, ...]:
        """Its one."""
        return (self.pin,)

    def open(self, board: Board) -> None:
        """Watch it from now on."""
        board.input(self.pin, pull_up=True)
        self._watched_since_ns = board.monotonic_ns()

    def read(self, board: Board) -> float:
        """Full is believed only after it has held for a while. Just after the start nobody knows yet."""
        line = board.input(self.pin, pull_up=True)
        edges = line.edges()
        now = board.monotonic_ns()
        if edges:
            self._bobbed_at_ns = edges[-1][0]
        if self._watched_since_ns is None:
            self._watched_since_ns = now
        if line.is_high() == self.full_when_closed:
            return 0.0
        if self._bobbed_at_ns is not None and now - self._bobbed_at_ns < SETTLE_S * 1e9:
            return 0.0
        if now - self._watched_since_ns < SETTLE_S * 1e9:
            raise SensorError(f"says full, but has not been watched for {SETTLE_S:g} s yet")
        return 100.0


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    return FloatSwitch(entry.needed_integer("pin", 0, 27), entry.boolean("full_when_closed", True))
