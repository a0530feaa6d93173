"""The alert centre: at most one open alert per device, kind and channel."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, insert, or_, select, update

from plant_backend.domain.account import Principal
from plant_backend.domain.alert import (
    BELIEVED_SNOOZE,
    Alert,
    AlertChange,
    AlertKind,
    AlertState,
    ClearAlert,
    RaiseAlert,
    Severity,
)
from plant_backend.domain.errors import NotFound
from plant_backend.storage.json_codec import decode_sentences, dump
from plant_backend.storage.tables import alerts, devices
from plant_backend.storage.times import from_ms, from_ms_or_none, to_ms

_COUNT_EVERY = timedelta(hours=1)
"""A condition that simply lasts is counted once an hour: each count is a write."""


# While processes are replaced by a newer version, the database holds kinds that only that one can put into words.
_IS_KNOWN = alerts.c.kind.in_(list(AlertKind))


def select_alerts() -> "Select[Any]":
    """Select the alerts of known kinds, with the ids of their devices."""
    joined = select(alerts, devices.c.id.label("device_id")).join(devices, devices.c.number == alerts.c.device_number)
    return joined.where(_IS_KNOWN)


_IS_OPEN = and_(alerts.c.device_number == bindparam("of_device"), alerts.c.state == AlertState.OPEN)
_OPEN_KEYS = select(alerts.c.kind, alerts.c.channel).where(_IS_OPEN)
_OPEN = select_alerts().where(_IS_OPEN, alerts.c.kind == bindparam("kind"), alerts.c.channel == bindparam("channel"))
_BY_ID = select_alerts().where(alerts.c.id == bindparam("alert_id"))


class SqlAlerts:
    """Fulfils `ports.Alerts`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def apply(self, device_number: int, change: AlertChange, now: datetime) -> Alert | None:
        row = self._connection.execute(
            _OPEN, {"of_device": device_number, "kind": change.kind, "channel": change.channel}
        ).one_or_none()
        if isinstance(change, ClearAlert):
            return None if row is None else self._resolve(row, "rule", now)
        if row is None:
            return self._open(device_number, change, now)
        is_worse = row.severity == Severity.WARNING and change.severity is Severity.CRITICAL
        if is_worse or to_ms(now) - row.last_seen_at >= _COUNT_EVERY // timedelta(milliseconds=1):
            self._connection.execute(
                update(alerts)
                .where(alerts.c.id == row.id)
                .values(
                    severity=change.severity if is_worse else row.severity,
                    message=change.message,
                    sentences=dump(change.sentences),
                    count=alerts.c.count + 1,
                    last_seen_at=to_ms(now),
                    # Who put off a warning, or has seen it, has not done so with what it has become.
                    snoozed_until=None if is_worse else row.snoozed_until,
                    acknowledged_at=None if is_worse else row.acknowledged_at,
                )
            )
        return self._by_id(row.id) if is_worse else None

    def move(self, device_number: int, kind: AlertKind, channel: str, to: str) -> None:
        self._connection.execute(
            update(alerts)
            .where(
                alerts.c.device_number == device_number,
                alerts.c.kind == kind,
                alerts.c.channel == channel,
                alerts.c.state == AlertState.OPEN,
            )
            .values(channel=to)
        )

    def lasting(self, device_number: int, since: datetime, until: datetime, limit: int) -> Sequence[Alert]:
        is_inside = or_(alerts.c.resolved_at.is_(None), alerts.c.resolved_at >= to_ms(since))
        statement = select_alerts().where(
            alerts.c.device_number == device_number, alerts.c.first_seen_at < to_ms(until), is_inside
        )
        return [read_alert(row) for row in self._connection.execute(statement.order_by(alerts.c.id).limit(limit))]

    def open_keys(self, device_number: int) -> frozenset[tuple[str, str]]:
        rows = self._connection.execute(_OPEN_KEYS, {"of_device": device_number})
        return frozenset((row.kind, row.channel) for row in rows)

    def all(self, who: Principal, state: AlertState | None, device_id: str | None, limit: int) -> Sequence[Alert]:
        statement = select_alerts().where(devices.c.owner_id == who.user_id)
        if state is not None:
            statement = statement.where(alerts.c.state == state)
        if device_id is not None:
            statement = statement.where(devices.c.id == device_id)
        rows = self._connection.execute(statement.order_by(alerts.c.id.desc()).limit(limit))
        return [read_alert(row) for row in rows]

    def get(self, who: Principal, alert_id: int) -> Alert:
        return read_alert(self._owned(who, alert_id))

    def resolve(self, who: Principal, alert_id: int, now: datetime) -> Alert:
        row = self._owned(who, alert_id)
        if row.state == AlertState.RESOLVED:
            return read_alert(row)
        return self._resolve(row, who.username, now)

    def acknowledge(self, who: Principal, alert_id: int, now: datetime) -> Alert:
        row = self._owned(who, alert_id)
        if row.acknowledged_at is None and row.state == AlertState.OPEN:
            self._connection.execute(update(alerts).where(alerts.c.id == alert_id).values(acknowledged_at=to_ms(now)))
        return self._by_id(alert_id)

    def snooze(self, who: Principal, alert_id: int, until: datetime | None) -> Alert:
        if self._owned(who, alert_id).state == AlertState.OPEN:
            self._snooze(alert_id, until)
        return self._by_id(alert_id)

    def snoozes_over(self, now: datetime) -> Sequence[tuple[int, int]]:
        is_over = or_(alerts.c.snoozed_until <= to_ms(now), alerts.c.snoozed_until > to_ms(now + BELIEVED_SNOOZE))
        rows = self._connection.execute(
            select(alerts.c.device_number, alerts.c.id).where(alerts.c.state == AlertState.OPEN, _IS_KNOWN, is_over)
        )
        return [(row.device_number, row.id) for row in rows]

    def end_snooze(self, alert_id: int) -> Alert:
        self._snooze(alert_id, None)
        return self._by_id(alert_id)

    def _snooze(self, alert_id: int, until: datetime | None) -> None:
        self._connection.execute(
            update(alerts).where(alerts.c.id == alert_id).values(snoozed_until=None if until is None else to_ms(until))
        )

    def _owned(self, who: Principal, alert_id: int) -> Row[Any]:
        row = self._connection.execute(
            select_alerts().where(alerts.c.id == alert_id, devices.c.owner_id == who.user_id)
        ).one_or_none()
        if row is None:
            raise NotFound("alert")
        return row

    def _open(self, device_number: int, change: RaiseAlert, now: datetime) -> Alert:
        result = self._connection.execute(
            insert(alerts).values(
                device_number=device_number,
                kind=change.kind,
                channel=change.channel,
                severity=change.severity,
                state=AlertState.OPEN,
                message=change.message,
                sentences=dump(change.sentences),
                count=1,
                first_seen_at=to_ms(now),
                last_seen_at=to_ms(now),
            )
        )
        (alert_id,) = result.inserted_primary_key or (0,)
        return self._by_id(alert_id)

    def _resolve(self, row: Row[Any], by: str, now: datetime) -> Alert:
        self._connection.execute(
            update(alerts)
            .where(alerts.c.id == row.id)
            .values(state=AlertState.RESOLVED, resolved_at=to_ms(now), resolved_by=by, snoozed_until=None)
        )
        return self._by_id(row.id)

    def _by_id(self, alert_id: int) -> Alert:
        return read_alert(self._connection.execute(_BY_ID, {"alert_id": alert_id}).one())


def read_alert(row: Row[Any]) -> Alert:
    """Read one row of `select_alerts`."""
    return Alert(
        row.id,
        row.device_id,
        AlertKind(row.kind),
        row.channel,
        Severity(row.severity),
        AlertState(row.state),
        row.message,
        row._mapping["count"],
        from_ms(row.first_seen_at),
        from_ms(row.last_seen_at),
        from_ms_or_none(row.acknowledged_at),
        from_ms_or_none(row.resolved_at),
        row.resolved_by,
        from_ms_or_none(row.snoozed_until),
        () if row.sentences is None else decode_sentences(row.sentences),
    )
