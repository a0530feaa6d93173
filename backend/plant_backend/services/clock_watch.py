"""The watch over the clock: when somebody sets it, what is dated moves with it, and waiting times stay true."""

import asyncio
from datetime import datetime

import structlog

from plant_backend.ports import Clock, Storage

log = structlog.get_logger(__name__)

TOLERANCE_MS = 30_000
"""By how much the clock may be set before dates move; smaller steps add up until they are more."""


class ClockWatch:
    """Compares the clock with one that nobody can set.

    Without it a clock that jumps ahead by three hours ends a cooldown of three hours. `look` costs two readings of a
    clock. A jump while the process does not run goes unseen.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._offset_ms = clock.now_ms() - clock.steady_ms()
        self._pending_ms = 0
        self._settings = 0
        self._lock = asyncio.Lock()

    def look(self) -> None:
        """Notice a jump. The newest samples move at once; what is on the disk moves with `settle`."""
        jump_ms = self._jump_ms()
        if abs(jump_ms) > TOLERANCE_MS:
            self._offset_ms += jump_ms
            self._pending_ms += jump_ms
            self._storage.shift_latest(jump_ms)

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
        return abs(self._jump_ms()) <= TOLERANCE_MS and self._pending_ms == 0 and self._settings == mark

    def _jump_ms(self) -> int:
        return self._clock.now_ms() - self._clock.steady_ms() - self._offset_ms

    async def _move(self, jump_ms: int, now: datetime) -> None:
        if jump_ms == 0:
            return
        count = await self._storage.write(lambda tx: tx.commands.shift(jump_ms, now))
        self._pending_ms -= jump_ms
        self._settings += 1
        log.warning("clock_was_set", by_ms=jump_ms, commands_redated=count)
