"""The one writer: everything that changes the database goes through it and shares its commits.

Appends and transactions that arrive while a commit is on its way to the disk are taken together by the next one, so a
durable answer costs a fraction of a flush. A failing transaction is undone alone, under its own savepoint.
"""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog

from plant_backend.domain.errors import Unavailable
from plant_backend.domain.ledger import Event
from plant_backend.domain.telemetry import Batch, LoggedBatch, Receipt
from plant_backend.storage.batch_log import Appended, BatchLog
from plant_backend.storage.transaction import SqlTransaction
from plant_backend.storage.writer import Writer

log = structlog.get_logger(__name__)

_QUEUE_LIMIT = 4096
_GROUP_LIMIT = 512
Committed = Callable[[Sequence[LoggedBatch], Sequence[Event], int, int], None]
"""Hears of batches and events in the order of their ids, and how many of each come from other processes: the first."""


@dataclass(slots=True, eq=False)
class _Append:
    batch: Batch
    future: "asyncio.Future[Receipt]"


@dataclass(slots=True, eq=False)
class _Work:
    run: Callable[[SqlTransaction], Any] | None
    """None only looks what others have written."""
    future: "asyncio.Future[Any]"


@dataclass(slots=True)
class _Group:
    """What one commit brought, and what others had brought since the last one."""

    foreign_batches: Sequence[LoggedBatch] = ()
    foreign_events: Sequence[Event] = ()
    appended: list[Appended] = field(default_factory=list)
    worked: list[tuple[Any, BaseException | None]] = field(default_factory=list)
    logged: list[LoggedBatch] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    has_written: bool = False


class WriteLane:
    """Orders all writes of a process and commits them in groups on a thread of its own."""

    def __init__(self, writer: Writer, batch_log: BatchLog, on_commit: Committed, *, last_event_id: int) -> None:
        self._writer = writer
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

    def catch_up(self) -> "asyncio.Future[Any]":
        """Take in what others have written. Raises Unavailable when too much waits already."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(_Work(None, future))
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
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.close)
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
        logged, events = [*group.foreign_batches, *group.logged], [*group.foreign_events, *group.events]
        self._log.committed(logged)
        try:
            self._on_commit(logged, events, len(group.foreign_batches), len(group.foreign_events))
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
        writer, group = self._writer, _Group()
        is_look = not appends and all(work.run is None for work in works)
        changes = writer.changes
        writer.begin(is_look=is_look)
        try:
            self._look_elsewhere(group)
            if appends:
                group.appended = self._append_all([append.batch for append in appends], group.foreign_batches)
                group.logged = [outcome.logged for outcome in group.appended if outcome.logged is not None]
            for work in works:
                group.worked.append((None, None) if work.run is None else self._run_work(work.run, group.events))
            writer.driver.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(Exception):
                if writer.is_in_transaction:
                    writer.driver.execute("ROLLBACK")
            raise
        group.has_written = writer.changes > changes
        for events in (group.events, group.foreign_events):
            if events:
                self._last_event_id = events[-1].id
                break
        return group

    def _look_elsewhere(self, group: _Group) -> None:
        """Read what others (a guest on the command line, other processes) have written since our last commit."""
        driver = self._writer.driver
        last_batch, last_event = self._writer.look(driver)
        if last_batch is not None and last_batch > self._log.last_id:
            group.foreign_batches = self._log.after(driver, self._log.last_id)
        if last_event is not None and last_event > self._last_event_id:
            events = SqlTransaction(self._writer.connection).events
            group.foreign_events = events.after(self._last_event_id, last_event - self._last_event_id)

    def _append_all(self, batches: list[Batch], foreign: Sequence[LoggedBatch]) -> list[Appended]:
        """Append as one group, or, where a batch cannot be stored, each by itself so that its neighbours can."""
        connection = self._writer.driver
        connection.execute("SAVEPOINT appends")
        try:
            outcomes = self._log.append(connection, batches, self._log.open_group(foreign))
        except Exception as error:
            if not self._writer.is_poison(error):
                raise
            connection.execute("ROLLBACK TO appends")
            outcomes = self._append_one_by_one(batches, foreign)
        connection.execute("RELEASE appends")
        return outcomes

    def _append_one_by_one(self, batches: list[Batch], foreign: Sequence[LoggedBatch]) -> list[Appended]:
        connection, group = self._writer.driver, self._log.open_group(foreign)
        outcomes: list[Appended] = []
        for batch in batches:
            connection.execute("SAVEPOINT one")
            attempt = group.copy()
            try:
                outcomes += self._log.append(connection, [batch], attempt)
                group = attempt
            except Exception as error:
                if not self._writer.is_poison(error):
                    raise
                connection.execute("ROLLBACK TO one")
                log.exception("batch_not_storable", device_number=batch.device_number, batch_id=batch.batch_id)
                outcomes.append(Appended(error))
            connection.execute("RELEASE one")
        return outcomes

    def _run_work(self, run: Callable[[SqlTransaction], Any], events: list[Event]) -> tuple[Any, BaseException | None]:
        connection = self._writer.driver
        transaction = SqlTransaction(self._writer.connection)
        connection.execute("SAVEPOINT work")
        try:
            result = run(transaction)
        except Exception as error:
            if self._writer.is_out_of_order(error):
                # Nothing of this group is stored.
                raise
            connection.execute("ROLLBACK TO work")
            connection.execute("RELEASE work")
            return None, error
        connection.execute("RELEASE work")
        events += transaction.emitted
        return result, None
