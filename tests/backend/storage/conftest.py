"""Real SQLite files in a folder of their own."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from plant_backend.domain.model import Device
from plant_backend.storage.migrate import migrate
from plant_backend.storage.store import SqliteStorage

from tests.builders import NOW, a_manifest, a_principal

Opened = Callable[[], AbstractAsyncContextManager[SqliteStorage]]


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
def opened(path: Path, clock: SetClock) -> Opened:
    """Give what opens the storage for a block; after it the file is closed and may be opened again."""

    @contextlib.asynccontextmanager
    async def open_storage() -> AsyncIterator[SqliteStorage]:
        storage = SqliteStorage(path, clock)
        await storage.open()
        try:
            yield storage
        finally:
            await storage.close()

    return open_storage


@pytest.fixture
async def storage(opened: Opened) -> AsyncIterator[SqliteStorage]:
    async with opened() as storage:
        yield storage


async def a_device(storage: SqliteStorage, device_id: str = "d-1", username: str = "ada") -> Device:
    """Give a registered node: sensors `soil` and `tank`, actuators `pump` and `lamp`."""

    def work(tx):  # type: ignore[no-untyped-def]
        known = tx.users.by_name(username)
        user = known[0] if known else tx.users.add(username, "hash", NOW)
        device = tx.devices.add(a_principal(user.id, username), device_id, "Fern", b"\1" * 32, NOW)
        tx.devices.register(device.number, a_manifest(), NOW)
        return tx.devices.by_number(device.number)

    return await storage.write(work)
