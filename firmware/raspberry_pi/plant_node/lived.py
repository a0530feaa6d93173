"""Lived time: milliseconds that this node has certainly been alive for, across reboots and without a calendar.

A Raspberry Pi has no clock that survives a power cut, and the one it gets from the network can jump. Lived time uses
neither. Within a boot it follows CLOCK_BOOTTIME. Across a boot it gains what the new boot has certainly lasted, and
nothing for the time without power. It may lag behind real time and never leads it, so a pause measured with it can
only come out longer.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from plant_node.clock import Clock


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A moment of lived time, pinned to a machine's boot."""

    lived_ms: int
    boot_id: str
    speed: float
    mono_ms: int


def certainly_elapsed(since: Checkpoint, *, boot_id: str, speed: float, mono_ms: int) -> int:
    """The time that has certainly passed since the checkpoint."""
    if since.boot_id != boot_id:
        return max(0, mono_ms)
    # A changed speed makes the two counts incomparable.
    return max(0, mono_ms - since.mono_ms) if since.speed == speed else 0


class LivedClock:
    """Lived time for one process."""

    def __init__(self, clock: Clock, last: Checkpoint | None) -> None:
        self._clock = clock
        self._since_mono_ms = clock.mono_ms()
        self._base_ms = 0
        if last is not None:
            self._base_ms = last.lived_ms + certainly_elapsed(
                last, boot_id=clock.boot_id, speed=clock.speed, mono_ms=self._since_mono_ms
            )

    @classmethod
    def resume(cls, database: sqlite3.Connection, clock: Clock) -> LivedClock:
        """Go on where the state file left off, and pin the new boot before anything relies on it."""
        row = database.execute("SELECT lived_ms, boot_id, speed, mono_ms FROM lived").fetchone()
        lived = cls(clock, Checkpoint(*row) if row else None)
        lived.save(database)
        return lived

    def at(self, mono_ms: int) -> int:
        """Lived time at a moment of this boot."""
        return self._base_ms + max(0, mono_ms - self._since_mono_ms)

    def now(self) -> int:
        """Lived time now."""
        return self.at(self._clock.mono_ms())

    def save(self, database: sqlite3.Connection) -> None:
        """Write the checkpoint; the caller commits."""
        mono_ms = self._clock.mono_ms()
        database.execute(
            "INSERT OR REPLACE INTO lived (one, lived_ms, boot_id, speed, mono_ms) VALUES (1, ?, ?, ?, ?)",
            (self.at(mono_ms), self._clock.boot_id, self._clock.speed, mono_ms),
        )
