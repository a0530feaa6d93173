"""A poll whose node hangs up ends, whatever happens at that moment."""

import asyncio

import pytest

from tests.backend.stateful.bench import Backend, in_a_file

pytestmark = in_a_file


@pytest.mark.parametrize("steps", range(6))
async def test_a_poll_that_is_given_up_in_the_midst_of_waking_up_ends(backend: Backend, steps: int) -> None:
    poll = asyncio.create_task(backend.poll(0, wait_s=25))
    # It reads three times before it waits; whoever reads ten times comes later.
    for _ in range(10):
        await backend.commands()
    backend.wake()
    for _ in range(steps):
        await asyncio.sleep(0)

    poll.cancel()
    async with asyncio.timeout(60):
        await asyncio.wait([poll])
    assert poll.cancelled()
