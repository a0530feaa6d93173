"""A long simulation leaves room for everybody else."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from plant_backend.domain.errors import NotFound, Unavailable
from plant_backend.services.history import HistoryService, Instant
from plant_backend.services.what_if import MAX_LOOKS, MAX_WAITING, WhatHappened, WhatIf
from plant_backend.storage.store import SqlStorage

from tests.backend.storage.conftest import SetClock, a_device
from tests.builders import NOW, a_batch, a_principal

DAYS = 31


async def a_month_of_minutes(storage: SqlStorage) -> None:
    device = await a_device(storage)
    soil, tank = (sensor.id for sensor in device.sensors)
    for day in range(DAYS + 1):
        readings = []
        for minute in range(0, 1_440, 2):
            age_ms = (day * 1_440 + minute) * 60_000
            readings += [(soil, 25 + minute % 7, age_ms), (tank, 80, age_ms)]
        await storage.append(a_batch(f"b-{day}", readings, device=device.number))
    await storage.compact()


@pytest.mark.sqlite_only
async def test_others_have_their_turn_during_a_long_simulation(storage: SqlStorage, clock: SetClock) -> None:
    await a_month_of_minutes(storage)
    what_if = WhatIf(storage, clock, HistoryService(storage, clock))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    found = await what_if.simulate(a_principal(), "d-1", {"soil_moisture_min_percent": 35.0}, DAYS)
    running.cancel()

    assert found.readings > 40_000
    assert found.simulated.doses
    assert found.step_s >= (DAYS + 1) * 86_400 / MAX_LOOKS
    # Some 20,000 looks of 50 µs: in slices of 2 ms, hundreds of pauses, and many turns in each.
    assert turns > 500


class GatedHistory(HistoryService):
    """Tells nothing before its gate is open."""

    def __init__(self, storage: SqlStorage, clock: SetClock) -> None:
        super().__init__(storage, clock)
        self.gate = asyncio.Event()

    async def instants(self, *args: Any, **kwargs: Any) -> AsyncIterator[Sequence[Instant]]:
        await self.gate.wait()
        async for page in super().instants(*args, **kwargs):
            yield page


async def test_so_many_may_wait_and_no_more(storage: SqlStorage, clock: SetClock) -> None:
    await a_device(storage)
    await storage.append(a_batch(readings=[(1, 12, 0)], received=NOW))
    history = GatedHistory(storage, clock)
    what_if = WhatIf(storage, clock, history)
    asked = [asyncio.create_task(what_if.simulate(a_principal(), "d-1", {}, 1)) for _ in range(MAX_WAITING + 3)]
    for answer in itertools.islice(asyncio.as_completed(asked), 3):
        with pytest.raises(Unavailable):
            await answer
    history.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(answer, WhatHappened) for answer in answers) == MAX_WAITING
    with pytest.raises(NotFound):
        await what_if.simulate(a_principal(2), "d-1", {}, 1)
