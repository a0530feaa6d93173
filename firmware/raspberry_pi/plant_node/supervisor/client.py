"""The agent's side of the supervisor: starts it, asks it, and takes the pins over when it is gone."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plant_node.drivers import DriverError, EndedBy, OnTime
from plant_node.hardware.gpio import Output
from plant_node.supervisor.process import now_ms

log = logging.getLogger(__name__)

LEASE_MS = 5_000
_READY_WITHIN_S = 30.0
_ANSWER_WITHIN_S = 3.0
_LOOKS = 3
_RELEASE_WITHIN_S = 3.0
_PACKAGE_ROOT = Path(__file__).parents[2]
_START = """import sys
sys.path.insert(0, sys.argv.pop(1))
from plant_node.supervisor.process import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True, slots=True)
class SupervisedPin:
    """An output, and the longest that the supervisor lets it be on, whoever asks."""

    key: str
    pin: int
    active_high: bool
    cap_ms: int | None

    def argument(self) -> str:
        """As the process wants it."""
        cap = "-" if self.cap_ms is None else self.cap_ms
        return f"{self.key}:{self.pin}:{int(self.active_high)}:{cap}"


class SupervisorLost(DriverError):
    """The supervisor died or hangs. Its pins are off: the agent holds them now, and moves them no more."""


class SupervisedOutputs:
    """The outputs, all off. Safe to use from several threads.

    Raises DriverError when the supervisor cannot be had.
    """

    def __init__(self, pins: Sequence[SupervisedPin]) -> None:
        self._pins = tuple(pins)
        self._on_at: dict[str, int] = {}
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._asking = threading.Lock()
        self._losing = threading.Lock()
        self._held: dict[str, Output] = {}
        self._is_closed = False
        self._low_at: int | None = None
        self.fault: str | None = None
        self._process = subprocess.Popen(
            # Isolated and without site-packages: small, quick to start, and nothing in it that could fail.
            [sys.executable, "-I", "-S", "-c", _START, str(_PACKAGE_ROOT), *(pin.argument() for pin in pins)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={name: value for name, value in os.environ.items() if name != "PLANT_DEVICE_SECRET"},
            cwd="/",
            # Ctrl-C in a terminal is for the agent, which ends its runs in good order.
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, name="supervisor", daemon=True)
        self._listener.start()
        try:
            ready = self._answers.get(timeout=_READY_WITHIN_S)
        except queue.Empty:
            ready = None
        if ready != "ready":
            self._is_closed = True
            self._process.kill()
            self._reap()
            raise DriverError(f"cannot open the pins: {(ready or 'the supervisor does not start').removeprefix('no ')}")

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        return self._process.pid

    def turn_on(self, key: str, most_ms: int | None) -> None:
        """Switch on, for that long at most. Raises DriverError."""
        # Remembered before the order goes out: if its answer never comes, the pin may be on.
        was_on_at = self._on_at.get(key)
        self._on_at[key] = now_ms() if was_on_at is None else was_on_at
        answer = self._ask(f"on {key} {'-' if most_ms is None else most_ms} {LEASE_MS}")
        if not answer.startswith("on "):
            if was_on_at is None:
                del self._on_at[key]
            raise DriverError(f"{key}: {answer.removeprefix('no ')}")

    def keep_on(self, key: str) -> bool:
        """Say that somebody still watches; tells whether it is on."""
        try:
            return self._ask(f"keep {key} {LEASE_MS}") == "on"
        except SupervisorLost:
            return False

    def turn_off(self, key: str) -> OnTime | None:
        """Switch off; how long it was on, None when it was not since the last call. Raises DriverError."""
        try:
            answer = self._ask(f"off {key}")
        except SupervisorLost:
            return self._ended_with_supervisor(key)
        words = answer.split()
        if words[0] != "off":
            raise DriverError(f"{key}: {answer.removeprefix('no ')}")
        self._on_at.pop(key, None)
        return None if words[1] == "-" else OnTime(int(words[1]), int(words[2]), EndedBy(words[3]))

    def close(self) -> None:
        """Switch all off and end the supervisor."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(OSError):
            # The end of its input is all that it waits for.
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(_ANSWER_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._lose("does not end")
        self._reap()
        for output in self._held.values():
            output.close()

    def _ask(self, order: str) -> str:
        with self._asking:
            if self.fault is not None:
                raise SupervisorLost(self.fault)
            try:
                self._process.stdin.write(order.encode("ascii") + b"\n")  # type: ignore[union-attr]
                answer = self._answer()
            except queue.Empty:
                self._lose("hangs")
            except OSError:
                self._lose("died")
            else:
                if answer is not None:
                    return answer
            # Whoever found out first has to be done with the pins before anybody goes on.
            self._lose("died")
            raise SupervisorLost(str(self.fault))

    def _answer(self) -> str | None:
        """Wait for an answer. Raises queue.Empty.

        Bit by bit: where this process itself stood still meanwhile, one bit is over, and the answer may lie there.
        """
        for _ in range(_LOOKS - 1):
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=_ANSWER_WITHIN_S / _LOOKS)
        return self._answers.get(timeout=_ANSWER_WITHIN_S / _LOOKS)

    def _listen(self) -> None:
        stdout = self._process.stdout
        for line in stdout or ():
            self._answers.put(line.decode("ascii").strip())
        self._answers.put(None)
        if not self._is_closed:
            self._lose("died")

    def _lose(self, why: str) -> None:
        """End what is left of the supervisor, and hold its pins low: a dead owner may leave them as they were."""
        with self._losing:
            if self.fault is not None:
                return
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_RELEASE_WITHIN_S)
            on = [pin.key for pin in self._pins if not self._hold_off(pin)]
            self._low_at = now_ms()
            self.fault = f"the pump's supervisor {why}" + ("" if on else "; the pins are off")
            log.critical("outputs: %s", self.fault)

    def _hold_off(self, pin: SupervisedPin) -> bool:
        if pin.key not in self._held:
            try:
                self._held[pin.key] = Output(pin.pin, active_high=pin.active_high, patience_s=_RELEASE_WITHIN_S)
            except OSError as error:
                log.critical("%s: THE PIN CANNOT BE SWITCHED OFF: %s", pin.key, error)
                return False
        return True

    def _ended_with_supervisor(self, key: str) -> OnTime | None:
        """A run that its supervisor took along lasted until the agent drove the pin low, at the longest."""
        with self._losing:
            if not self._hold_off(next(pin for pin in self._pins if pin.key == key)):
                raise DriverError(f"{key}: the pin is out of reach")
        on_at = self._on_at.pop(key, None)
        if on_at is None or self._low_at is None:
            return None
        return OnTime(self._low_at - on_at, self._low_at, EndedBy.LOSS)

    def _reap(self) -> None:
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
