"""Telling of an alert: to who listens to events and to the outbox of notifications, in the transaction that has it."""

from datetime import datetime

from plant_backend.domain.account import Principal
from plant_backend.domain.alert import Alert, AlertKind, ClearAlert, Severity
from plant_backend.domain.ledger import EventType
from plant_backend.domain.model import Device
from plant_backend.domain.notification import (
    AGAIN_AFTER,
    MAX_WAITING,
    Change,
    Target,
    change_of,
    expires_at,
    is_wanted,
    not_before,
)
from plant_backend.ports import Transaction
from plant_backend.services.documents import alert_document
from plant_backend.services.real_time import from_real_ms, real_ms


def announce(tx: Transaction, device: Device, alert: Alert | None, now: datetime, by: Principal | None = None) -> None:
    """Tell of an alert that was opened, made worse or resolved, and not whom it was resolved by; of None, nothing."""
    if alert is None:
        return
    tx.events.add(device, EventType.ALERT, alert_document(alert), now)
    change, told_at = change_of(alert), from_real_ms(real_ms())
    knows = None if by is None else by.account_id
    for target in tx.notifications.concerned(device):
        if is_wanted(alert.severity, target.settings.min_severity):
            _enqueue(tx, target, device, alert, change, told_at, knows=target.user_id == knows)


def clear(tx: Transaction, device: Device, kind: AlertKind, channel: str, now: datetime) -> None:
    """End an alert because what it told of is over, and tell of that; where none is open, nothing."""
    announce(tx, device, tx.alerts.apply(device.number, ClearAlert(kind, channel), now), now)


def remind(tx: Transaction, device: Device, alert: Alert, now: datetime) -> None:
    """Tell of an open alert whose snooze is over: once more, and not twice where it was not told before."""
    tx.events.add(device, EventType.ALERT, alert_document(alert), now)
    told_at = from_real_ms(real_ms())
    for target in tx.notifications.concerned(device):
        if is_wanted(alert.severity, target.settings.min_severity):
            tx.notifications.remind(target.id, alert, told_at)
            tx.notifications.trim(target.id, MAX_WAITING, "Too much was waiting for this target.", told_at)


def _enqueue(
    tx: Transaction, target: Target, device: Device, alert: Alert, change: Change, now: datetime, *, knows: bool
) -> None:
    if change is Change.RESOLVED:
        tx.notifications.supersede(target.id, alert.id, "It was over before it could be told.", now)
        if knows or not target.settings.wants_resolved:
            return
        if not tx.notifications.told(target.id, alert.id):
            # The end of what nobody was told of is no news, unless plants or floors were at risk: that is told, once.
            since = now - AGAIN_AFTER[alert.severity]
            is_flap = tx.notifications.was_told_lately(target.id, device.number, alert, since)
            if alert.severity is not Severity.CRITICAL or is_flap:
                return
    elif change is Change.WORSENED:
        tx.notifications.supersede(target.id, alert.id, "It became worse before it could be told.", now)
    last_told_at = tx.notifications.last_told_at(target.id, device.number, alert)
    earliest = not_before(change, alert.severity, last_told_at, now)
    tx.notifications.put(target.id, alert, change, now, earliest, expires_at(change, now))
    tx.notifications.trim(target.id, MAX_WAITING, "Too much was waiting for this target.", now)
