"""HC-SR04 over the reservoir: the echo's time, dated by the kernel, is the way to the water and back.

Its echo is 5 V: put a divider (1 kΩ and 2 kΩ) before the pin.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from plant_node.config_entry import ConfigError, Entry
from plant_node.sensors import Board, SensorError, Source
from plant_node.sensors.scale import Scale

KINDS = ("reservoir_level",)
_CM_PER_S = 34_300
"""The speed of sound at 20 °C; 10 °C more or less are 1.7 %."""
_TRIGGER_S = 0.00001
_ECHO_WITHIN_S = 0.1
_REST_S = 0.06
_SAMPLES = 5
_NEEDED = 3
_FARTHEST_CM = 400


@dataclass(frozen=True, slots=True)
class HcSr04:
    """How full, by the distance."""

    trigger_pin: int
    echo_pin: int
    scale: Scale

    @property
    def pins(self) -> tuple[int, ...]:
        """Trigger and echo."""
        return (self.trigger_pin, self.echo_pin)

    def open(self, board: Board) -> None:
        """Take the pins."""
        board.output(self.trigger_pin)
        board.input(self.echo_pin, pull_up=False)

    def centimetres(self, board: Board) -> float:
        """The median of what came back of five pings."""
        found = []
        for _ in range(_SAMPLES):
            distance = self._ping(board)
            if distance is not None:
                found.append(distance)
            # An old echo must not answer the next ping.
            board.sleep(_REST_S)
        if len(found) < _NEEDED:
            raise SensorError("hears no echo")
        return statistics.median(found)

    def read(self, board: Board) -> float:
        """Measure."""
        return self.scale.value(self.centimetres(board))

    def _ping(self, board: Board) -> float | None:
        trigger, echo = board.output(self.trigger_pin), board.input(self.echo_pin, pull_up=False)
        echo.edges()
        trigger.set(True)
        board.sleep(_TRIGGER_S)
        trigger.set(False)
        rose_ns = None
        give_up_ns = board.monotonic_ns() + int(_ECHO_WITHIN_S * 1e9)
        while (left_ns := give_up_ns - board.monotonic_ns()) > 0:
            for at_ns, rose in echo.edges(left_ns / 1e9):
                if rose:
                    rose_ns = at_ns
                elif rose_ns is not None:
                    distance = (at_ns - rose_ns) / 1e9 * _CM_PER_S / 2
                    return distance if distance <= _FARTHEST_CM else None
        return None


def source(entry: Entry, kind: str) -> Source:
    """Read the sensor's table."""
    trigger = entry.needed_integer("trigger_pin", 0, 27)
    echo = entry.needed_integer("echo_pin", 0, 27)
    full_cm = entry.needed_number("full_cm", 2, _FARTHEST_CM)
    empty_cm = entry.needed_number("empty_cm", 2, _FARTHEST_CM)
    if empty_cm <= full_cm:
        raise ConfigError(
            f"{entry.name}.empty_cm: the water is farther away when the reservoir is empty than when full"
        )
    return HcSr04(trigger, echo, Scale(((full_cm, 100.0), (empty_cm, 0.0)), True))
