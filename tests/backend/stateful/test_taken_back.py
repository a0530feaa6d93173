"""What takes a waiting run back has to know more than whoever asked for it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from plant_backend.domain.command import CommandState

from tests.backend.stateful.bench import Backend, Reading, in_a_file

pytestmark = in_a_file


async def test_a_look_from_before_the_news_takes_back_no_run_from_after_it(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look listened when the reservoir was unknown still; the person asked when it was known to be full."""
    await backend.evaluate()
    read, has_listened, may_go_on = backend.storage.read, asyncio.Event(), asyncio.Event()

    async def read_late(work: Callable[..., Any]) -> Any:
        has_listened.set()
        await may_go_on.wait()
        return await read(work)

    monkeypatch.setattr(backend.storage, "read", read_late)
    look = asyncio.create_task(backend.evaluate())
    await has_listened.wait()
    monkeypatch.setattr(backend.storage, "read", read)
    backend.clock.wait(1)
    await backend.telemetry("b-1", [Reading("soil", 60.0), Reading("tank", 80.0)])
    await backend.dose()
    may_go_on.set()
    await look

    (command,) = await backend.commands()
    assert command.state is CommandState.QUEUED
