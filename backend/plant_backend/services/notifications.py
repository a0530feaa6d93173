"""Targets of notifications as a person keeps them: where, of what, and at which hours."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from plant_backend.domain.account import Principal
from plant_backend.domain.errors import Conflict, InvalidInput, TooManyAttempts
from plant_backend.domain.notification import (
    MAX_TARGETS,
    NotificationService,
    Target,
    TargetHealth,
    TargetSettings,
    after_success,
)
from plant_backend.domain.notification_form import ServiceForm
from plant_backend.ports import Bus, NotificationWriter, Notifier, NotSent, Sealer, Storage, Transaction
from plant_backend.services.attempts import Attempts
from plant_backend.services.audit import record
from plant_backend.services.profiles import is_time_zone
from plant_backend.services.real_time import from_real_ms, real_ms

TOPIC = "notifications"
"""The bus is nudged with a person's number when their targets or messages may have changed."""


_NEEDED = ("name", "url", "min_severity", "time_zone", "wants_resolved", "is_enabled", "language")


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test message."""

    is_sent: bool
    reason: str | None
    duration_ms: int


class NotificationTargets:
    """Makes, changes, tries and removes a person's targets. A viewer has targets of their own, as an owner does."""

    def __init__(
        self,
        storage: Storage,
        bus: Bus,
        notifier: Notifier,
        writer: NotificationWriter,
        sealer: Sealer,
        public_url: str,
    ) -> None:
        self._storage = storage
        self._bus = bus
        self._notifier = notifier
        self._writer = writer
        self._sealer = sealer
        self._public_url = public_url
        # Each makes this machine connect somewhere.
        self._outgoing = Attempts(MAX_TARGETS, 3)

    def services(self) -> Sequence[NotificationService]:
        """Give the services that may be notified."""
        return self._notifier.services()

    async def forms(self) -> Sequence[ServiceForm]:
        """Give the forms of these services. Raises Unavailable."""
        return await self._notifier.forms()

    async def all(self, who: Principal) -> Sequence[Target]:
        """Give the caller's targets."""
        return await self._storage.read(lambda tx: tx.notifications.all(who.account_id))

    async def get(self, who: Principal, target_id: int) -> Target:
        """Give one of the caller's targets. Raises NotFound."""
        return await self._storage.read(lambda tx: tx.notifications.get(who.account_id, target_id))

    async def add(self, who: Principal, url: str, settings: TargetSettings) -> Target:
        """Make a target. Raises InvalidInput, Conflict, NotFound for a foreign device, TooManyAttempts, Unavailable."""
        _check(settings)
        service, address, sealed = await self._checked(who, url)
        now = _now()

        def work(tx: Transaction) -> Target:
            if len(tx.notifications.all(who.account_id)) >= MAX_TARGETS:
                raise Conflict("too_many_targets", f"An account has at most {MAX_TARGETS} targets; delete one first.")
            _check_devices(tx, who, settings)
            target = tx.notifications.add(who.account_id, settings, service, address, sealed, now)
            record(tx, who, "notification_target_added", f"{target.id} {service}")
            return target

        return await self._storage.write(work)

    async def change(self, who: Principal, target_id: int, url: str | None, changes: dict[str, Any]) -> Target:
        """Change what is given; another URL forgets how the old one fared. Raises as `add` does, and NotFound."""
        nulls = [(name, "may be left out, but not null") for name in _NEEDED if changes.get(name, name) is None]
        if nulls:
            raise InvalidInput(nulls)
        before = await self.get(who, target_id)
        _check(replace(before.settings, **changes))
        checked = None if url is None else await self._checked(who, url)

        def work(tx: Transaction) -> Target:
            # Of what is there now: another change may have come between.
            settings = replace(tx.notifications.get(who.account_id, target_id).settings, **changes)
            _check(settings)
            if "device_ids" in changes:
                _check_devices(tx, who, settings)
            tx.notifications.change(target_id, settings)
            if checked is not None:
                tx.notifications.set_url(target_id, *checked)
                tx.notifications.set_health(target_id, TargetHealth())
            record(tx, who, "notification_target_changed", str(target_id))
            return tx.notifications.get(who.account_id, target_id)

        target = await self._storage.write(work)
        self._bus.publish(TOPIC, who.account_id)
        return target

    async def delete(self, who: Principal, target_id: int) -> None:
        """Remove a target and what waits for it. Raises NotFound."""

        def work(tx: Transaction) -> None:
            tx.notifications.delete(who.account_id, target_id)
            record(tx, who, "notification_target_deleted", str(target_id))

        await self._storage.write(work)

    async def test(self, who: Principal, target_id: int) -> Trial:
        """Send a message now, whatever the hour. A success ends a pause. Raises NotFound, TooManyAttempts."""
        target = await self.get(who, target_id)
        self._take(who)
        began = time.monotonic()
        try:
            text = await asyncio.to_thread(self._writer.trial, target.settings, self._public_url)
            await self._notifier.send(await self._url(target_id), text, is_urgent=True)
        except NotSent as error:
            return Trial(False, str(error), _since(began))
        duration_ms = _since(began)

        def work(tx: Transaction) -> None:
            health = tx.notifications.get(who.account_id, target_id).health
            tx.notifications.set_health(target_id, replace(after_success(health, _now()), next_try_at=None))

        await self._storage.write(work)
        self._bus.publish(TOPIC, who.account_id)
        return Trial(True, None, duration_ms)

    async def _url(self, target_id: int) -> str:
        return open_url(self._sealer, await self._storage.read(lambda tx: tx.notifications.sealed_url(target_id)))

    async def _checked(self, who: Principal, url: str) -> tuple[str, str, bytes]:
        self._take(who)
        service, address = await self._notifier.check(url)
        if service.is_generic and who.viewer_id is not None:
            raise InvalidInput([("url", f"{service.name} is for owners; a viewer may use any other service")])
        return service.name, address, self._sealer.seal(url)

    def _take(self, who: Principal) -> None:
        wait_s = self._outgoing.take(who.account_id)
        if wait_s:
            raise TooManyAttempts(wait_s)


def open_url(sealer: Sealer, sealed: bytes | None) -> str:
    """Give the URL of a target. Raises NotSent."""
    url = None if sealed is None else sealer.open(sealed)
    if url is None:
        raise NotSent("The URL was sealed with another key, as after a restore elsewhere: enter it again.")
    return url


def _check(settings: TargetSettings) -> None:
    errors = []
    if (settings.quiet_from is None) != (settings.quiet_until is None):
        errors.append(("quiet_until", "is needed with quiet_from, and the other way round"))
    if settings.quiet_from is not None and settings.quiet_from == settings.quiet_until:
        errors.append(("quiet_until", "must be another time than quiet_from"))
    if not is_time_zone(settings.time_zone):
        errors.append(("time_zone", "must be an IANA zone such as Europe/Berlin"))
    if errors:
        raise InvalidInput(errors)


def _check_devices(tx: Transaction, who: Principal, settings: TargetSettings) -> None:
    for device_id in settings.device_ids or ():
        tx.devices.get(who, device_id)


def _now() -> datetime:
    return from_real_ms(real_ms())


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
