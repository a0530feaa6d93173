"""The agent's threads, and whether each still lives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from plant_node.clock import Clock

log = logging.getLogger(__name__)

STALLED_AFTER_S = 120.0
BEAT_S = 20.0
"""The longest that a worker waits without a sign of life."""


def pause(stop: threading.Event, seconds: float, beat: Callable[[], None]) -> bool:
    """Wait so long, and give signs of life meanwhile. True when told to stop."""
    while not stop.wait(min(seconds, BEAT_S)):
        beat()
        seconds -= BEAT_S
        if seconds <= 0:
            return False
    return True


class Workers:
    """Runs workers.

    One that dies or hangs is a fault of the whole agent: it stops, pump first, and systemd starts it anew.
    """

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self.stop = stop
        self.fault: str | None = None
        self._clock = clock
        self._beats: dict[str, float] = {}

    def start(self, name: str, work: Callable[[Callable[[], None]], None]) -> None:
        """Run a worker in a thread of its own. It calls what it is given at least every minute."""
        self._beats[name] = self._clock.real_s()
        threading.Thread(target=self._run, args=(name, work), name=name, daemon=True).start()

    def fail(self, why: str) -> None:
        """Stop the agent with an error."""
        if self.fault is None:
            self.fault = why
        self.stop.set()

    def check(self) -> None:
        """Fail when a worker has given no sign of life for too long."""
        now = self._clock.real_s()
        for name, beat_s in self._beats.items():
            if now - beat_s > STALLED_AFTER_S:
                self.fail(f"{name} hangs")

    def _run(self, name: str, work: Callable[[Callable[[], None]], None]) -> None:
        try:
            work(lambda: self._beats.__setitem__(name, self._clock.real_s()))
        except Exception as error:
            log.critical("%s: stopped by %s: %s", name, type(error).__name__, error, exc_info=error)
            self.fail(f"{name} failed")
