"""The file itself: who may open it, and what happens when it is not ours or the disk is full."""

import asyncio
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from plant_backend.domain.errors import Unavailable
from plant_backend.storage.driver import raw
from plant_backend.storage.errors import DatabaseInUse, DatabaseTooNew, DatabaseUnusable
from plant_backend.storage.migrate import migrate
from plant_backend.storage.store import SqliteStorage, SqlStorage
from plant_backend.storage.tables import events
from sqlalchemy import update

from tests.backend.storage.conftest import Opened, SetClock, a_device
from tests.builders import DAY, NOW, a_batch

Full = Callable[[SqlStorage], AbstractContextManager[None]]


@pytest.mark.sqlite_only
async def test_one_server_owns_the_file(opened: Opened, path: Path, clock: SetClock) -> None:
    """Two servers on one file are two workers on one pump, and a locked database: Mycodo #1310."""
    async with opened() as first:
        await a_device(first)
        with pytest.raises(DatabaseInUse, match=r"plants\.db"):
            await SqliteStorage(path, clock).open()
        assert not (await first.append(a_batch())).is_duplicate
    async with opened() as second:
        assert (await second.append(a_batch())).is_duplicate


async def test_a_failed_open_lets_the_file_go(tmp_path: Path, clock: SetClock) -> None:
    path = tmp_path / "plants.db"
    with pytest.raises(sqlite3.OperationalError):
        await SqliteStorage(path, clock).open()
    migrate(path)
    storage = SqliteStorage(path, clock)
    await storage.open()
    await storage.close()


def test_a_database_of_a_newer_version_is_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew, match="9999"):
        migrate(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database" * 400, b"\0" * 5_000, b"SQLite format 3\0" + b"\7" * 4_000])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plants.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseUnusable, match=r"plants\.db"):
        migrate(path)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnusable, match="file"):
        migrate(tmp_path / "file" / "deeper" / "plants.db")
    with pytest.raises(DatabaseUnusable):
        migrate(tmp_path)


def test_commits_are_durable(path: Path, clock: SetClock) -> None:
    """What a node was told is safe survives a power cut: synchronous=FULL, on a write-ahead log."""
    storage = SqliteStorage(path, clock)
    with storage._engine.connect() as connection:
        below = raw(connection)
        assert below.execute("PRAGMA synchronous").fetchone() == (2,)
        assert below.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert below.execute("PRAGMA foreign_keys").fetchone() == (1,)


@contextmanager
def no_more_pages(storage: SqlStorage) -> Iterator[None]:
    """SQLITE_FULL: the database may not grow."""
    below = raw(storage._writer.connection)
    (pages,) = below.execute("PRAGMA page_count").fetchone()
    below.execute(f"PRAGMA max_page_count={pages}")
    try:
        yield
    finally:
        below.execute("PRAGMA max_page_count=1073741823")


@contextmanager
def no_more_bytes(storage: Any) -> Iterator[None]:
    """SQLITE_IOERR: the system takes no more bytes into any file of this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = storage._path.with_name(storage._path.name + "-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.sqlite_only
@pytest.mark.parametrize("full", [no_more_pages, no_more_bytes])
async def test_a_full_disk_refuses_clearly_and_heals(opened: Opened, full: Full) -> None:
    """A node keeps its batch on 503 and sends it again; a full card must not cost a reading (Mycodo #709)."""
    accepted: set[str] = set()

    async def send(storage: SqlStorage, name: str) -> Any:
        rows = [(1, float(place), place + int(name) * 1_000) for place in range(400)]
        receipt = await storage.append(a_batch(name, rows))
        accepted.add(name)
        return receipt

    async with opened() as storage:
        device = await a_device(storage)
        for place in range(20):
            await send(storage, str(place))

        def rename(tx: Any) -> None:
            for place in range(200):
                tx.events.add(device, "device", {"place": place, "text": "x" * 500}, NOW)
            tx.devices.rename(device.number, "renamed on a full disk")

        with full(storage):
            answers = await asyncio.gather(
                *(send(storage, str(place)) for place in range(20, 60)), storage.write(rename), return_exceptions=True
            )
            alone = await asyncio.gather(storage.write(rename), return_exceptions=True)
            log_id = storage.log_bounds()[1]
        assert all(isinstance(answer, Unavailable) for answer in (*answers, *alone))
        assert all(answer.retry_after_s > 0 for answer in (*answers, *alone))

        assert await storage.read(lambda tx: (tx.devices.by_number(1).name, len(tx.events.after(0, 500)))) == (
            "Fern",
            0,
        )
        assert log_id == 20
        assert not (await send(storage, "20")).is_duplicate
        assert (await send(storage, "19")).is_duplicate
        await storage.write(rename)
        await storage.compact()
    async with opened() as storage:
        found = await storage.read(lambda tx: tx.history.readings(1, NOW - DAY, NOW + DAY, 100_000))
        assert len(found) == len(accepted) * 400 == 21 * 400
        assert raw(storage._writer.connection).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.sqlite_only
async def test_a_statement_that_undoes_only_itself_on_a_full_disk_is_told_the_same(storage: SqlStorage) -> None:
    """SQLite keeps the transaction open then; the writer must hear of the disk all the same, and not of SQL."""
    device = await a_device(storage)

    def tell(tx: Any) -> None:
        for place in range(50):
            tx.events.add(device, "device", {"place": place}, NOW)

    await storage.write(tell)
    before = await storage.read(lambda tx: tx.events.after(0, 100))
    with no_more_pages(storage), pytest.raises(Unavailable):
        await storage.write(lambda _: storage._writer.connection.execute(update(events).values(data="x" * 100_000)))
    assert await storage.read(lambda tx: tx.events.after(0, 100)) == before
    await storage.write(lambda tx: tx.devices.rename(device.number, "Moss"))


async def test_too_much_waiting_is_refused_before_it_is_taken(storage: SqlStorage) -> None:
    await a_device(storage)
    waiting = [storage.append(a_batch(f"b-{place:05}", [(1, 1.0, place)])) for place in range(4_096)]
    with pytest.raises(Unavailable):
        storage.append(a_batch("one more"))
    receipts = await asyncio.gather(*waiting)
    assert not any(receipt.is_duplicate for receipt in receipts)


async def test_closing_writes_what_waits(opened: Opened) -> None:
    async with opened() as storage:
        await a_device(storage)
        waiting = [storage.append(a_batch(f"b-{place:03}", [(1, 1.0, place)])) for place in range(600)]
    assert not any(receipt.is_duplicate for receipt in await asyncio.gather(*waiting))
    with pytest.raises(Unavailable):
        storage.append(a_batch("late"))
    async with opened() as storage:
        found = await storage.read(lambda tx: tx.history.readings(1, NOW - DAY, NOW + DAY, 1_000))
        assert len(found) == 600
