"""What runs in the supervisor's process: `python -I -S -c … KEY:PIN:ACTIVE_HIGH:CAP_MS|- …`, spoken to line by line.

`on KEY MOST_MS|- LEASE_MS` is answered `on AT_MS` or `no WHY`, `keep KEY LEASE_MS` by `on` or `off`, and `off KEY` by
`off RAN_MS AT_MS CAUSE`, or `off -` when it was not on since the last such answer. Times are CLOCK_BOOTTIME.
"""

from __future__ import annotations

import os
import select
import signal
import time

from plant_node.hardware.gpio import Output

_PATIENCE_S = 5.0
_RETRY_MS = 50
_FOREVER_MS = 1 << 62


def now_ms() -> int:
    """Milliseconds since the machine started."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class SupervisedOutput:
    """One pin, and the moment at which it is switched off by itself."""

    def __init__(self, pin: Output, cap_ms: int | None) -> None:
        self._pin = pin
        self._cap_ms = cap_ms
        self._on_at: int | None = None
        self._deadline = self._lease = _FOREVER_MS
        self._ended: tuple[int, int, str] | None = None
        self._is_refused = False

    def turn_on(self, most_ms: int | None, lease_ms: int) -> int | None:
        """Switch on; None when it is on already, or may not be any more. No caller gets more than the cap."""
        if self._is_refused or self._on_at is not None:
            return None
        now = now_ms()
        if self._cap_ms is not None:
            most_ms = self._cap_ms if most_ms is None else min(most_ms, self._cap_ms)
        self._deadline = _FOREVER_MS if most_ms is None else now + most_ms
        self._lease = now + lease_ms
        self._ended = None
        # Noted before the pin moves: whatever interrupts this, the pin is among those to switch off.
        self._on_at = now
        self._pin.set(True)
        if self._was_refused():
            # A signal came in between: what it switched off is on again.
            self.turn_off("stop")
            return None
        return now

    def keep(self, lease_ms: int) -> bool:
        """Somebody still watches; tells whether it is on."""
        if self._on_at is None:
            return False
        self._lease = now_ms() + lease_ms
        return True

    def turn_off(self, cause: str) -> None:
        """Switch off, whatever it was. Raises OSError; then it is tried again until it is off."""
        try:
            self._pin.set(False)
        except OSError:
            self._deadline = 0
            raise
        if self._on_at is not None:
            off_at = now_ms()
            self._ended = (off_at - self._on_at, off_at, cause)
            self._on_at = None

    def refuse(self) -> None:
        """Switch off for good."""
        self._is_refused = True
        self.turn_off("stop")

    def _was_refused(self) -> bool:
        # A question of its own, since a signal's handler may change the answer between two lines.
        return self._is_refused

    def take_ended(self) -> tuple[int, int, str] | None:
        """How the last run went, told once."""
        ended, self._ended = self._ended, None
        return ended

    def end_if_due(self) -> int:
        """Switch off at the end; returns the milliseconds until then."""
        if self._on_at is None:
            return _FOREVER_MS
        left_ms = min(self._deadline, self._lease) - now_ms()
        if left_ms > 0:
            return left_ms
        try:
            self.turn_off("deadline" if self._deadline <= self._lease else "lease")
        except OSError:
            return _RETRY_MS
        return _FOREVER_MS


def serve(outputs: dict[str, SupervisedOutput], orders: int, answers: int) -> None:
    """Obey until the agent's end of the pipe is closed."""
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    unread = b""
    while True:
        left_ms = min((output.end_if_due() for output in outputs.values()), default=_FOREVER_MS)
        if not poll.poll(None if left_ms >= _FOREVER_MS else left_ms):
            continue
        received = os.read(orders, 4096)
        if not received:
            return
        *lines, unread = (unread + received).split(b"\n")
        for line in lines:
            os.write(answers, answer(outputs, line.decode("ascii").split()).encode("ascii") + b"\n")


def answer(outputs: dict[str, SupervisedOutput], words: list[str]) -> str:
    """Carry out one order."""
    order, key, *more = words
    output = outputs[key]
    try:
        if order == "on":
            at_ms = output.turn_on(None if more[0] == "-" else int(more[0]), int(more[1]))
            return "no busy" if at_ms is None else f"on {at_ms}"
        if order == "keep":
            return "on" if output.keep(int(more[0])) else "off"
        output.turn_off("order")
        ended = output.take_ended()
        return "off -" if ended is None else f"off {ended[0]} {ended[1]} {ended[2]}"
    except OSError as error:
        if order == "on":
            # It may have moved all the same. If this fails too, it is due at once and tried again.
            switch_off([output], for_good=False)
        return f"no {os.strerror(error.errno or 0)}"


def switch_off(outputs: list[SupervisedOutput], *, for_good: bool = True) -> None:
    """Switch all off; one that fails does not keep the others on."""
    for output in outputs:
        try:
            if for_good:
                output.refuse()
            else:
                output.turn_off("order")
        except OSError as error:
            os.write(2, f"plant-node supervisor: cannot switch off: {error}\n".encode())


def main(arguments: list[str]) -> int:
    """Own the pins; off at the start, off at the end, off on a signal."""
    outputs: dict[str, SupervisedOutput] = {}
    try:
        for argument in arguments:
            key, pin, active_high, cap_ms = argument.split(":")
            line = Output(int(pin), active_high=active_high == "1", patience_s=_PATIENCE_S)
            outputs[key] = SupervisedOutput(line, None if cap_ms == "-" else int(cap_ms))
    except OSError as error:
        os.write(1, f"no {error.strerror}\n".encode())
        return 1
    # A stop of the whole machine or unit reaches this process too. The agent may still ask how the runs ended.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: switch_off(list(outputs.values())))
    try:
        os.write(1, b"ready\n")
        serve(outputs, 0, 1)
    finally:
        switch_off(list(outputs.values()))
    return 0
