"""The storage on PostgreSQL: the same as on SQLite, where any number of processes may have it open.

All that changes anything takes the write lock, so commits have one order, and each process follows the log: what others
have committed is taken in before its own next commit, when it is told to look, and once a second anyway.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from plant_backend.domain.errors import Unavailable
from plant_backend.domain.model import SAMPLES_KEPT
from plant_backend.ports import Clock, SharedClock
from plant_backend.storage import months
from plant_backend.storage.driver import Driver, raw
from plant_backend.storage.errors import DatabaseUnusable
from plant_backend.storage.expired_months import OldestMonth, detached_months, oldest_months, take_out
from plant_backend.storage.leadership import Leadership
from plant_backend.storage.log_marks import CLOCK_MOVED, log_mark
from plant_backend.storage.postgres import PostgresDriver, below, connect, is_lost, is_unwell, postgres_engine, shown
from plant_backend.storage.retention import Retention
from plant_backend.storage.shared_log import SharedBatchLog
from plant_backend.storage.store import COMPACT_AT_BATCHES, COMPACT_EVERY_S, SqlStorage, dropped_through
from plant_backend.storage.transaction import SqlTransaction
from plant_backend.storage.writer import PostgresWriter

log = structlog.get_logger(__name__)

T = TypeVar("T")

_READERS = 4
_LOOK_EVERY_S = 1.0
_SENSORS_AT_ONCE = 2_000

_NEWEST = """
    SELECT s.id, r.ts, r.value FROM unnest(?::bigint[]) AS s (id) CROSS JOIN LATERAL (
        SELECT ts, value FROM readings WHERE sensor_id = s.id AND is_age_known ORDER BY ts DESC LIMIT ?
    ) AS r
"""

_UNCHANGED_SINCE = """
    SELECT s.id, (
        SELECT min(ts) FROM readings WHERE sensor_id = s.id AND is_age_known AND ts > coalesce((
            SELECT ts FROM readings WHERE sensor_id = s.id AND is_age_known AND value <> s.newest
            ORDER BY ts DESC LIMIT 1
        ), -1)
    ) FROM unnest(?::bigint[], ?::float8[]) AS s (id, newest)
"""
_GATHER_S = 0.02


class PostgresStorage(SqlStorage):
    """Fulfils `ports.Storage` on a server that many processes share. Open it after `storage.migrate`."""

    is_shared = True

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        compact_every_s: float = COMPACT_EVERY_S,
        compact_at_batches: int = COMPACT_AT_BATCHES,
        retention: Retention = Retention(),  # noqa: B008 - frozen
        is_guest: bool = False,
        may_lead: bool = True,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        super().__init__(
            postgres_engine(url),
            SharedBatchLog(),
            clock,
            readers=_READERS,
            compact_every_s=compact_every_s,
            compact_at_batches=compact_at_batches,
            retention=retention,
            is_guest=is_guest,
        )
        self._url = url
        self._look_every_s = look_every_s
        self._leadership = None if is_guest or not may_lead else Leadership(url)
        self._following: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def open(self) -> None:
        """Rebuild what is kept in memory, and start writing. Raises DatabaseUnusable."""
        self._writer: PostgresWriter = PostgresWriter(self._engine)
        try:
            connection = self._writer.connection
            # One snapshot: what is committed meanwhile is followed from there on.
            raw(connection).execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                # Values that have stood still for weeks are many rows to look back through, and a long tail takes time
                # to read. It holds up nobody, and who gave up here would never start.
                raw(connection).execute(f"SET LOCAL {limit} = 0")
            if raw(connection).execute("SELECT 1 FROM instance WHERE key = 'copy_unfinished'").fetchone():
                raise DatabaseUnusable(
                    f"The database {shown(self._url)} holds half a copy: run plant-backend copy again until it ends."
                )
            self._load(connection)
            self._writer.clock_moved_ms = log_mark(connection, CLOCK_MOVED)
            raw(connection).execute("COMMIT")
        except Exception as error:
            self._writer.close()
            self._readers.shutdown()
            cause = error.orig if isinstance(error, DBAPIError) else error
            if cause is not None and is_unwell(cause):
                raise DatabaseUnusable(f"The database {shown(self._url)} cannot be used: {cause}.") from error
            raise
        await self._agree_on_the_time()
        self._start()
        if self._leadership is not None:
            await self._leadership.start()
        self._following = asyncio.get_running_loop().create_task(self._follow(), name="log follower")

    def _load_samples(self, below: Driver) -> None:
        """Ask for many sensors at once: a question for each would make a start with ten thousand devices a long one."""
        ids = [sensor_id for (sensor_id,) in below.execute("SELECT id FROM sensors ORDER BY id")]
        for start in range(0, len(ids), _SENSORS_AT_ONCE):
            some = ids[start : start + _SENSORS_AT_ONCE]
            for sensor_id, ts, value in below.execute(_NEWEST, (some, SAMPLES_KEPT)):
                self._latest.put(sensor_id, ts, value)
            newest = {sensor_id: samples[-1].value for sensor_id in some if (samples := self._latest.of(sensor_id))}
            for sensor_id, since_ms in below.execute(_UNCHANGED_SINCE, (list(newest), list(newest.values()))):
                if since_ms is not None:
                    self._latest.hold(sensor_id, since_ms)

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self._leadership is not None:
            await self._leadership.stop()
        await super().close()
        self._engine.dispose()

    @property
    def place(self) -> str:
        """Say for people where the database is."""
        return shown(self._url)

    @property
    def is_leader(self) -> bool:
        return self._leadership is not None and self._leadership.is_leader

    @property
    def clock_moved_ms(self) -> int:
        return self._writer.clock_moved_ms

    def look(self) -> None:
        """Take in soon what others have written: there is news."""
        self._news.set()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        marked_at_s = -math.inf
        while True:
            # Not wait_for, which on Python 3.11 may take our own end for the news.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_every_s):
                    await self._news.wait()
                    # Under load there is always news: one look takes in a good deal of it.
                    await asyncio.sleep(_GATHER_S)
            self._news.clear()
            try:
                await self.catch_up()
                if loop.time() - marked_at_s >= self._look_every_s:
                    log_id, event_id = await self._on_reader_thread(dropped_through)
                    # A compaction of our own may have gone further since that was read.
                    self._dropped = max(self._dropped[0], log_id), max(self._dropped[1], event_id)
                    await self._agree_on_the_time()
                    marked_at_s = loop.time()
            except Unavailable as error:
                log.debug("not_followed", reason=error.detail)
            except Exception:
                log.exception("following_failed")

    async def _drop_readings(self, now_ms: int) -> None:
        """Make the months to come, so that nobody waits for that, and drop those that have served their time."""

        def look(connection: Connection) -> list[OldestMonth]:
            return oldest_months(connection, self._retention, now_ms)

        def make_months(tx: SqlTransaction) -> None:
            for table in sorted(months.PARTITIONED):
                months.make(raw(tx.connection), table, (now_ms, months.Month.of(now_ms).next.begins_ms))

        await self.write(make_months)
        for month in await self._on_reader_thread(look):
            await self.write(partial(self._take_out, month, now_ms))
        await asyncio.get_running_loop().run_in_executor(self._readers, self._drop_detached)

    def _take_out(self, month: OldestMonth, now_ms: int, tx: SqlTransaction) -> None:
        take_out(tx.connection, month, now_ms)

    def _drop_detached(self) -> None:
        with closing(connect(self._url)) as connection:
            for name in detached_months(PostgresDriver(connection)):
                connection.execute(f"DROP TABLE IF EXISTS {name}".encode())
                log.info("month_dropped", partition=name)

    async def _agree_on_the_time(self) -> None:
        """All machines go by the server's clock: what one of them believes by itself counts for nothing."""
        if isinstance(self._clock, SharedClock):
            asked_ms = self._clock.steady_ms()
            told_ms = await self._on_reader_thread(_now_ms)
            self._clock.agree(told_ms, asked_ms, self._clock.steady_ms())

    def _on_reader(self, work: Callable[[Connection], T]) -> T:
        # A read may always be asked again: the server was restarted since this thread last spoke to it, or ended a
        # transaction that stood still.
        for is_last in (False, True):
            try:
                return self._try_read(work)
            except Exception as error:
                cause = error.orig if isinstance(error, DBAPIError) else error
                if cause is None or not is_unwell(cause):
                    raise
                self._forget_reader()
                if is_last or not is_lost(cause):
                    raise Unavailable("The database cannot be read now.", retry_after_s=5) from error
        raise AssertionError

    def _try_read(self, work: Callable[[Connection], T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            self._reader_connections.append(connection)
        driver = raw(connection)
        driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            result = work(connection)
        except BaseException:
            with contextlib.suppress(Exception):
                driver.execute("ROLLBACK")
            raise
        driver.execute("ROLLBACK")
        return result

    def _forget_reader(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._reader_connections.remove(connection)
            with contextlib.suppress(Exception):
                below(connection).close()
                connection.invalidate()
            connection.close()


def _now_ms(connection: Connection) -> int:
    (now_ms,) = raw(connection).execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").fetchone()
    return int(now_ms)
