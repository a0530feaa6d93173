"""The storage as the services see it: reads on snapshots, writes through the lane, newest samples at hand."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine, update

from plant_backend.domain.errors import Unavailable
from plant_backend.domain.ledger import Event
from plant_backend.domain.model import SAMPLES_KEPT, Sample
from plant_backend.domain.telemetry import Batch, LoggedBatch, Receipt
from plant_backend.ports import Clock, CommitListener
from plant_backend.storage import allocator, compactor, pruning, shared_compaction
from plant_backend.storage.batch_log import BatchLog
from plant_backend.storage.driver import Driver, raw
from plant_backend.storage.lane import WriteLane
from plant_backend.storage.latest import LatestSamples
from plant_backend.storage.log_marks import log_mark
from plant_backend.storage.retention import Expiry, Retention, drop_slice, expiries
from plant_backend.storage.sqlite import ProcessLock, sqlite_engine
from plant_backend.storage.tables import instance
from plant_backend.storage.times import from_ms, to_ms
from plant_backend.storage.transaction import SqlTransaction
from plant_backend.storage.writer import SqliteWriter, Writer

log = structlog.get_logger(__name__)

T = TypeVar("T")

_READERS = 2
_READER_CACHE = "PRAGMA cache_size=-2048"
COMPACT_EVERY_S = 900.0
COMPACT_AT_BATCHES = 5_000
_COMPACT_AT_READINGS = 50_000


def _touch(tx: SqlTransaction) -> None:
    tx.connection.execute(update(instance).values(value=instance.c.value))


class SqlStorage:
    """What the storages of both databases have in common. Open it inside a running event loop."""

    is_shared = False
    """Whether other processes take batches and run the rules too."""

    def __init__(
        self,
        engine: Engine,
        batch_log: BatchLog,
        clock: Clock,
        *,
        readers: int,
        compact_every_s: float,
        compact_at_batches: int,
        retention: Retention,
        is_guest: bool,
    ) -> None:
        self._clock = clock
        self._compact_every_s = compact_every_s
        self._compact_at_batches = compact_at_batches
        self._retention = retention
        self._is_guest = is_guest
        self._engine = engine
        self._latest = LatestSamples()
        self._batch_log = batch_log
        self._listeners: list[CommitListener] = []
        self._here: list[CommitListener] = []
        self._elsewhere: list[CommitListener] = []
        self._local = threading.local()
        self._reader_connections: list[Connection] = []
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._is_compacting = False
        self._pruned_at_ms = 0
        self._readings_waiting = 0
        self._last_event_id = 0
        self._dropped = (0, 0)
        self._compaction_due = asyncio.Event()
        self._writer: Writer
        self._lane: WriteLane
        self._compaction: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Rebuild what is kept in memory, and start writing. Raises storage.errors.DatabaseError."""
        raise NotImplementedError

    def look(self) -> None:
        """Take in soon what others have written."""

    async def close(self) -> None:
        """Write what waits and let the database go."""
        if self._compaction is not None:
            self._compaction.cancel()
            await asyncio.gather(self._compaction, return_exceptions=True)
        await self._lane.close()
        self._readers.shutdown()
        for connection in self._reader_connections:
            connection.close()

    @property
    def is_leader(self) -> bool:
        """Tell whether this process does what only one may do."""
        return not self._is_guest

    @property
    def clock_moved_ms(self) -> int:
        """Give by how much dates have been moved with the clock, by whichever process; none but this one on SQLite."""
        return 0

    def _start(self) -> None:
        self._lane = WriteLane(self._writer, self._batch_log, self._committed, last_event_id=self._last_event_id)
        if not self._is_guest:
            self._compaction = asyncio.get_running_loop().create_task(self._compact_for_ever(), name="compactor")

    async def catch_up(self) -> None:
        """Go once through the writer, which takes in what others have written."""
        await self._lane.catch_up()

    async def catch_up_if_shared(self) -> None:
        """Do so where other processes take batches and run the rules too."""
        if self.is_shared:
            await self.catch_up()

    @property
    def failed_at_s(self) -> float:
        return self._lane.failed_at_s

    async def check_writable(self) -> None:
        """Write something of no consequence. Raises Unavailable."""
        await self._lane.write(_touch)

    def listen(self, listener: CommitListener) -> None:
        """Tell `listener` of each commit, in order, before anybody gets an answer for it."""
        self._listeners.append(listener)

    async def write(self, work: Callable[[SqlTransaction], T]) -> T:
        result: T = await self._lane.write(work)
        return result

    def listen_elsewhere(self, listener: CommitListener) -> None:
        """Tell `listener` of what other processes have made durable, after the others were told."""
        self._elsewhere.append(listener)

    def listen_here(self, listener: CommitListener) -> None:
        """Tell `listener` of what this process has made durable, after the others were told."""
        self._here.append(listener)

    async def read(self, work: Callable[[SqlTransaction], T]) -> T:
        return await self._on_reader_thread(lambda connection: work(SqlTransaction(connection)))

    def append(self, batch: Batch) -> "Awaitable[Receipt]":
        if self._is_guest:
            raise Unavailable("A guest of the database takes no batches.")
        return self._lane.append(batch)

    def latest(self, sensor_id: int) -> tuple[Sample, ...]:
        return self._latest.of(sensor_id)

    def unchanged_since(self, sensor_id: int) -> datetime | None:
        since_ms = self._latest.unchanged_ms(sensor_id)
        return None if since_ms is None else from_ms(since_ms)

    def shift_latest(self, jump_ms: int) -> None:
        self._latest.shift(jump_ms)

    def last_seen(self, device_number: int) -> datetime | None:
        seen_ms = self._latest.seen_ms(device_number)
        return None if seen_ms is None else from_ms(seen_ms)

    def forget(self, device_number: int, sensor_ids: Sequence[int]) -> None:
        self._latest.forget(device_number, sensor_ids)
        self._batch_log.forget(device_number)

    async def batches_after(self, log_id: int, limit: int) -> Sequence[LoggedBatch]:
        def load(connection: Connection) -> Sequence[LoggedBatch]:
            rows = raw(connection).execute(
                "SELECT id, device_number, batch_id, received_at, content, offsets FROM batches "
                "WHERE id > ? ORDER BY id LIMIT ?",
                (log_id, limit),
            )
            return list(compactor.decode_rows(rows))

        return await self._on_reader_thread(load)

    def log_bounds(self) -> tuple[int, int]:
        return self._dropped[0], self._batch_log.last_id

    def event_bounds(self) -> tuple[int, int]:
        return self._dropped[1], self._last_event_id

    async def compact(self) -> int:
        """Compact the whole tail now, and drop what has served its time. Gives the number of readings moved."""
        if self._is_compacting:
            return 0
        self._is_compacting = True
        try:
            return await self._compact()
        finally:
            self._is_compacting = False

    async def _compact(self) -> int:
        moved, is_cut = 0, True
        self._readings_waiting = 0
        while is_cut:
            tail = await self._on_reader_thread(compactor.read_tail)
            await self._compact_pass(tail)
            moved, is_cut = moved + len(tail.readings), tail.is_cut
        await self._drop_expired()
        await self._lane.write(self._rest)
        return moved

    def _rest(self, _: SqlTransaction) -> None:
        """Let go of memory that the next compaction, a quarter of an hour later, will need again."""
        allocator.give_back()

    async def _compact_pass(self, tail: compactor.Tail) -> None:
        size = min(compactor.SLICE, shared_compaction.SLICE) if self.is_shared else compactor.SLICE
        for start in range(0, len(tail.readings), size):
            await self._lane.write(partial(self._insert_readings, tail.readings[start : start + size]))
        now_ms = to_ms(self._clock.now())

        def finish(tx: SqlTransaction) -> tuple[int, int]:
            compactor.finish(tx.connection, tail, now_ms)
            return dropped_through(tx.connection)

        self._dropped = await self._lane.write(finish)
        self._batch_log.compacted(tail.keys, tail.through)

    async def _drop_expired(self) -> None:
        now_ms = to_ms(self._clock.now())
        await self._drop_readings(now_ms)
        if abs(now_ms - self._pruned_at_ms) >= pruning.EVERY_MS:
            # Also where it fails: among millions of records each compaction would look for them, in vain.
            self._pruned_at_ms = now_ms
            await self._prune(now_ms)

    async def _drop_readings(self, now_ms: int) -> None:
        def due(connection: Connection) -> list[Expiry]:
            return list(expiries(connection, self._retention, now_ms))

        for expiry in await self._on_reader_thread(due):
            while await self.write(partial(self._drop_slice, expiry)):
                pass

    async def _prune(self, now_ms: int) -> None:
        def look(connection: Connection) -> list[pruning.Surplus]:
            return pruning.surplus(connection, self._retention, now_ms)

        for each in await self._on_reader_thread(look):
            await self._drop_surplus(each)
            rows, portions = each.rows, 1
            while each.find_more is not None and len(rows) == pruning.MAX_ROWS and portions < pruning.PORTIONS:
                rows, portions = await self._on_reader_thread(each.find_more), portions + 1
                await self._drop_surplus(replace(each, rows=rows))

    async def _drop_surplus(self, each: pruning.Surplus) -> None:
        for rows in each.slices():
            await self._lane.write(partial(self._drop_rows, each, rows))

    def _drop_rows(self, each: pruning.Surplus, rows: pruning.Rows, tx: SqlTransaction) -> None:
        pruning.drop(tx.connection, each, rows)

    def _drop_slice(self, expiry: Expiry, tx: SqlTransaction) -> bool:
        return drop_slice(tx.connection, expiry)

    def _insert_readings(self, rows: list[compactor.Reading], tx: SqlTransaction) -> None:
        compactor.insert_readings(tx.connection, rows)

    async def _compact_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._compact_every_s):
                    await self._compaction_due.wait()
            self._compaction_due.clear()
            if not self.is_leader:
                continue
            try:
                moved = await self.compact()
                log.debug("compacted", readings=moved)
            except Exception:
                log.exception("compaction_failed")
                await asyncio.sleep(10)

    def _committed(
        self, batches: Sequence[LoggedBatch], events: Sequence[Event], foreign_batches: int, foreign_events: int
    ) -> None:
        for logged in batches:
            self._latest.take(logged.batch)
            self._readings_waiting += len(logged.batch.values)
        if events:
            self._last_event_id = events[-1].id
        if self._batch_log.tail_size >= self._compact_at_batches or self._readings_waiting >= _COMPACT_AT_READINGS:
            self._compaction_due.set()
        for listener in self._listeners:
            listener.committed(batches, events)
        if foreign_batches or foreign_events:
            for listener in self._elsewhere:
                listener.committed(batches[:foreign_batches], events[:foreign_events])
        for listener in self._here:
            listener.committed(batches[foreign_batches:], events[foreign_events:])

    def _load(self, connection: Connection) -> None:
        below = raw(connection)
        compacted_through = log_mark(connection, "compacted_through")
        self._dropped = dropped_through(connection)
        self._batch_log.load(below, compacted_through, self._dropped[0])
        (last_event,) = below.execute("SELECT max(id) FROM events").fetchone()
        self._last_event_id = max(last_event or 0, self._dropped[1])
        for number, seen_ms in below.execute("SELECT number, last_seen_at FROM devices WHERE last_seen_at IS NOT NULL"):
            self._latest.saw(number, seen_ms)
        self._load_samples(below)
        rows = below.execute(
            "SELECT id, device_number, batch_id, received_at, content, offsets FROM batches WHERE id > ? ORDER BY id",
            (compacted_through,),
        )
        for logged in compactor.decode_rows(rows):
            self._latest.take(logged.batch)
            self._readings_waiting += len(logged.batch.values)

    def _load_samples(self, below: Driver) -> None:
        for (sensor_id,) in below.execute("SELECT id FROM sensors").fetchall():
            for ts, value in below.execute(
                "SELECT ts, value FROM readings WHERE sensor_id = ? AND is_age_known ORDER BY ts DESC LIMIT ?",
                (sensor_id, SAMPLES_KEPT),
            ):
                self._latest.put(sensor_id, ts, value)
            self._hold(below, sensor_id)

    def _hold(self, below: Driver, sensor_id: int) -> None:
        """Find since when a sensor's value is what it is: looking back stops at the first other value."""
        samples = self._latest.of(sensor_id)
        if not samples:
            return
        (since_ms,) = below.execute(
            "SELECT min(ts) FROM readings WHERE sensor_id = ?1 AND is_age_known AND ts > coalesce((SELECT ts"
            " FROM readings WHERE sensor_id = ?1 AND is_age_known AND value <> ?2 ORDER BY ts DESC LIMIT 1), -1)",
            (sensor_id, samples[-1].value),
        ).fetchone()
        if since_ms is not None:
            self._latest.hold(sensor_id, since_ms)

    async def _on_reader_thread(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._on_reader, work)

    def _on_reader(self, work: Callable[[Connection], T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open_reader()
            self._reader_connections.append(connection)
        below = raw(connection)
        below.execute("BEGIN")
        try:
            return work(connection)
        finally:
            below.execute("ROLLBACK")

    def _open_reader(self) -> Connection:
        raise NotImplementedError


def dropped_through(connection: Connection) -> tuple[int, int]:
    """Give how far the log and the events were dropped."""
    return log_mark(connection, "dropped_through"), log_mark(connection, "events_dropped_through")


class SqliteStorage(SqlStorage):
    """Fulfils `ports.Storage` on a file that one server owns. Open it after `storage.migrate`."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        compact_every_s: float = COMPACT_EVERY_S,
        compact_at_batches: int = COMPACT_AT_BATCHES,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        is_guest: bool = False,
    ) -> None:
        super().__init__(
            sqlite_engine(path),
            BatchLog(),
            clock,
            readers=_READERS,
            compact_every_s=compact_every_s,
            compact_at_batches=compact_at_batches,
            retention=retention,
            is_guest=is_guest,
        )
        self._path = path
        self._lock = ProcessLock(path)

    async def open(self) -> None:
        """Take the file, rebuild what is kept in memory, and start writing. Raises DatabaseInUse.

        A guest may come while a server has the file: it neither takes batches nor compacts.
        """
        if not self._is_guest:
            self._lock.acquire()
        try:
            self._connection = self._engine.connect()
            try:
                self._load(self._connection)
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._lock.release()
            raise
        self._writer = SqliteWriter(self._connection)
        self._start()

    async def close(self) -> None:
        await super().close()
        self._lock.release()

    def _rest(self, tx: SqlTransaction) -> None:
        # Pages that the next compaction will read again from the file.
        raw(tx.connection).execute("PRAGMA shrink_memory")
        super()._rest(tx)

    def _open_reader(self) -> Connection:
        connection = self._engine.connect()
        raw(connection).execute(_READER_CACHE)
        return connection
