"""The one writer: everything that changes the database goes through it and shares its commits.

Appends and transactions that arrive while a commit is on its way to the disk are taken together by the next one, so a
durable answer costs a fraction of a flush. A failing transaction is undone alone, under its own savepoint.
"""

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from plant_backend.domain.errors import Unavailable
from plant_backend.domain.ledger import Event
from plant_backend.domain.telemetry import Batch, LoggedBatch, Receipt
from plant_backend.storage.batch_log import Appended, BatchLog
from plant_backend.storage.sqlite import raw
from plant_backend.storage.transaction import SqlTransaction

log = structlog.get_logger(__name__)

_QUEUE_LIMIT = 4096
_GROUP_LIMIT = 512
_POISON = (sqlite3.DatabaseError, OverflowError, ValueError)

_OUT_OF_ORDER = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
)
"""Primary result codes that are the disk's fault or the file's, whatever was asked for."""

Committed = Callable[[Sequence[LoggedBatch], Sequence[Event]], None]


@dataclass(slots=True, eq=False)
class _Append:
    batch: Batch
    future: "asyncio.Future[Receipt]"


@dataclass(slots=True, eq=False)
class _Work:
    run: Callable[[SqlTransaction], Any]
    future: "asyncio.Future[Any]"


@dataclass(slots=True)
class _Group:
    """What one commit brought."""

    appended: list[Appended] = field(default_factory=list)
    worked: list[tuple[Any, BaseException | None]] = field(default_factory=list)
    logged: list[LoggedBatch] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    has_written: bool = False


class WriteLane:
    """Orders all writes of a process and commits them in groups on a thread of its own."""

    def __init__(
        self, connection: Connection, batch_log: BatchLog, on_commit: Committed, *, last_event_id: int
    ) -> None:
        self._connection = connection
        self._raw = raw(connection)
        self._log = batch_log
        self._on_commit = on_commit
        self._last_event_id = last_event_id
        self._queue: deque[_Append | _Work] = deque()
        self._news = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._is_closing = False
        self.failed_at_s = -math.inf
        self.is_failing = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name="write lane")

    def append(self, batch: Batch) -> "asyncio.Future[Receipt]":
        """Queue a batch. Raises Unavailable when too much waits already."""
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._put(_Append(batch, future))
        return future

    def write(self, run: Callable[[SqlTransaction], Any]) -> "asyncio.Future[Any]":
        """Queue a transaction. Raises Unavailable when too much waits already."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(_Work(run, future))
        return future

    def _put(self, item: _Append | _Work) -> None:
        if self._is_closing:
            raise Unavailable("The backend is stopping.", retry_after_s=5)
        if len(self._queue) >= _QUEUE_LIMIT:
            raise Unavailable("Too much is waiting to be written.", retry_after_s=2)
        self._queue.append(item)
        if not self._news.is_set():
            self._news.set()

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._is_closing = True
        self._news.set()
        await self._task
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._queue:
                if self._is_closing:
                    return
                self._news.clear()
                await self._news.wait()
                continue
            queue = self._queue
            items = [queue.popleft() for _ in range(min(len(queue), _GROUP_LIMIT))]
            appends = [item for item in items if isinstance(item, _Append)]
            works = [item for item in items if isinstance(item, _Work)]
            try:
                group = await loop.run_in_executor(self._thread, self._commit, appends, works)
            except Exception as error:
                self._fail(items, error)
                continue
            # An empty commit needs no room on the disk: it proves nothing.
            if self.is_failing and group.has_written:
                self.is_failing = False
                log.info("database_writable_again")
            self._settle(appends, works, group)

    def _settle(self, appends: list[_Append], works: list[_Work], group: _Group) -> None:
        self._log.committed(group.logged)
        try:
            self._on_commit(group.logged, group.events)
        except Exception:
            log.exception("commit_listener_failed")
        for append, outcome in zip(appends, group.appended, strict=True):
            if append.future.done():
                continue
            if isinstance(outcome.result, Receipt):
                append.future.set_result(outcome.result)
            else:
                append.future.set_exception(outcome.result)
        for work, (result, error) in zip(works, group.worked, strict=True):
            if work.future.done():
                continue
            if error is None:
                work.future.set_result(result)
            else:
                work.future.set_exception(error)

    def _fail(self, items: Sequence[_Append | _Work], error: Exception) -> None:
        self.failed_at_s = time.monotonic()
        if not self.is_failing:
            self.is_failing = True
            log.error("database_not_writable", reason=str(error))
        for item in items:
            if not item.future.done():
                item.future.set_exception(Unavailable(f"The database cannot be written: {error}.", retry_after_s=10))

    def _commit(self, appends: list[_Append], works: list[_Work]) -> _Group:
        """Run in the writer's thread. Raises only when nothing at all was stored."""
        connection, group = self._raw, _Group()
        changes = connection.total_changes
        connection.execute("BEGIN IMMEDIATE")
        try:
            if appends:
                group.appended = self._append_all([append.batch for append in appends])
                group.logged = [outcome.logged for outcome in group.appended if outcome.logged is not None]
            for work in works:
                group.worked.append(self._run_work(work.run, group.events))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        group.has_written = connection.total_changes > changes
        group.events = self._with_guests(group.events)
        return group

    def _with_guests(self, events: list[Event]) -> list[Event]:
        """Add the events that a guest (the command line) wrote between our commits, in their order."""
        (last,) = self._raw.execute("SELECT max(id) FROM events").fetchone()
        if last is not None and last > self._last_event_id + len(events):
            events = list(
                SqlTransaction(self._connection).events.after(self._last_event_id, last - self._last_event_id)
            )
        if events:
            self._last_event_id = events[-1].id
        return events

    def _append_all(self, batches: list[Batch]) -> list[Appended]:
        """Append as one group, or, where a batch cannot be stored, each by itself so that its neighbours can."""
        connection = self._raw
        connection.execute("SAVEPOINT appends")
        try:
            outcomes = self._log.append(connection, batches, self._log.open_group())
        except _POISON as error:
            if not connection.in_transaction or isinstance(error, sqlite3.OperationalError):
                raise
            connection.execute("ROLLBACK TO appends")
            outcomes = self._append_one_by_one(batches)
        connection.execute("RELEASE appends")
        return outcomes

    def _append_one_by_one(self, batches: list[Batch]) -> list[Appended]:
        connection, group, outcomes = self._raw, self._log.open_group(), []
        for batch in batches:
            connection.execute("SAVEPOINT one")
            attempt = group.copy()
            try:
                outcomes += self._log.append(connection, [batch], attempt)
                group = attempt
            except _POISON as error:
                if not connection.in_transaction or isinstance(error, sqlite3.OperationalError):
                    raise
                connection.execute("ROLLBACK TO one")
                log.exception("batch_not_storable", device_number=batch.device_number, batch_id=batch.batch_id)
                outcomes.append(Appended(error))
            connection.execute("RELEASE one")
        return outcomes

    def _run_work(self, run: Callable[[SqlTransaction], Any], events: list[Event]) -> tuple[Any, BaseException | None]:
        connection = self._raw
        transaction = SqlTransaction(self._connection)
        connection.execute("SAVEPOINT work")
        try:
            result = run(transaction)
        except Exception as error:
            if not connection.in_transaction or _is_out_of_order(error):
                # Disk full, I/O error: SQLite may have undone everything by itself. Nothing of this group is stored.
                raise
            connection.execute("ROLLBACK TO work")
            connection.execute("RELEASE work")
            return None, error
        connection.execute("RELEASE work")
        events += transaction.emitted
        return result, None


def _is_out_of_order(error: Exception) -> bool:
    """Tell whether the database failed, and not what was asked of it."""
    below = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(below, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _OUT_OF_ORDER
