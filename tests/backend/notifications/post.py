"""The sender by itself, over a real database and real services, in a world in which ten minutes pass in a second."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plant_backend.bus.local import LocalBus
from plant_backend.bus.relay import Relay
from plant_backend.clock import SystemClock
from plant_backend.domain.alert import Alert, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.model import Device
from plant_backend.domain.notification import Target, TargetSettings
from plant_backend.integrations.notifications import AppriseNotifier
from plant_backend.ports import Transaction
from plant_backend.services.announcements import announce
from plant_backend.services.notification_sender import NotificationSender
from plant_backend.storage.migrate import migrate
from plant_backend.storage.sealer import FileSealer
from plant_backend.storage.store import SqliteStorage
from plant_backend.wording.writer import CatalogWriter

from tests.builders import a_principal

SPEED = 600
"""Half a minute of retrying takes 50 ms."""


class Post:
    """A household with one plant, its outbox and who empties it."""

    def __init__(self, folder: Path, limit_s: float = 30) -> None:
        self.storage = SqliteStorage(folder / "plants.db", SystemClock())
        self.sealer = FileSealer(folder / "notifications.key")
        self.notifier = AppriseNotifier("127.0.0.1", limit_s=limit_s)
        self.bus = LocalBus()
        self.clock = SystemClock(SPEED, time.time_ns() // 1_000_000)
        self.sender = NotificationSender(
            self.storage, self.bus, self.clock, self.notifier, CatalogWriter(), self.sealer, ""
        )
        self.who = a_principal()
        self.device: Device

    async def open(self) -> None:
        """Make the household."""
        await self.storage.open()

        def work(tx: Transaction) -> Device:
            tx.users.add("ada", "hash", self.clock.now())
            return tx.devices.add(self.who, "basil", "Basil", b"digest", self.clock.now())

        self.device = await self.storage.write(work)
        self.storage.listen(Relay(self.bus))

    async def add_target(self, url: str, **settings: Any) -> Target:
        """Make a target."""
        sealed = self.sealer.seal(url)
        made = TargetSettings("Phone", **settings)
        return await self.storage.write(
            lambda tx: tx.notifications.add(1, made, "Webhook", "json://…", sealed, self.clock.now())
        )

    async def raise_alert(
        self, severity: Severity = Severity.CRITICAL, channel: str = "tank", kind: AlertKind = AlertKind.RESERVOIR_LOW
    ) -> None:
        """Open an alert, or make it worse."""
        await self._apply(RaiseAlert(kind, severity, f"{channel} is at 5 %.", channel))

    async def clear_alert(self, channel: str = "tank", kind: AlertKind = AlertKind.RESERVOIR_LOW) -> None:
        """Let an alert be over."""
        await self._apply(ClearAlert(kind, channel))

    async def _apply(self, change: RaiseAlert | ClearAlert) -> None:
        def work(tx: Transaction) -> Alert | None:
            alert = tx.alerts.apply(self.device.number, change, self.clock.now())
            announce(tx, self.device, alert, self.clock.now())
            return alert

        await self.storage.write(work)

    async def target(self, target_id: int = 1) -> Target:
        """Give a target as it is now."""
        return await self.storage.read(lambda tx: tx.notifications.get(1, target_id))


@asynccontextmanager
async def a_post(folder: Path, *, is_started: bool = True, limit_s: float = 30) -> AsyncIterator[Post]:
    """Open a household, and empty its outbox unless told otherwise."""
    migrate(folder / "plants.db")
    post = Post(folder, limit_s)
    await post.open()
    if is_started:
        post.sender.start()
    try:
        yield post
    finally:
        await post.sender.stop()
        await post.notifier.close()
        await post.storage.close()


async def soon(look: Callable[[], Any], within_s: float = 60.0) -> Any:
    """Look again and again until there is something (true) to see; `look` may be a coroutine function."""
    deadline = time.monotonic() + within_s
    while True:
        seen = look()
        if asyncio.iscoroutine(seen):
            seen = await seen
        if seen:
            return seen
        assert time.monotonic() < deadline, f"not within {within_s:g} s"
        await asyncio.sleep(0.02)
