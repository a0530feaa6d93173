"""The alert centre as a person uses it."""

from collections.abc import Sequence
from datetime import datetime

from plant_backend.domain.account import Principal
from plant_backend.domain.alert import Alert, AlertState, snooze_end
from plant_backend.domain.errors import Conflict
from plant_backend.domain.ledger import EventType
from plant_backend.ports import Clock, Storage, Transaction
from plant_backend.services.announcements import announce, remind
from plant_backend.services.audit import record
from plant_backend.services.documents import alert_document

MOST_AT_ONCE = 500
"""So many open alerts are looked at together."""


class AlertService:
    """Shows, acknowledges, snoozes and resolves alerts."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def all(self, who: Principal, state: AlertState | None, device_id: str | None, limit: int) -> Sequence[Alert]:
        """Give the caller's alerts, newest first. Raises NotFound for a device that is not the caller's."""

        def work(tx: Transaction) -> Sequence[Alert]:
            if device_id is not None:
                tx.devices.get(who, device_id)
            return tx.alerts.all(who, state, device_id, limit)

        return await self._storage.read(work)

    async def get(self, who: Principal, alert_id: int) -> Alert:
        """Give one alert. Raises NotFound."""
        return await self._storage.read(lambda tx: tx.alerts.get(who, alert_id))

    async def resolve(self, who: Principal, alert_id: int) -> Alert:
        """Close an alert. A rule opens a new one if what it warns of still holds. Raises NotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> Alert:
            before = tx.alerts.get(who, alert_id)
            alert = tx.alerts.resolve(who, alert_id, now)
            if alert != before:
                announce(tx, tx.devices.get(who, alert.device_id), alert, now, by=who)
                record(tx, who, "alert_resolved", _subject(alert))
            return alert

        return await self._storage.write(work)

    async def acknowledge(self, who: Principal, alert_id: int) -> Alert:
        """Say that somebody has seen it. Raises NotFound."""
        now = self._clock.now()
        return await self._storage.write(lambda tx: _acknowledge(tx, who, alert_id, now))

    async def acknowledge_all(self, who: Principal, up_to: int) -> int:
        """Say that somebody has seen all that call, up to the alert with this id. Gives how many that were.

        What opened after it, nobody has seen yet; what is snoozed calls nobody.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> int:
            calling = [
                alert.id
                for alert in tx.alerts.all(who, AlertState.OPEN, None, MOST_AT_ONCE)
                if alert.id <= up_to and alert.acknowledged_at is None and not alert.is_snoozed(now)
            ]
            for alert_id in calling:
                _acknowledge(tx, who, alert_id, now)
            return len(calling)

        return await self._storage.write(work)

    async def snooze(self, who: Principal, alert_id: int, *, minutes: int | None, until: datetime | None) -> Alert:
        """Let an alert call nobody for some minutes or until a moment. Raises NotFound, InvalidInput, Conflict."""
        now = self._clock.now()
        end = snooze_end(minutes, until, now)

        def work(tx: Transaction) -> Alert:
            if tx.alerts.get(who, alert_id).state is AlertState.RESOLVED:
                raise Conflict("alert_resolved", "The alert is resolved: there is nothing left to snooze.")
            return self._put_off(tx, who, alert_id, end, now)

        return await self._storage.write(work)

    async def unsnooze(self, who: Principal, alert_id: int) -> Alert:
        """End a snooze before its time. What was kept back meanwhile is told. Raises NotFound."""
        now = self._clock.now()
        return await self._storage.write(lambda tx: self._put_off(tx, who, alert_id, None, now))

    async def end_snoozes(self) -> None:
        """End the snoozes whose time is over: what still lasts needs somebody again, and is told once more."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            for number, alert_id in tx.alerts.snoozes_over(now):
                device, alert = tx.devices.by_number(number), tx.alerts.end_snooze(alert_id)
                if device is not None:
                    remind(tx, device, alert, now)

        if await self._storage.read(lambda tx: tx.alerts.snoozes_over(now)):
            await self._storage.write(work)

    def _put_off(self, tx: Transaction, who: Principal, alert_id: int, until: datetime | None, now: datetime) -> Alert:
        before = tx.alerts.get(who, alert_id)
        alert = tx.alerts.snooze(who, alert_id, until)
        if alert != before:
            tx.events.add(tx.devices.get(who, alert.device_id), EventType.ALERT, alert_document(alert), now)
            if until is None:
                record(tx, who, "alert_snooze_ended", _subject(alert))
            else:
                record(tx, who, "alert_snoozed", f"{_subject(alert)} until {until:%Y-%m-%d %H:%M} UTC")
        return alert


def _acknowledge(tx: Transaction, who: Principal, alert_id: int, now: datetime) -> Alert:
    before = tx.alerts.get(who, alert_id)
    alert = tx.alerts.acknowledge(who, alert_id, now)
    if alert != before:
        tx.events.add(tx.devices.get(who, alert.device_id), EventType.ALERT, alert_document(alert), now)
    return alert


def _subject(alert: Alert) -> str:
    return f"{alert.id} {alert.kind} of {alert.device_id}"
