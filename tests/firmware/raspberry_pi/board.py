"""A Raspberry Pi's pins without a Raspberry Pi: `board.c` answers the kernel's GPIO structures to the real processes.

The pins outlive the processes, and a line whose owner dies keeps its level: the worst that a kernel may do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("board.c")
PUMP_PIN = 27
RISING, FALLING = 1, 2


@dataclass(frozen=True, slots=True)
class Edge:
    """An output that changed."""

    at_ms: int
    pin: int
    is_high: bool
    pid: int


def build(folder: Path) -> Path:
    """Compile the board against the kernel's own header."""
    library = folder / "board.so"
    subprocess.run(
        ["gcc", "-Wall", "-Werror", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return library


class Board:
    """The pins, and the moments at which processes are to die."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self.env = {"LD_PRELOAD": str(library), "BOARD_DIR": str(folder)}

    def edges(self, pin: int = PUMP_PIN) -> list[Edge]:
        """All that an output did, over the lives of all processes."""
        trace = self._folder / "trace"
        with self._at_rest():
            lines = trace.read_text().splitlines() if trace.exists() else []
        found = [Edge(int(at), int(of), level == "1", int(pid)) for at, of, level, pid in map(str.split, lines)]
        return [edge for edge in found if edge.pin == pin]

    def is_high(self, pin: int = PUMP_PIN) -> bool:
        """A pin's level now; one that nobody ever drove is low."""
        with self._at_rest() as levels:
            return os.pread(levels, 1, pin) == b"1"

    def drive(self, pin: int, *, high: bool) -> None:
        """What lies on an input."""
        with os.fdopen(os.open(self._folder / "levels", os.O_RDWR | os.O_CREAT), "r+b") as levels:
            levels.seek(pin)
            levels.write(b"1" if high else b"0")

    def pulse(self, pin: int, *, times: int) -> None:
        """Let an input with edges rise and fall."""
        now = time.monotonic_ns()
        kinds = (RISING, FALLING) * times
        events = b"".join(struct.pack("=QIIII24x", now, kind, pin, 0, 0) for kind in kinds)
        pipe = os.open(self._folder / f"owner-{pin}", os.O_WRONLY | os.O_NONBLOCK)
        os.write(pipe, events)
        os.close(pipe)

    def apply(self, volts: float, *, to: int = 0) -> None:
        """Put a voltage on an input of the ADS1115."""
        scratch = self._folder / "input.new"
        scratch.write_text(str(volts))
        scratch.rename(self._folder / f"input-{to}")

    def pid(self, role: str) -> int:
        """The newest `agent` or `supervisor`."""
        return int((self._folder / f"pid.{role}").read_text())

    def plan_a_kill(self, role: str, number: int, victim: str) -> None:
        """Kill -9 the victim at the Nth thing that this role is about to do from now on."""
        (self._folder / "points").unlink(missing_ok=True)
        scratch = self._folder / "plan.new"
        scratch.write_text(f"{role} {number} {victim}")
        scratch.rename(self._folder / "plan")

    def kill_is_due(self) -> bool:
        """Whether the planned kill has not happened."""
        return (self._folder / "plan").exists()

    def call_off_the_kill(self) -> bool:
        """Plan no more; tells whether the kill was still due, and now will never come."""
        try:
            (self._folder / "plan").unlink()
        except FileNotFoundError:
            return False
        return True

    def points(self) -> list[str]:
        """What was counted under the last plan."""
        points = self._folder / "points"
        return points.read_text().splitlines() if points.exists() else []

    @contextlib.contextmanager
    def _at_rest(self) -> Iterator[int]:
        """Give the levels while no pin is on the move: the trace says the same then."""
        levels = os.open(self._folder / "levels", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(levels, fcntl.LOCK_SH)
            yield levels
        finally:
            os.close(levels)
