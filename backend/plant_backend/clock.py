"""The clocks that the application may run on."""

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta

# Where there is one that counts a suspended machine's sleep too, a wake-up is no jump.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SystemClock:
    """The machine's clock, which may run `speed` times faster from `origin_ms` on: then a day passes in a minute."""

    def __init__(self, speed: float = 1.0, origin_ms: int = 0) -> None:
        self._speed = speed
        self._origin_ms = origin_ms

    def now(self) -> datetime:
        """Give the time, to the millisecond."""
        return _EPOCH + timedelta(milliseconds=self.now_ms())

    def now_ms(self) -> int:
        """Give the time in Unix milliseconds."""
        real_ms = time.time_ns() // 1_000_000
        if self._speed == 1.0:
            return real_ms
        return self._origin_ms + int((real_ms - self._origin_ms) * self._speed)

    def steady_ms(self) -> int:
        """Give milliseconds since some moment, at the same speed, whatever the clock is set to."""
        return int(time.clock_gettime_ns(_STEADY) // 1_000_000 * self._speed)

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        await asyncio.sleep(seconds / self._speed)


class AgreedClock(SystemClock):
    """The clock of processes that share a database: the server's, carried on between two looks by the steady one.

    Somebody who sets the clock of one machine sets nothing here; who sets the server's sets it for all. Where it runs
    faster, it does so from `origin_ms` of the server's time on, which has to be the same for all.
    """

    def __init__(self, speed: float = 1.0, origin_ms: int = 0) -> None:
        super().__init__(speed, origin_ms)
        self._offset_ms = super().now_ms() - self.steady_ms()
        self.asked_at_ms = self.steady_ms()

    def now_ms(self) -> int:
        """Give the time in Unix milliseconds."""
        return self.steady_ms() + self._offset_ms

    def agree(self, told_ms: int, asked_at_ms: int, answered_at_ms: int) -> None:
        """Go by a time that was told between two moments, as far as it says anything new: an answer takes its time."""
        self.asked_at_ms = asked_at_ms
        told_ms = self._origin_ms + int((told_ms - self._origin_ms) * self._speed)
        earliest_ms, latest_ms = told_ms - answered_at_ms, told_ms - asked_at_ms
        # The server tells whole milliseconds.
        slack_ms = math.ceil(self._speed)
        if not earliest_ms - slack_ms <= self._offset_ms <= latest_ms + slack_ms:
            self._offset_ms = (earliest_ms + latest_ms) // 2
