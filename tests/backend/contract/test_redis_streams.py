"""The bus between processes: what it hands to one, what it tells all, and what becomes of it in trouble."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from plant_backend.bus.redis_streams import RedisBus
from redis.asyncio import Redis as Client

from tests.servers import Redis

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def until(is_so: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what is waited for is another server's
            await asyncio.sleep(0.01)


@asynccontextmanager
async def a_bus(server: Redis, prefix: str, name: str, **more: int) -> AsyncIterator[tuple[RedisBus, list[int]]]:
    """Give a bus and the devices that it was asked to look at."""
    bus, heard = RedisBus(server.url, prefix, name, does_work=True, **{"idle_ms": 300, **more}), list[int]()
    bus.subscribe("device", heard.append)
    await bus.start()
    try:
        yield bus, heard
    finally:
        await bus.close()


async def test_work_goes_to_one_and_news_to_all_others(redis_server: Redis) -> None:
    async with a_bus(redis_server, "t1", "a") as (a, at_a), a_bus(redis_server, "t1", "b") as (b, at_b):
        news: list[tuple[str, int]] = []
        a.subscribe("commands", lambda key: news.append(("a", key)))
        b.subscribe("commands", lambda key: news.append(("b", key)))
        for number in range(50):
            a.publish("device", number)
            for bus in (a, b):
                bus.done("device", number)
        await until(lambda: len(set(at_a) | set(at_b)) == 50)
        a.publish("commands", 7)
        a.tell_others("commands", 8)
        a.tell_here("commands", 9)
        await until(lambda: len(news) == 4)
        assert sorted(news) == [("a", 7), ("a", 9), ("b", 7), ("b", 8)]


async def test_what_is_said_again_while_it_is_being_said_is_heard_again(redis_server: Redis) -> None:
    """News that comes while the same news is on its way is later news: whoever looked may have looked too early."""
    async with a_bus(redis_server, "t6", "a") as (a, heard):
        rounds = 200
        for number in range(rounds):
            before = len(heard)
            a.publish("device", 1)
            await until(lambda before=before: len(heard) > before)  # type: ignore[misc]
            # The first is heard, and the sender may not have noticed yet that it is through.
            before = len(heard)
            a.publish("device", 1)
            a.done("device", 1)
            await until(lambda before=before: len(heard) > before)  # type: ignore[misc]
            assert number < rounds


async def test_what_a_dead_worker_held_is_done_by_another(redis_server: Redis) -> None:
    async with a_bus(redis_server, "t2", "dead") as (dead, held):
        dead.publish("device", 5)
        await until(lambda: held == [5])
        # It ends without a word of how it went.
    async with a_bus(redis_server, "t2", "alive") as (alive, heard):
        await until(lambda: heard == [5])
        alive.done("device", 5)
        await until(lambda: not alive._acks)
        client = Client.from_url(redis_server.url)
        try:
            assert (await client.xpending("t2:work", "workers"))["pending"] == 0
        finally:
            await client.aclose()


async def test_what_nobody_survives_is_set_aside(redis_server: Redis) -> None:
    client = Client.from_url(redis_server.url)
    try:
        for number in range(3):
            # Each worker that is asked to do it ends in the middle.
            async with a_bus(redis_server, "t3", f"victim-{number}", tries=3, idle_ms=3_000) as (victim, held):
                if number == 0:
                    victim.publish("device", 6)
                await until(lambda held=held: held == [6])  # type: ignore[misc]
        async with a_bus(redis_server, "t3", "last", tries=3, idle_ms=3_000) as (last, heard):
            await until(lambda: last.set_aside == 1)
            assert heard == []
        (entry,) = await client.xrange("t3:dead")
        assert (entry[1][b"topic"], entry[1][b"key"]) == (b"device", b"6")
        assert (await client.xpending("t3:work", "workers"))["pending"] == 0
    finally:
        await client.aclose()


async def test_who_holds_much_takes_no_more(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plant_backend.bus.redis_streams._HELD", 10)
    async with a_bus(redis_server, "t4", "slow", idle_ms=60_000) as (slow, heard):
        for number in range(40):
            slow.publish("device", number)
        await until(lambda: len(heard) >= 10)
        await asyncio.sleep(0.3)
        assert len(heard) == 10
        for number in range(40):
            slow.done("device", number)
            if number % 5 == 4:
                await until(lambda number=number: len(heard) >= min(40, number + 5))  # type: ignore[misc]
        assert heard == list(range(40))


async def test_it_finds_its_way_back_to_a_redis_that_forgot_everything() -> None:
    with Redis() as server:
        async with a_bus(server, "t5", "a") as (a, at_a), a_bus(server, "t5", "b") as (b, _):
            assert a.is_carrying
            gaps: list[int] = []
            b.subscribe("gap", gaps.append)
            news: list[int] = []
            b.subscribe("commands", news.append)
            server.kill()
            await until(lambda: not a.is_carrying and not b.is_carrying)
            a.publish("device", 1)
            assert at_a == [1], "without Redis each process tells itself"
            server.start()
            await until(lambda: a.is_carrying and b.is_carrying)
            await until(lambda: bool(gaps))
            a.publish("commands", 3)
            await until(lambda: 3 in news)
            before = len(at_a)
            a.publish("device", 2)
            await until(lambda: len(at_a) > before or 2 in b._held)


async def test_workers_that_ended_long_ago_are_struck_off(redis_server: Redis) -> None:
    """Each start of a worker has a name of its own: after a year of updates there would be a thousand."""

    async def names(client: Client) -> set[bytes]:
        return {each["name"] for each in await client.xinfo_consumers("t9:work", "workers")}

    client = Client.from_url(redis_server.url)
    async with a_bus(redis_server, "t9", "gone") as (gone, heard):
        gone.publish("device", 1)
        await until(lambda: heard == [1])
        gone.done("device", 1)
    async with a_bus(redis_server, "t9", "busy") as (busy, heard):
        busy.publish("device", 2)
        await until(lambda: heard == [2])
    await client.xgroup_createconsumer("t9:work", "workers", "other")
    async with a_bus(redis_server, "t9", "left", idle_ms=3_600_000, gone_ms=1_000):
        async with asyncio.timeout(60):
            while await names(client) & {b"gone", b"other"}:  # noqa: ASYNC110 - what is waited for is another server's
                await asyncio.sleep(0.05)
        assert b"busy" in await names(client), "it holds work, which is taken over first"
    await client.aclose()
