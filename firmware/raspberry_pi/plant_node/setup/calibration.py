"""Calibrates a soil probe with what everybody has: air and a glass of water."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from plant_node.sensors import AnalogSource, Board, SensorError
from plant_node.setup.config_file import Points
from plant_node.setup.terminal import Terminal

_SAMPLES = 8
_PAUSE_S = 0.25
_STEADY = 0.02
_LEAST_SPAN = 0.1
_MOST_TRIES = 5


def calibrate(terminal: Terminal, board: Board, source: AnalogSource, name: str) -> Points:
    """Two points, dry and wet. Raises SensorError when the probe cannot be read."""
    while True:
        terminal.ask(f"{name}: hold the probe in the air, clean and dry, then press Enter")
        air = steady(terminal, board, source.raw)
        terminal.say(f"  in air {air:.3f}")
        terminal.ask(f"{name}: stand it in water up to its line (its electronics stay dry), then press Enter")
        water = steady(terminal, board, source.raw)
        terminal.say(f"  in water {water:.3f}")
        if abs(air - water) >= _LEAST_SPAN * max(abs(air), abs(water)):
            return [[round(air, 4), 0], [round(water, 4), 100]]
        terminal.say("  That is nearly the same. Is this the probe on this input, and was it in the water? Once more.")


def steady(terminal: Terminal, board: Board, raw: Callable[[Board], float]) -> float:
    """The median of two seconds, once they agree within 2 %."""
    for _ in range(_MOST_TRIES):
        values = []
        for _ in range(_SAMPLES):
            values.append(raw(board))
            board.sleep(_PAUSE_S)
        middle = statistics.median(values)
        if max(values) - min(values) <= _STEADY * max(abs(middle), 0.05):
            return middle
        terminal.say(f"  not steady yet ({min(values):.3f} to {max(values):.3f})")
    raise SensorError("does not come to rest: a loose wire?")
