"""The node's clocks: the domain clock that plants live by, and real seconds for the network.

Without acceleration the domain clock is CLOCK_BOOTTIME (monotonic, counts suspend, starts at zero with the machine)
and the wall clock. With PLANT_NODE_CLOCK_SPEED=N both run N times as fast, the wall clock from
PLANT_NODE_CLOCK_ORIGIN on.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040
_EARLIEST_SANE_WALL_MS = 1_735_689_600_000
"""2025-01-01: a clock that shows less is a clock that was never set."""


class _Timex(ctypes.Structure):
    """The head of the kernel's `struct timex`; the tail is only room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 512),
    )


def kernel_clock_is_synchronized() -> bool:
    """Whether a time service (timesyncd, chrony, ntpd) told the kernel that the wall clock is right."""
    timex = _Timex()
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False
    return adjtimex(ctypes.byref(timex)) >= 0 and not timex.status & _STA_UNSYNC


def kernel_boot_id() -> str:
    """The id that Linux draws at each boot."""
    return _BOOT_ID.read_text().strip()


class Clock:
    """Domain time in milliseconds; `real_s` alone is in real seconds."""

    def __init__(
        self,
        *,
        speed: float = 1.0,
        origin_ms: int = 0,
        boot_id: str | None = None,
        wall_is_right: Callable[[], bool] = kernel_clock_is_synchronized,
    ) -> None:
        self.speed = speed
        self.boot_id = kernel_boot_id() if boot_id is None else boot_id
        self._origin_ms = origin_ms
        self._wall_is_right = wall_is_right

    def real_s(self) -> float:
        """Real seconds since the machine started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def mono_ms(self) -> int:
        """Domain milliseconds since the machine started: never jumps, and goes on when only this process restarts."""
        nanoseconds = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return nanoseconds // 1_000_000 if self.speed == 1 else int(nanoseconds * self.speed / 1e6)

    def wall_ms(self) -> int:
        """Domain Unix time; may be wrong, see `wall_is_trusted`."""
        real_ms = time.time_ns() / 1e6
        return int(real_ms) if self.speed == 1 else int(self._origin_ms + (real_ms - self._origin_ms) * self.speed)

    def wall_is_trusted(self) -> bool:
        """Whether the wall clock may date a reading."""
        return self.wall_ms() >= _EARLIEST_SANE_WALL_MS and self._wall_is_right()

    def real_seconds(self, domain_ms: float) -> float:
        """How long a stretch of domain time takes in reality."""
        return max(0.0, domain_ms) / 1000 / self.speed

    def wait(self, event: threading.Event, domain_ms: float) -> bool:
        """Wait for the event, but no longer than this domain time."""
        return event.wait(self.real_seconds(domain_ms))


def rfc3339(unix_ms: int) -> str:
    """The moment as the wire has it: UTC with milliseconds."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
