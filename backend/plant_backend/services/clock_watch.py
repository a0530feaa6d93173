"""The watch over the clock: when somebody sets it, what is dated moves with it, and waiting times stay true."""

import asyncio
from datetime import datetime

import structlog

from plant_backend.ports import Clock, SharedClock, Storage, Transaction

log = structlog.get_logger(__name__)

TOLERANCE_MS = 30_000
"""By how much the clock may be set before dates move; smaller steps add up until they are more."""

_QUICK_MS = TOLERANCE_MS // 10
_READINGS = 5


class ClockWatch:
    """Compares the clock with one that nobody can set.

    Without it a clock that jumps ahead by three hours ends a cooldown of three hours. `look` costs three readings of a
    clock. A jump while the process does not run goes unseen.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._offset_ms = _ahead_ms(clock)
        self._pending_ms = 0
        self._settings = 0
        self._moved_ms = storage.clock_moved_ms
        self._noticed = (self._moved_ms, 0)
        self._overtaken_ms: int | None = None
        """What was known of the moves before our last one, as long as nobody has looked since."""
        self._lock = asyncio.Lock()

    def look(self) -> None:
        """Notice a jump. The newest samples move at once; what is on the disk moves with `settle`."""
        if self._storage.is_shared:
            self._adopt()
        jump_ms = self._jump_ms()
        if abs(jump_ms) > TOLERANCE_MS:
            self._offset_ms += jump_ms
            self._pending_ms += jump_ms
            self._storage.shift_latest(jump_ms)

    def _adopt(self) -> None:
        """Take note where another process has moved the dates, by a jump that this clock shows too or never will."""
        if self._storage.clock_moved_ms == self._overtaken_ms:
            return
        self._overtaken_ms = None
        moved_ms = self._storage.clock_moved_ms - self._moved_ms
        if moved_ms == 0:
            self._noticed = (self._moved_ms, 0)
            return
        if abs(self._pending_ms + self._jump_ms() - moved_ms) <= TOLERANCE_MS:
            more_ms = moved_ms - self._pending_ms
            self._offset_ms += more_ms
            self._storage.shift_latest(more_ms)
            self._pending_ms = 0
        elif not self._is_without_jump():
            return
        self._moved_ms += moved_ms
        self._settings += 1
        log.warning("clock_was_set", by_ms=moved_ms, commands_redated="by another process")

    def _is_without_jump(self) -> bool:
        """Tell whether this clock went on evenly where another process saw a jump: that one's machine stood still, or
        this process began after the jump. The time has to have been asked for since that was noticed.
        """
        now_ms = self._clock.steady_ms()
        if self._noticed[0] != self._storage.clock_moved_ms:
            self._noticed = (self._storage.clock_moved_ms, now_ms)
        has_asked = isinstance(self._clock, SharedClock) and self._clock.asked_at_ms > self._noticed[1]
        return has_asked and self._pending_ms == 0 and abs(self._jump_ms()) <= TOLERANCE_MS

    async def settle(self) -> int:
        """Move the dates of commands with the clock. Gives a mark for `is_settled`.

        Whoever compares such a date with the time calls this first, and reads the time after it.
        """
        self.look()
        while self._pending_ms:
            async with self._lock:
                await self._move(self._pending_ms, self._clock.now())
            self.look()
        return self._settings

    def is_settled(self, mark: int) -> bool:
        """Tell whether the clock has not been set since `settle` gave this mark. For use inside a transaction."""
        if self._storage.is_shared and self._storage.clock_moved_ms != self._moved_ms:
            # Another process saw the clock being set, and this one's has not shown it yet.
            return False
        return abs(self._jump_ms()) <= TOLERANCE_MS and self._pending_ms == 0 and self._settings == mark

    def _jump_ms(self) -> int:
        return _ahead_ms(self._clock) - self._offset_ms

    async def _move(self, jump_ms: int, now: datetime) -> None:
        if jump_ms == 0:
            return

        def work(tx: Transaction) -> tuple[int, int] | None:
            if self._storage.is_shared and self._storage.clock_moved_ms != self._moved_ms:
                return None
            return tx.commands.shift(jump_ms, now), tx.commands.note_clock_moved(jump_ms)

        done = await self._storage.write(work)
        if done is None:
            # Somebody was faster. What is left of the jump after theirs, if it is worth moving, is ours.
            self._adopt()
            theirs_ms = self._storage.clock_moved_ms - self._moved_ms
            self._pending_ms -= theirs_ms
            self._moved_ms += theirs_ms
            return
        self._overtaken_ms = self._storage.clock_moved_ms
        count, self._moved_ms = done
        self._pending_ms -= jump_ms
        self._settings += 1
        log.warning("clock_was_set", by_ms=jump_ms, commands_redated=count)


def _ahead_ms(clock: Clock) -> int:
    """Give how far a clock is ahead of the steady one.

    A thread that is held up between two readings would see a jump: on a clock that runs a thousand times faster, 30 ms
    are one. The quickest of some readings counts.
    """
    quickest_ms, ahead_ms = None, 0
    for _ in range(_READINGS):
        began_ms = clock.steady_ms()
        found_ms = clock.now_ms() - began_ms
        took_ms = clock.steady_ms() - began_ms
        if quickest_ms is None or took_ms < quickest_ms:
            quickest_ms, ahead_ms = took_ms, found_ms
        if took_ms <= _QUICK_MS:
            break
    return ahead_ms
