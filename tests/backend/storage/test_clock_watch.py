"""What counts as a clock that was set, and what does not."""

from plant_backend.clock import SystemClock
from plant_backend.services.clock_watch import TOLERANCE_MS, ClockWatch
from plant_backend.storage.store import SqlStorage

from tests.backend.storage.conftest import a_device
from tests.builders import NOW, SECOND, a_batch

HELD_UP_MS = TOLERANCE_MS + 10_000


class HeldUpClock(SystemClock):
    """Goes on only while somebody reads it who is held up between two readings: so often, so long."""

    def __init__(self) -> None:
        super().__init__()
        self.went_ms, self.set_by_ms, self.held_up = 1_000_000, 0, 0

    def now_ms(self) -> int:
        told_ms = self.went_ms + self.set_by_ms
        if self.held_up:
            self.held_up -= 1
            self.went_ms += HELD_UP_MS
        return told_ms

    def steady_ms(self) -> int:
        return self.went_ms


async def test_a_thread_that_is_held_up_sees_no_clock_that_was_set(storage: SqlStorage) -> None:
    """On a clock that runs a thousand times faster, as a demonstration's, a busy machine is soon half a minute late."""
    device = await a_device(storage)
    await storage.append(a_batch(readings=[(device.sensors[0].id, 12.0, 0)], received=NOW))
    clock = HeldUpClock()
    clock.held_up = 1
    watch = ClockWatch(storage, clock)
    mark = await watch.settle()
    for held_up in (1, 2, 0):
        clock.held_up = held_up
        watch.look()
        clock.held_up = held_up
        assert watch.is_settled(mark)
    assert await watch.settle() == mark
    assert [sample.ts for sample in storage.latest(device.sensors[0].id)] == [NOW]


async def test_but_one_that_was_set_by_so_much_as_it_was(storage: SqlStorage) -> None:
    device = await a_device(storage)
    await storage.append(a_batch(readings=[(device.sensors[0].id, 12.0, 0)], received=NOW))
    clock = HeldUpClock()
    watch = ClockWatch(storage, clock)
    mark = await watch.settle()
    clock.set_by_ms, clock.held_up = 40_000, 1
    assert not watch.is_settled(mark)
    assert await watch.settle() == mark + 1
    assert [sample.ts for sample in storage.latest(device.sensors[0].id)] == [NOW + 40 * SECOND]
