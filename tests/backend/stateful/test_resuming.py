"""Who listened before a restore does not resume in the midst of another history."""

import time
from contextlib import aclosing

import pytest

from tests.backend.stateful.bench import Backend, in_a_file

pytestmark = in_a_file


def begin(backend: Backend) -> None:
    """Let the stream hear of commits, as the application does."""
    backend.services.events.start()
    backend.storage.listen(backend.services.events)


async def first_of(backend: Backend, last_id: str | None) -> tuple[str, str | None]:
    """Listen until the first message. Gives its type and id."""
    async with aclosing(backend.services.events.listen(backend.who, last_id)) as stream:  # type: ignore[type-var]
        message = await anext(stream)
    assert message is not None
    return message.type, message.id


async def spend_an_hour(backend: Backend, soil: float) -> None:
    """Report and decide: some batches, some events."""
    for part in range(4):
        backend.clock.wait(900)
        await backend.tell(soil + part)
        await backend.evaluate()


@pytest.mark.parametrize("is_clock_set", [True, False])
async def test_a_listener_from_before_a_restore_begins_with_a_snapshot(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, *, is_clock_set: bool
) -> None:
    if not is_clock_set:
        monkeypatch.setattr(time, "time_ns", lambda: 0)
    begin(backend)
    await spend_an_hour(backend, 50)
    kept = backend.backup()
    await spend_an_hour(backend, 50)
    _, last_id = await first_of(backend, None)
    for _ in range(2):
        await backend.restore(kept)
        begin(backend)
        for _ in range(3):
            assert (await first_of(backend, last_id))[0] == "snapshot"
            # More happens than was lost, so the numbers pass those of before.
            await spend_an_hour(backend, 10)
        # From here on it goes on as ever, also after a compaction and a restart.
        _, last_id = await first_of(backend, None)
        await backend.tell(51)
        assert (await first_of(backend, last_id))[0] == "readings"
        await backend.storage.compact()
        await backend.crash()
        begin(backend)
        assert (await first_of(backend, last_id))[0] == "readings"
