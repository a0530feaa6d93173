"""The storage on both databases: a test that asks for one runs on each, unless it is marked as one of one of them."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from plant_backend.domain.model import Device
from plant_backend.storage.driver import raw
from plant_backend.storage.migrate import migrate
from plant_backend.storage.postgres import postgres_engine
from plant_backend.storage.postgres_store import PostgresStorage
from plant_backend.storage.retention import Retention
from plant_backend.storage.sqlite import sqlite_engine
from plant_backend.storage.store import SqliteStorage, SqlStorage
from sqlalchemy import Engine

from tests.builders import NOW, a_manifest, a_principal

Database = Path | str
"""A SQLite file, or the address of a PostgreSQL database."""

Opened = Callable[..., AbstractAsyncContextManager[SqlStorage]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        kinds = [
            kind
            for kind, other in (("sqlite", "postgresql_only"), ("postgresql", "sqlite_only"))
            if metafunc.definition.get_closest_marker(other) is None
        ]
        metafunc.parametrize("database", kinds, indirect=True)


class SetClock:
    """A clock that stands until somebody moves it."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a database of this version, without anybody in it."""
    path = tmp_path / "plants.db"
    migrate(path)
    return path


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Database:
    """Give a file, or the address of a database on a server."""
    if request.param == "sqlite":
        found: Path = request.getfixturevalue("path")
        return found
    url: str = request.getfixturevalue("postgres_url")
    return url


def engine_of(database: Database) -> Engine:
    """Give an engine for a look past the storage."""
    return sqlite_engine(database) if isinstance(database, Path) else postgres_engine(database)


def rows_of(database: Database, sql: str) -> list[Any]:
    """Give what one statement finds."""
    engine = engine_of(database)
    with engine.connect() as connection:
        rows = raw(connection).execute(sql).fetchall()
    engine.dispose()
    return rows


@pytest.fixture
def opened(database: Database, clock: SetClock) -> Opened:
    """Give what opens the storage for a block; after it the database is let go and may be opened again."""

    @contextlib.asynccontextmanager
    async def open_storage(retention: Retention = Retention()) -> AsyncIterator[SqlStorage]:  # noqa: B008 - frozen
        more: dict[str, Any] = {"retention": retention}
        storage: SqliteStorage | PostgresStorage
        if isinstance(database, Path):
            storage = SqliteStorage(database, clock, **more)  # type: ignore[arg-type]
        else:
            storage = PostgresStorage(database, clock, look_every_s=3_600, **more)  # type: ignore[arg-type]
        await storage.open()
        try:
            yield storage
        finally:
            await storage.close()

    return open_storage


@pytest.fixture
async def storage(opened: Opened) -> AsyncIterator[SqlStorage]:
    async with opened() as storage:
        yield storage


async def a_device(storage: SqlStorage, device_id: str = "d-1", username: str = "ada") -> Device:
    """Give a registered node: sensors `soil` and `tank`, actuators `pump` and `lamp`."""

    def work(tx):  # type: ignore[no-untyped-def]
        known = tx.users.by_name(username)
        user = known[0] if known else tx.users.add(username, "hash", NOW)
        device = tx.devices.add(a_principal(user.id, username), device_id, "Fern", b"\1" * 32, NOW)
        tx.devices.register(device.number, a_manifest(), NOW)
        return tx.devices.by_number(device.number)

    return await storage.write(work)
