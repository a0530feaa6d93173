"""The loop of the worker ends when it is stopped, at any step: a swallowed cancellation would keep the process."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from plant_backend.worker import Worker


class _Services(SimpleNamespace):
    """Services that have nothing to do."""

    def __init__(self) -> None:
        async def nothing(*_: object) -> None:
            return None

        super().__init__(
            clock=SimpleNamespace(now_ms=lambda: 0, sleep=lambda _: asyncio.sleep(3600)),
            bus=SimpleNamespace(subscribe=lambda *_: None, done=lambda *_: None),
            automation=SimpleNamespace(evaluate=nothing),
            commands=SimpleNamespace(give_up_overdue=nothing, heal_clock=nothing),
            alerts=SimpleNamespace(end_snoozes=nothing),
        )


class _Storage:
    """A storage with one device, which no other process has."""

    is_shared = False
    is_leader = True

    async def catch_up(self) -> None:
        """Nobody else writes."""

    async def read(self, _: object) -> list[int]:
        return [1]


@pytest.mark.parametrize("steps", range(12))
async def test_a_worker_that_is_stopped_in_the_midst_of_waking_up_stops(steps: int) -> None:
    worker = Worker(cast(Any, _Services()), cast(Any, _Storage()), sweep_s=3600, interval_ms=60_000)
    worker.start()
    worker.mark(2)
    for _ in range(10):
        await asyncio.sleep(0)
    # It waits for its next appointment; news wake it up, and it is stopped some steps later.
    worker.mark(3)
    for _ in range(steps):
        await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await worker.stop()


async def test_appointments_that_were_overtaken_do_not_pile_up() -> None:
    """News each minute, and each look makes an appointment for tomorrow."""
    services = _Services()
    has_looked = asyncio.Event()

    async def look(_: int) -> datetime:
        has_looked.set()
        return datetime(2026, 7, 1, tzinfo=UTC)

    services.automation.evaluate = look
    worker = Worker(cast(Any, services), cast(Any, _Storage()), sweep_s=3600, interval_ms=0)
    worker.start()
    for _ in range(2_000):
        has_looked.clear()
        worker.mark(1)
        await has_looked.wait()

    assert len(worker._due) < 1_000
    async with asyncio.timeout(30):
        await worker.stop()
