"""The clock of several processes is the database server's: who sees it jump moves the dates, once, and stops nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from plant_backend.clock import AgreedClock
from plant_backend.services.clock_watch import ClockWatch
from plant_backend.storage.postgres_store import PostgresStorage

HOUR_MS = timedelta(hours=1) // timedelta(milliseconds=1)


class ToldClock(AgreedClock):
    """A clock that is told the time when a test says so; its machine may stand still."""

    stood_still_ms = 0

    def steady_ms(self) -> int:
        return super().steady_ms() - self.stood_still_ms

    def be_told(self, now_ms: int) -> None:
        # A millisecond later than all that was noticed before.
        asked_at_ms = self.steady_ms() + 1
        self.agree(now_ms, asked_at_ms, asked_at_ms)


class Process:
    """One process's clock, its watch, and its way to the database."""

    def __init__(self, storage: PostgresStorage, clock: ToldClock) -> None:
        self.storage = storage
        self.clock = clock
        self.watch = ClockWatch(storage, clock)

    async def may_act(self) -> bool:
        mark = await self.watch.settle()
        return await self.storage.write(lambda _: self.watch.is_settled(mark))

    async def moved_ms(self) -> int:
        await self.storage.catch_up()
        return self.storage.clock_moved_ms


@asynccontextmanager
async def a_process(url: str) -> AsyncIterator[Process]:
    clock = ToldClock()
    # It asks for the time at its start only.
    storage = PostgresStorage(url, clock, look_every_s=3600)
    await storage.open()
    try:
        yield Process(storage, clock)
    finally:
        await storage.close()


async def test_a_clock_that_is_set_moves_the_dates_once(postgres_url: str) -> None:
    async with a_process(postgres_url) as first, a_process(postgres_url) as second:
        later_ms = first.clock.now_ms() + HOUR_MS
        first.clock.be_told(later_ms)
        assert await first.may_act()
        assert not await second.may_act(), "its clock has not shown it yet"
        second.clock.be_told(later_ms)
        assert await second.may_act()
        assert await first.may_act()
        assert abs(await second.moved_ms() - HOUR_MS) < 60_000


async def test_a_machine_that_stood_still_stops_nobody_else(postgres_url: str) -> None:
    """As a virtual machine does that is moved: what went by meanwhile looks to it like a clock that was set."""
    async with a_process(postgres_url) as stood_still, a_process(postgres_url) as other:
        stood_still.clock.stood_still_ms = HOUR_MS
        stood_still.clock.be_told(other.clock.now_ms())
        assert await stood_still.may_act()
        assert not await other.may_act(), "the server's clock may have been set"
        assert not await other.may_act(), "nobody has asked since"
        other.clock.be_told(other.clock.now_ms())
        assert await other.may_act()
        assert abs(await other.moved_ms() - HOUR_MS) < 60_000, "nothing is moved back"
        assert await stood_still.may_act()


async def test_who_begins_between_a_jump_and_its_noticing_acts_all_the_same(postgres_url: str) -> None:
    async with a_process(postgres_url) as first:
        later_ms = first.clock.now_ms() + HOUR_MS
        async with a_process(postgres_url) as second:
            second.clock.be_told(later_ms)
            second.watch = ClockWatch(second.storage, second.clock)
            first.clock.be_told(later_ms)
            assert await first.may_act()
            assert not await second.may_act()
            await second.watch.settle()
            second.clock.be_told(second.clock.now_ms())
            assert await second.may_act()


def test_a_clock_that_runs_faster_goes_by_the_servers_all_the_same() -> None:
    """For demonstrations and tests: a minute a second, from a moment that all processes were told."""
    origin_ms = 1_800_000_000_000
    first, second = AgreedClock(60, origin_ms), AgreedClock(60, origin_ms)
    asked_at_ms = first.steady_ms()
    for clock in (first, second):
        clock.agree(origin_ms + 10_000, asked_at_ms, asked_at_ms)
        began_ms, now_ms = clock.steady_ms(), clock.now_ms()
        assert 0 <= now_ms - (origin_ms + 600_000) - (began_ms - asked_at_ms) <= clock.steady_ms() - began_ms
    before_ms, between_ms, after_ms = first.now_ms(), second.now_ms(), first.now_ms()
    assert before_ms <= between_ms <= after_ms
