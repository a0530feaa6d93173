"""What the node knows about its link to the backend, and how it waits before it tries again.

Real seconds throughout.
"""

from __future__ import annotations

import logging
import random
import threading

from plant_node.clock import Clock

log = logging.getLogger(__name__)

RETRY_IN_RUN_S = 2.0
"""How soon the backend is asked for commands again while a pump runs: somebody may have said off."""


class Link:
    """When the backend last answered. A run ends when that is too long ago."""

    def __init__(self, clock: Clock, *, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._clock = clock
        self._lock = threading.Lock()
        self._answered_s = clock.real_s()
        self._trouble: str | None = None

    @property
    def poll_wait_s(self) -> int:
        """How long a poll may be held: an idle backend still has to answer twice within the link timeout."""
        return max(0, min(25, int(self.timeout_s / 2)))

    def seconds_left(self) -> float:
        """Until the link counts as lost."""
        with self._lock:
            return self._answered_s + self.timeout_s - self._clock.real_s()

    def answered(self) -> None:
        """The backend answered something sensible."""
        with self._lock:
            silent_s = self._clock.real_s() - self._answered_s
            self._answered_s = self._clock.real_s()
            trouble, self._trouble = self._trouble, None
        if trouble is not None:
            log.info("link: the backend answers again after %.0f s", silent_s)

    def failed(self, why: str) -> None:
        """The backend could not be reached. Said once an outage, and again when the trouble changes."""
        with self._lock:
            is_news = why != self._trouble
            self._trouble = why
        if is_news:
            log.warning("link: %s; readings are kept, trying again", why)


class Backoff:
    """Growing pauses with jitter, so that a garden of nodes does not come back in step."""

    def __init__(self, *, first_s: float = 1.0, most_s: float = 60.0) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._failures = 0

    def failed(self, retry_after_s: float | None = None, *, is_in_run: bool = False) -> float:
        """One more failure: the seconds to wait. Few while a pump runs, but never less than the backend asked for."""
        pause_s: float = min(self._most_s, self._first_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
        asked_s = retry_after_s or 0.0
        wait_s = max(pause_s * jitter, asked_s * (1 + jitter / 10))
        return min(wait_s, max(RETRY_IN_RUN_S, asked_s)) if is_in_run else wait_s

    def succeeded(self) -> None:
        """Start over."""
        self._failures = 0


class Trouble:
    """One thing that works or does not. Each change is one line in the log, not each try."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._why: str | None = None

    def happened(self, why: str) -> None:
        """It does not work."""
        if why != self._why:
            log.warning("%s: %s; trying again", self._name, why)
        self._why = why

    def is_over(self) -> None:
        """It works."""
        if self._why is not None:
            log.info("%s: works again", self._name)
        self._why = None
