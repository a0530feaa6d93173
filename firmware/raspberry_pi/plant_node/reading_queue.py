"""Store and forward: a reading goes out at once, and to the disk when it cannot.

What the backend takes within half a minute is never written, to spare the SD card. What it does not is written
together, as the very batch that was tried, so that a resend is the same batch. Ages are kept as CLOCK_BOOTTIME of the
boot that measured them.
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
CHECKPOINT_AFTER_S = 600.0
"""How often the clock is written down when nothing else is."""
# An age has to be young enough when it arrives, not only when it is sent.
_MARGIN_MS = 60 * 60 * 1000
_ID_EPOCH_S = 1_577_836_800  # 2020-01-01


@dataclass(frozen=True, slots=True)
class Batch:
    """A run of readings that goes out as one request, always the same one."""

    batch_id: str
    boot_id: str
    start_id: int


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
        # A batch that was never on the disk, and how many of the fresh readings it holds: the first ones.
        self._in_memory: tuple[Batch, int] | None = None
        self._batches_made = 0
        self._flushed_s = clock.real_s()
        self._is_overflowing = False
        self._wall_offset_ms: int | None = None
        self._on_disk = int(connection.execute("SELECT count(*) FROM readings").fetchone()[0])
        self.boot_id, self._start_id = self._begin_start()

    def add(self, sensor: str, value: float, mono_ms: int) -> None:
        """Keep a reading. It reaches the disk with the next flush, if the backend has not got it by then."""
        with self._lock:
            self._fresh.append((mono_ms, sensor, value))
            excess = len(self._fresh) - max(self._max_readings, 1)
            if excess > 0:
                # A disk that refuses writes must not eat the memory instead. What is left is another batch.
                del self._fresh[:excess]
                self._in_memory = None

    def depth(self) -> int:
        """How many readings wait."""
        with self._lock:
            return self._on_disk + len(self._fresh)

    def flush_if_due(self) -> None:
        """Flush when a reading has waited long enough, or the clock was not written down for long."""
        with self._lock:
            waited_s = self._clock.real_seconds(self._clock.mono_ms() - self._fresh[0][0]) if self._fresh else 0.0
            if waited_s >= FLUSH_AFTER_S:
                self.flush()
            elif self._clock.real_s() - self._flushed_s >= CHECKPOINT_AFTER_S:
                # The clock alone: fresh readings are about to go out.
                with transaction(self._db):
                    self._lived.save(self._db)
                self._flushed_s = self._clock.real_s()

    def flush(self) -> None:
        """Bring fresh readings and the clock to the disk."""
        with self._lock:
            wall_offset_ms = self._better_wall_offset_ms()
            with transaction(self._db):
                self._write_fresh(wall_offset_ms)
            # What memory says is on the disk has to be there: the commit may fail, too.
            if wall_offset_ms is not None:
                self._wall_offset_ms = wall_offset_ms
            written = len(self._fresh)
            self._fresh.clear()
            self._in_memory = None
            self._on_disk += written
            self._flushed_s = self._clock.real_s()
            excess = self._on_disk - self._max_readings
            if excess > 0:
                self._drop_oldest(excess)
            elif self._is_overflowing and self._on_disk < self._max_readings * 0.9:
                self._is_overflowing = False

    def next_batch(self) -> Batch | None:
        """The oldest batch that waits, made now if there is none yet; None when nothing waits."""
        with self._lock:
            if self._on_disk:
                waiting = self._oldest_batch()
                if waiting is not None:
                    return waiting
                with durable(self._db):
                    dropped = self._drop_too_old()
                    batch = self._make_batch()
                if dropped:
                    self._on_disk -= dropped
                    log.warning("telemetry: dropped %d readings older than 31 days", dropped)
                if batch is not None:
                    return batch
            if self._in_memory is None and self._fresh:
                self._batches_made += 1
                batch = Batch(f"{self.boot_id}-{self._batches_made:08d}", self.boot_id, self._start_id)
                self._in_memory = (batch, min(len(self._fresh), MAX_BATCH))
            return None if self._in_memory is None else self._in_memory[0]

    def payload(self, batch: Batch) -> dict[str, Any]:
        """The batch as JSON, with ages as of now.

        Raises BatchGone; then `dissolve` makes a new one of what is left.
        """
        with self._lock:
            boot, offset, rows = self._content(batch)
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
        with self._lock:
            if self._in_memory is not None and self._in_memory[0] == batch:
                count = self._in_memory[1]
                del self._fresh[:count]
                self._in_memory = None
                return count
            with transaction(self._db):
                extent = self._db.execute(
                    "DELETE FROM batches WHERE batch_id = ? RETURNING first_id, last_id", (batch.batch_id,)
                ).fetchone()
                if extent is None:
                    # It made room already, and its row ids may be others' by now.
                    return 0
                gone = self._db.execute("DELETE FROM readings WHERE id BETWEEN ? AND ?", extent).rowcount
            self._on_disk -= gone
            return gone

    def split(self, batch: Batch) -> bool:
        """Make two batches of one that is too large. False when it holds a single reading."""
        with self._lock:
            self._bring_to_disk(batch)
            ids = [
                row[0]
                for row in self._db.execute(
                    "SELECT readings.id FROM readings JOIN batches ON readings.id BETWEEN first_id AND last_id"
                    " WHERE batch_id = ? ORDER BY readings.id",
                    (batch.batch_id,),
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
        with self._lock:
            self._bring_to_disk(batch)
            with durable(self._db):
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

    def _better_wall_offset_ms(self) -> int | None:
        """How far the wall clock is ahead of the boot's, if the disk does not know that yet."""
        if not self._clock.wall_is_trusted():
            return None
        offset = self._clock.wall_ms() - self._clock.mono_ms()
        return offset if self._wall_offset_ms is None or abs(offset - self._wall_offset_ms) > 500 else None

    def _write_fresh(self, wall_offset_ms: int | None) -> None:
        if wall_offset_ms is not None:
            # One clock for all starts of this boot: what was measured before the clock came right is dated too.
            self._db.execute(
                "UPDATE starts SET wall_offset_ms = ? WHERE machine_boot = ?", (wall_offset_ms, self._machine_boot())
            )
        if self._fresh:
            first_id = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM readings").fetchone()[0]
            self._db.executemany(
                "INSERT INTO readings (id, start_id, mono_ms, sensor, value) VALUES (?, ?, ?, ?, ?)",
                [(first_id + place, self._start_id, *row) for place, row in enumerate(self._fresh)],
            )
            if self._in_memory is not None:
                # It may be on its way just now, or have arrived: it stays the batch that it is.
                batch, count = self._in_memory
                self._store_batch(batch, first_id, first_id + count - 1)
            # Whoever batches what is left of this start one day goes on behind the batches that were never here.
            self._db.execute(
                "UPDATE starts SET batches_made = ?1 WHERE id = ?2 AND batches_made <> ?1",
                (self._batches_made, self._start_id),
            )
        self._lived.save(self._db)

    def _content(self, batch: Batch) -> tuple[str, int | None, list[tuple[int, str, float]]]:
        """(the machine's boot, its wall clock if known, the readings) of a batch."""
        if self._in_memory is not None and self._in_memory[0] == batch:
            return self._machine_boot(), None, self._fresh[: self._in_memory[1]]
        found = self._db.execute(
            "SELECT machine_boot, wall_offset_ms, first_id, last_id FROM batches"
            " JOIN starts ON starts.id = start_id WHERE batch_id = ?",
            (batch.batch_id,),
        ).fetchone()
        if found is None:
            raise BatchGone
        rows = self._db.execute(
            "SELECT mono_ms, sensor, value FROM readings WHERE id BETWEEN ? AND ? ORDER BY id", found[2:]
        ).fetchall()
        return found[0], found[1], rows

    def _bring_to_disk(self, batch: Batch) -> None:
        if self._in_memory is not None and self._in_memory[0] == batch:
            self.flush()

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
            "SELECT batch_id, starts.boot_id, start_id FROM batches"
            " JOIN starts ON starts.id = start_id ORDER BY first_id LIMIT 1"
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
        if start_id == self._start_id:
            self._batches_made += 1
            number = self._batches_made
            self._db.execute("UPDATE starts SET batches_made = ? WHERE id = ?", (number, start_id))
        else:
            number = self._db.execute(
                "UPDATE starts SET batches_made = batches_made + 1 WHERE id = ? RETURNING batches_made", (start_id,)
            ).fetchone()[0]
        batch = Batch(f"{boot_id}-{number:08d}", boot_id, start_id)
        self._store_batch(batch, first_id, last_id)
        return batch

    def _store_batch(self, batch: Batch, first_id: int, last_id: int) -> None:
        self._db.execute(
            "INSERT INTO batches (batch_id, start_id, first_id, last_id) VALUES (?, ?, ?, ?)",
            (batch.batch_id, batch.start_id, first_id, last_id),
        )

    def _drop_too_old(self) -> int:
        """Delete readings that the backend would refuse for their age, and count them; those of unknown age stay."""
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
        return dropped

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
