"""The alert centre as a person uses it."""

from collections.abc import Sequence

from plant_backend.domain.account import Principal
from plant_backend.domain.alert import Alert, AlertState
from plant_backend.domain.ledger import EventType
from plant_backend.ports import Clock, Storage, Transaction
from plant_backend.services.announcements import announce
from plant_backend.services.documents import alert_document


class AlertService:
    """Shows, acknowledges and resolves alerts."""

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

    async def resolve(self, who: Principal, alert_id: int) -> Alert:
        """Close an alert. A rule opens a new one if what it warns of still holds. Raises NotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> Alert:
            before = tx.alerts.get(who, alert_id)
            alert = tx.alerts.resolve(who, alert_id, now)
            if alert != before:
                announce(tx, tx.devices.get(who, alert.device_id), alert, now, by=who)
            return alert

        return await self._storage.write(work)

    async def acknowledge(self, who: Principal, alert_id: int) -> Alert:
        """Say that somebody has seen it. Raises NotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> Alert:
            before = tx.alerts.get(who, alert_id)
            alert = tx.alerts.acknowledge(who, alert_id, now)
            if alert != before:
                tx.events.add(tx.devices.get(who, alert.device_id), EventType.ALERT, alert_document(alert), now)
            return alert

        return await self._storage.write(work)
