"""Targets of notifications, and the outbox of what waits for them."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, update

from plant_backend.domain.alert import Alert, AlertState, Severity
from plant_backend.domain.errors import NotFound
from plant_backend.domain.language import Language
from plant_backend.domain.model import Device
from plant_backend.domain.notification import Change, Message, MessageState, Target, TargetHealth, TargetSettings
from plant_backend.storage.repositories.alerts import read_alert, select_alerts
from plant_backend.storage.tables import alerts, devices, users
from plant_backend.storage.tables import notification_devices as chosen
from plant_backend.storage.tables import notification_messages as messages
from plant_backend.storage.tables import notification_targets as targets
from plant_backend.storage.times import from_ms, from_ms_or_none, to_ms

# What only a newer version knows how to tell is left to it.
_IS_KNOWN = messages.c.change.in_(list(Change))


class SqlNotifications:
    """Fulfils `ports.Notifications`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, user_id: int, settings: TargetSettings, service: str, address: str, sealed_url: bytes, now: datetime
    ) -> Target:
        result = self._connection.execute(
            insert(targets).values(
                user_id=user_id,
                service=service,
                address=address,
                sealed_url=sealed_url,
                created_at=to_ms(now),
                **_columns(settings),
            )
        )
        (target_id,) = result.inserted_primary_key or (0,)
        self._choose(target_id, settings.device_ids)
        return self.get(user_id, target_id)

    def all(self, user_id: int) -> Sequence[Target]:
        return self._read(_select().where(targets.c.user_id == user_id).order_by(targets.c.id))

    def get(self, user_id: int, target_id: int) -> Target:
        found = self._read(_select().where(targets.c.user_id == user_id, targets.c.id == target_id))
        if not found:
            raise NotFound("notification target")
        return found[0]

    def sealed_url(self, target_id: int) -> bytes | None:
        return self._connection.execute(
            select(targets.c.sealed_url).where(targets.c.id == target_id)
        ).scalar_one_or_none()

    def change(self, target_id: int, settings: TargetSettings) -> None:
        self._connection.execute(update(targets).where(targets.c.id == target_id).values(**_columns(settings)))
        self._connection.execute(delete(chosen).where(chosen.c.target_id == target_id))
        self._choose(target_id, settings.device_ids)

    def set_url(self, target_id: int, service: str, address: str, sealed_url: bytes) -> None:
        self._connection.execute(
            update(targets)
            .where(targets.c.id == target_id)
            .values(service=service, address=address, sealed_url=sealed_url)
        )

    def set_health(self, target_id: int, health: TargetHealth) -> None:
        self._connection.execute(
            update(targets)
            .where(targets.c.id == target_id)
            .values(
                failures=health.failures,
                next_try_at=_ms(health.next_try_at),
                last_success_at=_ms(health.last_success_at),
                last_failure_at=_ms(health.last_failure_at),
                last_failure=health.last_failure,
            )
        )

    def delete(self, user_id: int, target_id: int) -> None:
        gone = self._connection.execute(
            delete(targets).where(targets.c.user_id == user_id, targets.c.id == target_id)
        ).rowcount
        if not gone:
            raise NotFound("notification target")

    def concerned(self, device: Device) -> Sequence[Target]:
        household = select(users.c.id).where(or_(users.c.id == device.owner_id, users.c.owner_id == device.owner_id))
        picked = select(chosen.c.target_id).where(chosen.c.device_number == device.number)
        return self._read(
            _select()
            .where(
                targets.c.user_id.in_(household),
                targets.c.is_enabled,
                or_(targets.c.is_for_all_devices, targets.c.id.in_(picked)),
            )
            .order_by(targets.c.id)
        )

    def told(self, target_id: int, alert_id: int) -> frozenset[Change]:
        rows = self._connection.execute(
            select(messages.c.change).where(
                messages.c.alert_id == alert_id,
                messages.c.target_id == target_id,
                messages.c.state == MessageState.SENT,
                _IS_KNOWN,
            )
        )
        return frozenset(Change(row.change) for row in rows)

    def was_told_lately(self, target_id: int, device_number: int, alert: Alert, since: datetime) -> bool:
        statement = (
            select(messages.c.id)
            .join(alerts, alerts.c.id == messages.c.alert_id)
            .where(
                messages.c.target_id == target_id,
                messages.c.alert_id != alert.id,
                or_(
                    messages.c.state == MessageState.WAITING,
                    (messages.c.state == MessageState.SENT) & (messages.c.finished_at >= to_ms(since)),
                ),
                alerts.c.device_number == device_number,
                alerts.c.kind == alert.kind,
                alerts.c.channel == alert.channel,
            )
        )
        return self._connection.execute(statement.limit(1)).first() is not None

    def last_told_at(self, target_id: int, device_number: int, alert: Alert) -> datetime | None:
        return from_ms_or_none(
            self._connection.execute(
                select(func.max(messages.c.finished_at))
                .join(alerts, alerts.c.id == messages.c.alert_id)
                .where(
                    messages.c.target_id == target_id,
                    messages.c.state == MessageState.SENT,
                    messages.c.change != Change.RESOLVED,
                    alerts.c.device_number == device_number,
                    alerts.c.kind == alert.kind,
                    alerts.c.channel == alert.channel,
                )
            ).scalar_one()
        )

    def put(
        self,
        target_id: int,
        alert: Alert,
        change: Change,
        now: datetime,
        not_before: datetime,
        expires_at: datetime | None,
    ) -> None:
        known = select(messages.c.id).where(
            messages.c.alert_id == alert.id, messages.c.target_id == target_id, messages.c.change == change
        )
        if self._connection.execute(known).first() is not None:
            return
        self._connection.execute(
            insert(messages).values(
                target_id=target_id,
                alert_id=alert.id,
                change=change,
                severity=alert.severity,
                created_at=to_ms(now),
                not_before=to_ms(not_before),
                expires_at=_ms(expires_at),
                state=MessageState.WAITING,
            )
        )

    def remind(self, target_id: int, alert: Alert, now: datetime) -> None:
        of_alert = (messages.c.alert_id == alert.id) & (messages.c.target_id == target_id)
        waits = select(messages.c.id).where(of_alert, messages.c.state == MessageState.WAITING)
        if self._connection.execute(waits.limit(1)).first() is not None:
            return
        self._connection.execute(delete(messages).where(of_alert, messages.c.change == Change.REMINDED))
        self.put(target_id, alert, Change.REMINDED, now, now, None)

    def supersede(self, target_id: int, alert_id: int, reason: str, now: datetime) -> None:
        waiting = select(messages.c.id).where(
            messages.c.alert_id == alert_id,
            messages.c.target_id == target_id,
            messages.c.state == MessageState.WAITING,
        )
        self._finish(waiting, MessageState.DROPPED, reason, now)

    def trim(self, target_id: int, most: int, reason: str, now: datetime) -> int:
        excess = (
            select(messages.c.id)
            .where(messages.c.target_id == target_id, messages.c.state == MessageState.WAITING)
            .order_by(messages.c.severity != Severity.CRITICAL, messages.c.id.desc())
            .offset(most)
        )
        return self._finish(excess, MessageState.DROPPED, reason, now)

    def waiting(self) -> Sequence[tuple[Target, Sequence[Message]]]:
        waits = and_(messages.c.state == MessageState.WAITING, _IS_KNOWN)
        of = select(messages.c.target_id).where(waits)
        found: dict[int, list[Message]] = {}
        statement = select_alerts().add_columns(
            devices.c.name.label("device_name"), *(column.label(f"message_{column.name}") for column in messages.c)
        )
        waiting = statement.join(messages, messages.c.alert_id == alerts.c.id).where(waits).order_by(messages.c.id)
        for row in self._connection.execute(waiting):
            found.setdefault(row.message_target_id, []).append(_message(row))
        return [(target, found.get(target.id, [])) for target in self._read(_select().where(targets.c.id.in_(of)))]

    def mark_sent(self, message_ids: Sequence[int], now: datetime) -> None:
        # Also what was dropped while it was on its way: it has been told, and that counts.
        self._connection.execute(
            update(messages)
            .where(messages.c.id.in_(message_ids))
            .values(state=MessageState.SENT, reason=None, finished_at=to_ms(now))
        )

    def over_meanwhile(self, message_ids: Sequence[int]) -> Sequence[Alert]:
        of = select(messages.c.alert_id).where(
            messages.c.id.in_(message_ids),
            messages.c.state == MessageState.DROPPED,
            messages.c.change != Change.RESOLVED,
        )
        over = select_alerts().where(alerts.c.id.in_(of), alerts.c.state == AlertState.RESOLVED)
        return [read_alert(row) for row in self._connection.execute(over.order_by(alerts.c.id))]

    def put_off(self, target_id: int, alert_id: int, severity: Severity, until: datetime) -> None:
        told = alerts.alias()
        same = (
            (told.c.device_number == alerts.c.device_number)
            & (told.c.kind == alerts.c.kind)
            & (told.c.channel == alerts.c.channel)
        )
        self._connection.execute(
            update(messages)
            .where(
                messages.c.target_id == target_id,
                messages.c.state == MessageState.WAITING,
                messages.c.change == Change.OPENED,
                messages.c.severity == severity,
                messages.c.not_before < to_ms(until),
                messages.c.alert_id.in_(select(alerts.c.id).join(told, same).where(told.c.id == alert_id)),
            )
            .values(not_before=to_ms(until))
        )

    def mark_refused(self, message_ids: Sequence[int]) -> None:
        self._connection.execute(
            update(messages).where(messages.c.id.in_(message_ids)).values(refusals=messages.c.refusals + 1)
        )

    def drop(self, drops: Sequence[tuple[int, str]], now: datetime) -> None:
        for message_id, reason in drops:
            self._finish([message_id], MessageState.DROPPED, reason, now)

    def _finish(
        self, which: "Select[Any] | Sequence[int]", state: MessageState, reason: str | None, now: datetime
    ) -> int:
        return self._connection.execute(
            update(messages)
            .where(messages.c.id.in_(which), messages.c.state == MessageState.WAITING)
            .values(state=state, reason=reason, finished_at=to_ms(now))
        ).rowcount

    def _choose(self, target_id: int, device_ids: Sequence[str] | None) -> None:
        if device_ids:
            numbers = select(devices.c.number).where(devices.c.id.in_(device_ids))
            rows = [
                {"target_id": target_id, "device_number": number}
                for number in self._connection.execute(numbers).scalars()
            ]
            self._connection.execute(insert(chosen), rows)

    def _read(self, statement: "Select[Any]") -> list[Target]:
        rows = self._connection.execute(statement).all()
        picked: dict[int, list[str]] = {}
        for target_id, device_id in self._connection.execute(
            select(chosen.c.target_id, devices.c.id)
            .join(devices, devices.c.number == chosen.c.device_number)
            .where(chosen.c.target_id.in_([row.id for row in rows]))
            .order_by(devices.c.number)
        ):
            picked.setdefault(target_id, []).append(device_id)
        return [_target(row, picked.get(row.id, [])) for row in rows]


def _select() -> "Select[Any]":
    waiting = (
        select(func.count())
        .select_from(messages)
        .where(messages.c.target_id == targets.c.id, messages.c.state == MessageState.WAITING)
        .scalar_subquery()
    )
    # Without the URL: only what sends needs it.
    return select(*(column for column in targets.c if column.name != "sealed_url"), waiting.label("waiting"))


def _columns(settings: TargetSettings) -> dict[str, Any]:
    return {
        "name": settings.name,
        "min_severity": settings.min_severity,
        "is_for_all_devices": settings.device_ids is None,
        "quiet_from": None if settings.quiet_from is None else settings.quiet_from.isoformat(),
        "quiet_until": None if settings.quiet_until is None else settings.quiet_until.isoformat(),
        "time_zone": settings.time_zone,
        "wants_resolved": settings.wants_resolved,
        "is_enabled": settings.is_enabled,
        "language": settings.language,
    }


def _target(row: Row[Any], device_ids: Sequence[str]) -> Target:
    settings = TargetSettings(
        row.name,
        Severity(row.min_severity),
        None if row.is_for_all_devices else tuple(device_ids),
        None if row.quiet_from is None else time.fromisoformat(row.quiet_from),
        None if row.quiet_until is None else time.fromisoformat(row.quiet_until),
        row.time_zone,
        row.wants_resolved,
        row.is_enabled,
        _language(row.language),
    )
    health = TargetHealth(
        row.failures,
        from_ms_or_none(row.next_try_at),
        from_ms_or_none(row.last_success_at),
        from_ms_or_none(row.last_failure_at),
        row.last_failure,
    )
    return Target(row.id, row.user_id, settings, row.service, row.address, from_ms(row.created_at), health, row.waiting)


def _language(code: str) -> Language:
    try:
        return Language(code)
    except ValueError:
        # A newer version wrote it: whoever reads it is told in English, and all others as ever.
        return Language.ENGLISH


def _message(row: Row[Any]) -> Message:
    return Message(
        row.message_id,
        Change(row.message_change),
        Severity(row.message_severity),
        from_ms(row.message_created_at),
        from_ms(row.message_not_before),
        from_ms_or_none(row.message_expires_at),
        row.message_refusals,
        read_alert(row),
        row.device_name,
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
