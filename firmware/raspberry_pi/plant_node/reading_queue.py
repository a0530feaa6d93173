"""Store and forward: every reading waits on the disk until the backend has it.

Readings are committed together, some 30 s apart, to spare the SD card. A batch's id and extent are durable before it
is first sent, so a resend after a crash or a power cut is the same batch. Ages are kept as CLOCK_BOOTTIME of the boot
that measured them.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plant_node.clock import Clock, rfc3339
from plant_node.database import durable, transaction
from plant_node.envelope import DAY_MS
from plant_node.lived import LivedClock

log = logging.getLogger(__name__)

MAX_BATCH = 500
OLDEST_MS = 31 * DAY_MS
FLUSH_AFTER_S = 30.0
# An age has to be young enough when it arrives, not only when it is sent.
_MARGIN_MS = 60 * 60 * 1000
_ID_EPOCH_S = 1_577_836_800  # 2020-01-01


@dataclass(frozen=True, slots=True)
class Batch:
    """A run of readings that goes out as one request, always the same one."""

    batch_id: str
    boot_id: str
    start_id: int
    first_id: int
    last_id: int


class BatchGone(Exception):
    """The batch cannot be sent any more: its readings are too old, or made room for newer ones."""


def new_boot_id(wall_ms: int, last: str | None) -> str:
    """Eight hex digits that grow with each start: 20 bits of time (1024 s each) and 12 of chance, always past the
    last one.
    """
    made = ((wall_ms // 1000 - _ID_EPOCH_S) // 1024 & 0xFFFFF) << 12 | secrets.randbelow(4096)
    if last is not None and made <= int(last, 16):
        made = (int(last, 16) + 1 + secrets.randbelow(4096)) & 0xFFFFFFFF
    return f"{made:08x}"


class ReadingQueue:
    """The readings that the backend does not have yet. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, lived: LivedClock, *, max_readings: int) -> None:
        self._db = connection
        self._clock = clock
        self._lived = lived
        self._max_readings = max_readings
        self._lock = threading.RLock()
        self._fresh: list[tuple[int, str, float]] = []
        self._flushed_s = clock.real_s()
        self._is_overflowing = False
        self._wall_offset_ms: int | None = None
        self._on_disk = int(connection.execute("SELECT count(*) FROM readings").fetchone()[0])
        self.boot_id, self._start_id = self._begin_start()

    def add(self, sensor: str, value: float, mono_ms: int) -> None:
        """Keep a reading. It reaches the disk with the next flush."""
        with self._lock:
            self._fresh.append((mono_ms, sensor, value))
            # A disk that refuses writes must not eat the memory instead.
            del self._fresh[: -max(self._max_readings, 1)]

    def depth(self) -> int:
        """How many readings wait."""
        with self._lock:
            return self._on_disk + len(self._fresh)

    def flush_if_due(self) -> None:
        """Flush when the last flush is long enough ago."""
        if self._clock.real_s() - self._flushed_s >= FLUSH_AFTER_S:
            self.flush()

    def flush(self) -> None:
        """Bring fresh readings and the clock to the disk."""
        with self._lock, transaction(self._db):
            written = self._write_fresh()
        self._written(written)

    def next_batch(self) -> Batch | None:
        """The oldest batch that waits, made now if there is none yet; None when nothing waits."""
        with self._lock:
            waiting = self._oldest_batch()
            if waiting is not None:
                return waiting
            with durable(self._db):
                written = self._write_fresh()
                self._drop_too_old()
                batch = self._make_batch()
            self._written(written)
            return batch

    def payload(self, batch: Batch) -> dict[str, Any]:
        """The batch as JSON, with ages as of now.

        Raises BatchGone; then `dissolve` makes a new one of what is left.
        """
        with self._lock:
            boot, offset = self._db.execute(
                "SELECT machine_boot, wall_offset_ms FROM starts WHERE id = ?", (batch.start_id,)
            ).fetchone()
            rows = self._db.execute(
                "SELECT mono_ms, sensor, value FROM readings WHERE id BETWEEN ? AND ? ORDER BY id",
                (batch.first_id, batch.last_id),
            ).fetchall()
        if not rows:
            raise BatchGone
        age_of = self._dating(boot, offset)
        readings = []
        for mono_ms, sensor, value in rows:
            age_ms, when = age_of(mono_ms)
            if age_ms is not None and age_ms > OLDEST_MS - _MARGIN_MS:
                raise BatchGone
            readings.append({"sensor": sensor, "value": value, **when})
        return {"batch_id": batch.batch_id, "boot_id": batch.boot_id, "readings": readings}

    def remove(self, batch: Batch) -> int:
        """The batch is done with, one way or the other. Returns how many readings went."""
        with self._lock, transaction(self._db):
            if not self._db.execute("DELETE FROM batches WHERE batch_id = ?", (batch.batch_id,)).rowcount:
                # It made room already, and its row ids may be others' by now.
                return 0
            gone = self._db.execute(
                "DELETE FROM readings WHERE id BETWEEN ? AND ?", (batch.first_id, batch.last_id)
            ).rowcount
            self._on_disk -= gone
        return gone

    def split(self, batch: Batch) -> bool:
        """Make two batches of one that is too large. False when it holds a single reading."""
        with self._lock:
            ids = [
                row[0]
                for row in self._db.execute(
                    "SELECT id FROM readings WHERE id BETWEEN ? AND ? ORDER BY id", (batch.first_id, batch.last_id)
                )
            ]
            if len(ids) < 2:
                return False
            middle = len(ids) // 2
            with durable(self._db):
                self._db.execute("DELETE FROM batches WHERE batch_id = ?", (batch.batch_id,))
                self._insert_batch(batch.start_id, batch.boot_id, ids[0], ids[middle - 1])
                self._insert_batch(batch.start_id, batch.boot_id, ids[middle], ids[-1])
            return True

    def dissolve(self, batch: Batch) -> None:
        """Take a batch back whose oldest readings the backend would refuse; what is left of it is batched anew."""
        with self._lock, durable(self._db):
            self._db.execute("DELETE FROM batches WHERE batch_id = ?", (batch.batch_id,))

    def close(self) -> None:
        """Flush and close the file."""
        with self._lock:
            self.flush()
            self._db.close()

    def _begin_start(self) -> tuple[str, int]:
        with transaction(self._db):
            last = self._db.execute("SELECT boot_id FROM starts ORDER BY id DESC LIMIT 1").fetchone()
            boot_id = new_boot_id(self._clock.wall_ms(), last[0] if last else None)
            start_id = self._db.execute(
                "INSERT INTO starts (boot_id, machine_boot) VALUES (?, ?) RETURNING id", (boot_id, self._machine_boot())
            ).fetchone()[0]
            self._db.execute(
                "DELETE FROM starts WHERE id < ? AND id NOT IN (SELECT start_id FROM readings)", (start_id,)
            )
        return boot_id, int(start_id)

    def _machine_boot(self) -> str:
        # Boot times at different speeds do not compare.
        return self._clock.boot_id if self._clock.speed == 1 else f"{self._clock.boot_id} x{self._clock.speed:g}"

    def _write_fresh(self) -> int:
        if self._clock.wall_is_trusted():
            offset = self._clock.wall_ms() - self._clock.mono_ms()
            if self._wall_offset_ms is None or abs(offset - self._wall_offset_ms) > 500:
                # One clock for all starts of this boot: what was measured before the clock came right is dated too.
                self._db.execute(
                    "UPDATE starts SET wall_offset_ms = ? WHERE machine_boot = ?", (offset, self._machine_boot())
                )
                self._wall_offset_ms = offset
        self._db.executemany(
            "INSERT INTO readings (start_id, mono_ms, sensor, value) VALUES (?, ?, ?, ?)",
            [(self._start_id, *row) for row in self._fresh],
        )
        self._lived.save(self._db)
        return len(self._fresh)

    def _written(self, count: int) -> None:
        del self._fresh[:count]
        self._on_disk += count
        self._flushed_s = self._clock.real_s()
        excess = self._on_disk - self._max_readings
        if excess > 0:
            self._drop_oldest(excess)
        elif self._is_overflowing and self._on_disk < self._max_readings * 0.9:
            self._is_overflowing = False

    def _drop_oldest(self, excess: int) -> None:
        if not self._is_overflowing:
            log.warning("telemetry: %d readings wait, the queue is full; the oldest are dropped", self._on_disk)
            self._is_overflowing = True
        while excess > 0:
            batch = self._oldest_batch()
            if batch is not None:
                # A batch may be on its way, and a part of it would be another batch.
                excess -= self.remove(batch)
                continue
            with transaction(self._db):
                gone = self._db.execute(
                    "DELETE FROM readings WHERE id IN (SELECT id FROM readings ORDER BY id LIMIT ?)", (excess,)
                ).rowcount
            self._on_disk -= gone
            return

    def _oldest_batch(self) -> Batch | None:
        row = self._db.execute(
            "SELECT batch_id, starts.boot_id, start_id, first_id, last_id"
            " FROM batches JOIN starts ON starts.id = start_id ORDER BY first_id LIMIT 1"
        ).fetchone()
        return Batch(*row) if row else None

    def _make_batch(self) -> Batch | None:
        rows = self._db.execute("SELECT id, start_id FROM readings ORDER BY id LIMIT ?", (MAX_BATCH,)).fetchall()
        if not rows:
            return None
        start_id = rows[0][1]
        of_start = [row[0] for row in rows if row[1] == start_id]
        boot_id = self._db.execute("SELECT boot_id FROM starts WHERE id = ?", (start_id,)).fetchone()[0]
        return self._insert_batch(start_id, boot_id, of_start[0], of_start[-1])

    def _insert_batch(self, start_id: int, boot_id: str, first_id: int, last_id: int) -> Batch:
        number = self._db.execute(
            "UPDATE starts SET batches_made = batches_made + 1 WHERE id = ? RETURNING batches_made", (start_id,)
        ).fetchone()[0]
        batch = Batch(f"{boot_id}-{number:08d}", boot_id, start_id, first_id, last_id)
        self._db.execute(
            "INSERT INTO batches (batch_id, start_id, first_id, last_id) VALUES (?, ?, ?, ?)",
            (batch.batch_id, start_id, first_id, last_id),
        )
        return batch

    def _drop_too_old(self) -> None:
        """Readings that the backend would refuse for their age; readings of unknown age stay."""
        limit_ms = OLDEST_MS - _MARGIN_MS
        dropped = 0
        for start_id, boot, offset in self._db.execute(
            "SELECT id, machine_boot, wall_offset_ms FROM starts"
        ).fetchall():
            if boot == self._machine_boot():
                oldest = self._clock.mono_ms() - limit_ms
            elif offset is not None and self._clock.wall_is_trusted():
                oldest = self._clock.wall_ms() - offset - limit_ms
            else:
                continue
            dropped += self._db.execute(
                "DELETE FROM readings WHERE start_id = ? AND mono_ms < ?", (start_id, oldest)
            ).rowcount
        if dropped:
            self._on_disk -= dropped
            log.warning("telemetry: dropped %d readings older than 31 days", dropped)

    def _dating(self, boot: str, offset: int | None) -> Callable[[int], tuple[int | None, dict[str, Any]]]:
        """How to say when a reading of some boot was measured: (its age if known, the fields for the wire)."""
        now = self._clock.mono_ms()
        if boot == self._machine_boot():
            return lambda mono_ms: (age := max(0, now - mono_ms), {"age_ms": age})
        if offset is None:
            return lambda _: (None, {})
        wall = self._clock.wall_ms() if self._clock.wall_is_trusted() else None
        return lambda mono_ms: (
            None if wall is None else wall - offset - mono_ms,
            {"measured_at": rfc3339(offset + mono_ms)},
        )
