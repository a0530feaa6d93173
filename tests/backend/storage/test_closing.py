"""Closing at any step of what goes on by itself: a cancellation that was swallowed would keep the process for ever."""

import asyncio
from pathlib import Path

import pytest
from plant_backend.storage.store import SqliteStorage

from tests.backend.storage.conftest import SetClock, a_device
from tests.builders import a_batch


@pytest.mark.parametrize("steps", range(8))
async def test_a_storage_that_is_closed_as_a_compaction_falls_due_closes(
    path: Path, clock: SetClock, steps: int
) -> None:
    storage = SqliteStorage(path, clock, compact_at_batches=1)
    await storage.open()
    await a_device(storage)
    await storage.append(a_batch())
    for _ in range(steps):
        await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await storage.close()
