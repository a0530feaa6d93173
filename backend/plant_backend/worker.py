"""The worker: looks at a device when there is news of it, when its waiting time ends, and now and then anyway."""

import asyncio
import contextlib
import heapq
import math
import time
from collections.abc import Sequence
from datetime import datetime

import structlog

from plant_backend.domain.errors import Unavailable
from plant_backend.ports import Storage
from plant_backend.services.registry import Services
from plant_backend.services.waiting import sleep_or_news

log = structlog.get_logger(__name__)

_OVERTAKEN_MAX = 256
_SHARE_S = 3.0
"""How often the leader of several workers hands out a share of the devices."""


class Worker:
    """Evaluates dirty devices one after the other, each at most once per `interval_ms` of the plants' time."""

    def __init__(self, services: Services, storage: Storage, *, sweep_s: float, interval_ms: int) -> None:
        self._services = services
        self._storage = storage
        self._sweep_s = sweep_s
        self._interval_ms = interval_ms
        self._due: list[tuple[int, int]] = []
        self._due_at: dict[int, int] = {}
        self._fresh: set[int] = set()
        self._answered_at: dict[int, int] = {}
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.swept_at = 0.0

    def start(self) -> None:
        """Begin: everything is looked at once, since nobody knows what happened while nobody looked."""
        self._services.bus.subscribe("device", self.mark)
        self._services.bus.subscribe("look", self._look_soon)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._evaluate_for_ever(), name="worker"),
            loop.create_task(self._sweep_for_ever(), name="sweep"),
        ]

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def mark(self, number: int) -> None:
        """Note that there is news of a device. The first news is looked at at once, what follows after the interval."""
        now_ms = self._services.clock.now_ms()
        self._fresh.add(number)
        earliest = self._answered_at.get(number, 0) + self._interval_ms
        self._schedule(number, min(max(earliest, now_ms), now_ms + self._interval_ms))

    def _schedule(self, number: int, at_ms: int) -> None:
        known = self._due_at.get(number)
        if known is not None and known <= at_ms:
            return
        self._due_at[number] = at_ms
        if len(self._due) >= _OVERTAKEN_MAX + len(self._due_at):
            # Each appointment that a nearer one overtook lies there until its time, which may be a day away.
            self._due = [(at, device) for device, at in self._due_at.items()]
            heapq.heapify(self._due)
        else:
            heapq.heappush(self._due, (at_ms, number))
        self._news.set()

    async def _evaluate_for_ever(self) -> None:
        clock = self._services.clock
        while True:
            if not self._due:
                self._news.clear()
                await self._news.wait()
                continue
            at_ms, number = self._due[0]
            wait_ms = at_ms - clock.now_ms()
            if wait_ms > 0:
                self._news.clear()
                await sleep_or_news(clock, min(wait_ms / 1000, 60), self._news)
                continue
            heapq.heappop(self._due)
            if self._due_at.get(number) != at_ms:
                continue
            del self._due_at[number]
            # Only looks that answer news make the next news wait: a sweep must not delay a dry plant.
            if number in self._fresh:
                self._fresh.discard(number)
                self._answered_at[number] = clock.now_ms()
            await self._evaluate(number)
            self._services.bus.done("device", number)

    async def _evaluate(self, number: int) -> None:
        try:
            wake_at = await self._services.automation.evaluate(number)
        except Unavailable as error:
            log.warning("evaluation_postponed", device_number=number, reason=error.detail)
            self._schedule(number, self._services.clock.now_ms() + 30_000)
            return
        except Exception:
            log.exception("evaluation_failed", device_number=number)
            with contextlib.suppress(Exception):
                await self._services.automation.report_failure(number)
            self._schedule(number, self._services.clock.now_ms() + 30_000)
            return
        if wake_at is not None:
            self._schedule(number, max(_ms(wake_at), self._services.clock.now_ms() + self._interval_ms))

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self._storage.catch_up()
                if self._storage.is_leader:
                    await self._services.commands.heal_clock()
                    await self._services.commands.give_up_overdue()
                    await self._services.alerts.end_snoozes()
                numbers = await self._storage.read(lambda tx: tx.devices.numbers())
                # What was kept of a device that was deleted would stay for ever.
                for gone in self._answered_at.keys() - set(numbers):
                    del self._answered_at[gone]
                there = set(numbers)
                self._answered_at = {number: at for number, at in self._answered_at.items() if number in there}
                await self._look_at_all(numbers)
                self.swept_at = time.monotonic()
            except Unavailable as error:
                log.warning("sweep_postponed", reason=error.detail)
            except Exception:
                log.exception("sweep_failed")
            await asyncio.sleep(self._rest_s)

    async def _look_at_all(self, numbers: Sequence[int]) -> None:
        """Have all devices looked at within one sweep: spread out, so that fresh news never waits behind a crowd that
        is only looked at for safety. Where there are several workers the leader shares the devices out to all of them.
        """
        if not self._storage.is_shared:
            step_ms = int(self._sweep_s * 1000) / max(len(numbers), 1)
            now_ms = self._services.clock.now_ms()
            for index, number in enumerate(numbers):
                self._schedule(number, now_ms + int(index * step_ms))
            return
        share = max(1, math.ceil(len(numbers) * self._rest_s / self._sweep_s))
        for start in range(0, len(numbers), share):
            if not self._storage.is_leader:
                return
            for number in numbers[start : start + share]:
                self._services.bus.publish("look", number)
            if start + share < len(numbers):
                await asyncio.sleep(self._rest_s)

    @property
    def _rest_s(self) -> float:
        return min(self._sweep_s, _SHARE_S) if self._storage.is_shared else self._sweep_s

    def _look_soon(self, number: int) -> None:
        self._schedule(number, self._services.clock.now_ms())


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
