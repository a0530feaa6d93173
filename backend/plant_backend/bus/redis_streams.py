"""The bus between processes: two Redis streams, one for work that one process does and one for news that all hear.

The database is the truth: whatever is lost here is found by who follows the log, within a second, or by the sweep. So
nothing waits for Redis, and while it is away each process tells itself.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from plant_backend.bus.local import LocalBus

log = structlog.get_logger(__name__)

WORK = frozenset({"device", "look"})
"""Topics of which one listener in one process shall hear; of all others everybody does."""

MAX_TRIES = 5
"""How often work is handed out that never ends well, before it is set aside."""

_GROUP = "workers"
_BLOCK_MS = 2_000
_ANSWER_S = 3.0
_HELD = 512
_WORK_KEPT = 100_000
_NEWS_KEPT = 10_000
_DEAD_KEPT = 1_000
_WAITING = 200_000
_RECLAIM_EVERY_S = 5.0
_IDLE_MS = 10_000
_LOOK_EVERY_S = 1.0
_GONE_MS = 3_600_000
"""Who has not asked for work for so long, and holds none, is gone: each start of a process has a name of its own."""

_FAILURES = (RedisError, OSError, asyncio.TimeoutError)

Entry = tuple[bytes, Mapping[bytes, bytes]]


class RedisBus(LocalBus):
    """Fulfils `ports.Bus` across processes. `name` is this process's, `prefix` the installation's."""

    def __init__(
        self,
        url: str,
        prefix: str,
        name: str,
        *,
        does_work: bool,
        idle_ms: int = _IDLE_MS,
        tries: int = MAX_TRIES,
        gone_ms: int = _GONE_MS,
    ) -> None:
        super().__init__()
        self._work, self._news, self._dead = (f"{prefix}:{kind}" for kind in ("work", "news", "dead"))
        self._name = name
        self._does_work = does_work
        self._idle_ms = idle_ms
        self._tries = tries
        self._gone_ms = gone_ms
        options: dict[str, Any] = {"socket_connect_timeout": 2.0, "socket_keepalive": True}
        self._sender = Redis.from_url(url, socket_timeout=_ANSWER_S, **options)
        # Who waits for news is answered after the wait at the latest.
        self._waiter = Redis.from_url(url, socket_timeout=_BLOCK_MS / 1000 + _ANSWER_S, **options)
        self._outgoing: dict[tuple[str, int], None] = {}
        self._acks: list[bytes] = []
        self._held: dict[int, list[bytes]] = {}
        self._has_outgoing = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._heard_through = b""
        self._is_up = False
        self._is_closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self.set_aside = 0

    @property
    def is_carrying(self) -> bool:  # type: ignore[override]
        return self._is_up

    @property
    def state(self) -> str:  # type: ignore[override]
        return "redis" if self._is_up else "redis cannot be reached: news comes a second later"

    async def start(self) -> None:
        """Begin to speak and to listen. Redis may come later."""
        with contextlib.suppress(*_FAILURES):
            # What is said from here on is heard.
            self._heard_through = await self._last_of_news()
            self._is_up = True
        if not self._is_up:
            log.warning("bus_away")
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._for_ever(self._send), name="bus sender"),
            loop.create_task(self._for_ever(self._hear), name="bus listener"),
        ]
        if self._does_work:
            self._tasks.append(loop.create_task(self._for_ever(self._take_work), name="bus worker"))
            self._tasks.append(loop.create_task(self._for_ever(self._reclaim), name="bus reclaimer"))

    async def close(self) -> None:
        """Say what waits to be said, if that takes no time, and end."""
        self._is_closing = True
        running = set(self._tasks)
        while running:
            # Again, should the client have taken our word for trouble on the line.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=0.2)
        if self._is_up:
            with contextlib.suppress(*_FAILURES):
                async with asyncio.timeout(_ANSWER_S):
                    await self._flush()
        for client in (self._sender, self._waiter):
            with contextlib.suppress(*_FAILURES):
                await client.aclose()

    def publish(self, topic: str, key: int) -> None:
        if topic not in WORK:
            self.tell_here(topic, key)
            self.tell_others(topic, key)
        elif self._is_up and len(self._outgoing) < _WAITING:
            self._put(topic, key)
        else:
            self.tell_here(topic, key)

    def tell_others(self, topic: str, key: int) -> None:
        if self._is_up and len(self._outgoing) < _WAITING:
            self._put(topic, key)

    def done(self, topic: str, key: int) -> None:
        if topic not in WORK:
            return
        self._acks += self._held.pop(key, ())
        if self._acks:
            self._has_outgoing.set()
        if len(self._held) < _HELD:
            self._has_room.set()

    def _put(self, topic: str, key: int) -> None:
        # A dict: what is said twice before it is sent is said once.
        self._outgoing[(topic, key)] = None
        self._has_outgoing.set()

    async def _for_ever(self, step: Callable[[], Any]) -> None:
        """Go on whatever happens; while Redis is away, look once a second whether it is back."""
        while not self._is_closing:
            try:
                await step()
            except _FAILURES as error:
                self._went_away(error)
                await asyncio.sleep(_LOOK_EVERY_S)
            except Exception:
                log.exception("bus_failed")
                await asyncio.sleep(_LOOK_EVERY_S)

    def _went_away(self, error: BaseException) -> None:
        if self._is_up:
            self._is_up = False
            log.warning("bus_away", reason=str(error) or type(error).__name__)
        waiting, self._outgoing = self._outgoing, {}
        # Work that nobody else was told of is ours, if we do any. What is held is acknowledged later, or taken over.
        for topic, key in waiting:
            if topic in WORK:
                self.tell_here(topic, key)

    async def _send(self) -> None:
        # Not wait_for, which on Python 3.11 may take our own end for the news.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._has_outgoing.wait()
        self._has_outgoing.clear()
        await self._flush()
        if not self._is_up:
            self._is_up = True
            log.info("bus_back")
            # Nobody knows what was said meanwhile.
            self.tell_here("gap", 0)

    async def _flush(self) -> None:
        if not (self._outgoing or self._acks):
            await self._sender.ping()
            return
        # What is said while this is on its way is news again, and not said by it.
        sending, self._outgoing = self._outgoing, {}
        acks = list(self._acks)
        pipeline = self._sender.pipeline(transaction=False)
        for topic, key in sending:
            stream, kept = (self._work, _WORK_KEPT) if topic in WORK else (self._news, _NEWS_KEPT)
            pipeline.xadd(stream, {"topic": topic, "key": key, "from": self._name}, maxlen=kept, approximate=True)
        if acks:
            pipeline.xack(self._work, _GROUP, *acks)
        try:
            await pipeline.execute()
        except BaseException:
            self._outgoing = sending | self._outgoing
            raise
        del self._acks[: len(acks)]

    async def _hear(self) -> None:
        last = await self._last_of_news()
        if not self._heard_through:
            self._heard_through = last
        elif _order(last) < _order(self._heard_through):
            # Redis came back without its memory.
            self._heard_through = b"0-0"
            self.tell_here("gap", 0)
        while True:
            answer = await self._waiter.xread({self._news: self._heard_through}, count=1_000, block=_BLOCK_MS)
            for entry_id, fields in _entries(answer):
                self._heard_through = entry_id
                if fields[b"from"] != self._name.encode():
                    self.tell_here(fields[b"topic"].decode(), int(fields[b"key"]))
            if not answer:
                # A restart between two questions of ours may have gone unseen.
                return

    async def _last_of_news(self) -> bytes:
        newest: Any = await self._waiter.xrevrange(self._news, count=1)
        return newest[0][0] if newest else b"0-0"

    async def _take_work(self) -> None:
        await self._make_group()
        while True:
            # Back-pressure: who has enough leaves the rest to others, or to later.
            await self._has_room.wait()
            try:
                answer = await self._waiter.xreadgroup(
                    _GROUP, self._name, {self._work: ">"}, count=_HELD - len(self._held), block=_BLOCK_MS
                )
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await self._make_group()
                continue
            self._hold(_entries(answer))

    def _hold(self, entries: Sequence[Entry]) -> None:
        for entry_id, fields in entries:
            key = int(fields[b"key"])
            self._held.setdefault(key, []).append(entry_id)
            self.tell_here(fields[b"topic"].decode(), key)
        if len(self._held) >= _HELD:
            self._has_room.clear()

    async def _make_group(self) -> None:
        try:
            await self._sender.xgroup_create(self._work, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _reclaim(self) -> None:
        """Take over what a worker was given that has not been heard of since, and set aside what nobody survives."""
        await asyncio.sleep(min(_RECLAIM_EVERY_S, self._idle_ms / 3000))
        mine: Any = [entry_id for ids in self._held.values() for entry_id in ids]
        try:
            if mine:
                # We live: what we hold stays ours, and is not counted as handed out again.
                await self._sender.xclaim(self._work, _GROUP, self._name, 0, [*mine], justid=True)
            pending: Any = await self._sender.xpending_range(
                self._work, _GROUP, min="-", max="+", count=100, idle=self._idle_ms
            )
        except ResponseError as error:
            if "NOGROUP" in str(error):
                return
            raise
        for each in pending:
            if each["times_delivered"] >= self._tries:
                await self._set_aside(each["message_id"])
        if len(self._held) >= _HELD:
            return
        answer: Any = await self._sender.xautoclaim(
            self._work, _GROUP, self._name, min_idle_time=self._idle_ms, count=100
        )
        mine = [entry_id for ids in self._held.values() for entry_id in ids]
        self._hold([entry for entry in answer[1] if entry[0] not in mine])
        await self._forget_the_gone()

    async def _forget_the_gone(self) -> None:
        """Strike off workers that ended long ago. One that comes back is put down again when it asks for work."""
        consumers: Any = await self._sender.xinfo_consumers(self._work, _GROUP)
        for each in consumers:
            if each["pending"] == 0 and each["idle"] >= self._gone_ms and each["name"] != self._name.encode():
                await self._sender.xgroup_delconsumer(self._work, _GROUP, each["name"])
                log.info("worker_forgotten", worker=each["name"].decode())

    async def _set_aside(self, entry_id: bytes) -> None:
        found: Any = await self._sender.xrange(self._work, min=entry_id, max=entry_id)
        pipeline = self._sender.pipeline(transaction=True)
        for _, fields in found:
            pipeline.xadd(self._dead, {**fields, "was": entry_id}, maxlen=_DEAD_KEPT, approximate=True)
        pipeline.xack(self._work, _GROUP, entry_id)
        await pipeline.execute()
        self.set_aside += 1
        log.error("work_set_aside", entry=entry_id.decode(), fields=str(found[0][1]) if found else None)


def _entries(answer: Any) -> Sequence[Entry]:
    """Give the entries of the one stream that was asked for, in whichever of its two forms the protocol tells."""
    if not answer:
        return ()
    if isinstance(answer, dict):
        return [entry for found in answer.values() for page in found for entry in page]
    return [entry for _, found in answer for entry in found]


def _order(entry_id: bytes) -> tuple[int, int]:
    ms, _, count = entry_id.partition(b"-")
    return int(ms), int(count or b"0")
