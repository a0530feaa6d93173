"""Empties the outbox of notifications. Level-triggered: it looks at what waits, whatever woke it."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime

import structlog

from plant_backend.domain.alert import Alert, Severity
from plant_backend.domain.errors import Unavailable
from plant_backend.domain.notification import (
    Change,
    Message,
    Plan,
    Target,
    after_failure,
    after_success,
    expires_at,
    not_before,
    plan,
)
from plant_backend.ports import Bus, Clock, NotificationWriter, Notifier, NotSent, Sealer, Storage, Transaction
from plant_backend.services.notifications import TOPIC, open_url
from plant_backend.services.waiting import sleep_or_news

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 60.0
_LEADER_LOOK_S = 3.0
_WRITE_AGAIN_S = 30.0
_WRITE_AGAIN_AFTER_ERROR_S = 600.0


class NotificationSender:
    """Sends what waits, at most one message to a target at a time. At least once: what is sent is written down after.

    `clock` is of the real world: people's phones do not live faster in a demonstration.
    """

    def __init__(
        self,
        storage: Storage,
        bus: Bus,
        clock: Clock,
        notifier: Notifier,
        writer: NotificationWriter,
        sealer: Sealer,
        public_url: str,
    ) -> None:
        self._storage = storage
        self._bus = bus
        self._clock = clock
        self._notifier = notifier
        self._writer = writer
        self._sealer = sealer
        self._public_url = public_url
        self._news = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self.sent = 0
        self.failed = 0

    def start(self) -> None:
        """Begin with what was left waiting."""
        for topic in (TOPIC, "alerts"):
            self._bus.subscribe(topic, lambda _: self._news.set())
        self._task = asyncio.get_running_loop().create_task(self._run(), name="notification sender")

    async def stop(self) -> None:
        """End. What is on its way is sent again at the next start."""
        tasks = [*self._busy.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._news.clear()
            wait_s = _LOOK_EVERY_S
            try:
                # Two who send would send twice.
                wait_s = min(wait_s, await self._look() if self._storage.is_leader else _LEADER_LOOK_S)
            except Unavailable as error:
                log.warning("notifications_postponed", reason=error.detail)
            except Exception:
                log.exception("notifications_failed")
            await sleep_or_news(self._clock, wait_s, self._news)

    async def _look(self) -> float:
        """Send what is due. Gives in how many seconds something will be."""
        now = self._clock.now()
        # What ends while we read is still waiting in what we read: it would be sent twice.
        busy = set(self._busy)
        outbox = await self._storage.read(lambda tx: tx.notifications.waiting())
        wait_s = _LOOK_EVERY_S
        for target, messages in outbox:
            if target.id in busy:
                continue
            try:
                planned = plan(target, messages, now)
            except Exception:
                # One target's zone that is no longer known must not silence the others.
                log.exception("notification_not_planned", target=target.id)
                continue
            if planned.wake_at is not None:
                wait_s = min(wait_s, max(0.1, (planned.wake_at - now).total_seconds()))
            if planned.send or planned.drop:
                self._begin(target, planned)
        return wait_s

    def _begin(self, target: Target, planned: Plan) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(target, planned), name="notification")
        self._busy[target.id] = task

        def done(_: asyncio.Task[None]) -> None:
            del self._busy[target.id]
            self._news.set()

        task.add_done_callback(done)

    async def _deliver(self, target: Target, planned: Plan) -> None:
        failure = await self._send(target, planned.send) if planned.send else None
        if failure is not None:
            self.failed += 1
            log.warning("notification_not_sent", target=target.id, service=target.service, reason=str(failure))
        elif planned.send:
            self.sent += 1
        await self._write_down(target, planned, failure)

    async def _send(self, target: Target, messages: Sequence[Message]) -> NotSent | None:
        """Try once. Whatever goes wrong is a failure of this target, which waits before it is tried again."""
        try:
            sealed = await self._storage.read(lambda tx: tx.notifications.sealed_url(target.id))
            text = await asyncio.to_thread(self._writer.compose, messages, target.settings, self._public_url)
            await self._notifier.send(open_url(self._sealer, sealed), text)
        except NotSent as error:
            return error
        except Unavailable as error:
            return NotSent(error.detail)
        except Exception as error:
            log.exception("notification_failed", target=target.id)
            return NotSent(f"Something went wrong here: {type(error).__name__}. The log says more.")
        return None

    async def _write_down(self, target: Target, planned: Plan, failure: NotSent | None) -> None:
        """Go on until it is written: what was sent and not written down would be sent again and again."""
        now, chance = self._clock.now(), random.random()  # noqa: S311 - no secret

        def work(tx: Transaction) -> None:
            tx.notifications.drop(planned.drop, now)
            if not planned.send:
                return
            ids = [message.id for message in planned.send]
            known = next((one for one in tx.notifications.all(target.user_id) if one.id == target.id), None)
            if known is None:
                return
            if failure is None:
                over = tx.notifications.over_meanwhile(ids)
                tx.notifications.mark_sent(ids, now)
                _tell_of_ends(tx, known, over, now)
                _let_returns_wait(tx, target.id, planned.send, now)
                tx.notifications.set_health(target.id, after_success(known.health, now))
            else:
                if failure.is_refused:
                    tx.notifications.mark_refused(ids)
                tx.notifications.set_health(target.id, after_failure(known.health, str(failure), chance, now))

        while True:
            try:
                await self._storage.write(work)
                return
            except Unavailable:
                await asyncio.sleep(_WRITE_AGAIN_S)
            except Exception:
                log.exception("notification_not_written_down", target=target.id)
                await asyncio.sleep(_WRITE_AGAIN_AFTER_ERROR_S)


def _tell_of_ends(tx: Transaction, target: Target, over: Sequence[Alert], now: datetime) -> None:
    """An alert may be over while it is being told: its end was no news, since nobody was known to have heard of it."""
    user = tx.users.get(target.user_id)
    if not target.settings.wants_resolved or user is None:
        return
    for alert in over:
        if alert.resolved_by != user[0].username:
            tx.notifications.put(target.id, alert, Change.RESOLVED, now, now, expires_at(Change.RESOLVED, now))


def _let_returns_wait(tx: Transaction, target_id: int, sent: Sequence[Message], now: datetime) -> None:
    """An alert may go and come back while it is being told: its return was put down before that was known."""
    for message in sent:
        if message.change is not Change.RESOLVED:
            for severity in Severity:
                until = not_before(Change.OPENED, severity, now, now)
                tx.notifications.put_off(target_id, message.alert.id, severity, until)
