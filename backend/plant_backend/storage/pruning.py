"""Drops records that have served their time: decisions, commands, alerts, messages, the audit log, batch ids.

What guards count, what is open, and what the rules recall stays, however old it is. Rows are looked for by a reader and
dropped by their keys, slice by slice, so that no batch waits. A run drops one day of each: see `retention`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from plant_backend.storage.driver import raw
from plant_backend.storage.retention import DAY_MS, Retention

EVERY_MS = 3600 * 1000
"""How often it runs at most."""

SLICE = 1_000
"""Rows dropped per transaction."""

MAX_ROWS = 50_000
"""Rows of one table that are looked for at once."""

PORTIONS = 20
"""So often a run looks at most for what each batch leaves: a day of ten thousand nodes must go in less than a day."""

KEPT_COMMANDS = 64
"""So many of an actuator's last commands stay: the rules work out from them how a lamp is, and what a pump did last."""

_BATCH_IDS_KEPT_MS = 31 * DAY_MS
"""How long an accepted batch id is known: as long as a node may be late."""

_MESSAGES_KEPT_MS = 7 * DAY_MS
"""How long it is known what was told of alerts that are over."""

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Surplus:
    """Rows of one table that may go, by their keys."""

    table: str
    key: str
    rows: Rows
    find_more: Callable[[Connection], Rows] | None = None
    """Finds the next portion of what may go in the same run, where one may not be all."""

    def slices(self) -> Iterator[Rows]:
        """Give the keys in portions for a transaction each."""
        for start in range(0, len(self.rows), SLICE):
            yield self.rows[start : start + SLICE]


def surplus(connection: Connection, retention: Retention, now_ms: int) -> list[Surplus]:
    """Find what may go."""
    decisions_ms, records_ms = retention.decision_days * DAY_MS, retention.record_days * DAY_MS
    real_ms = time.time_ns() // 1_000_000
    found = (
        Surplus("decisions", "id = ?", _decisions(connection, now_ms - decisions_ms)),
        Surplus("commands", "id = ?", _commands(connection, now_ms - records_ms)),
        Surplus("alerts", "id = ?", _by_age(connection, "alerts", "resolved_at", now_ms - records_ms)),
        Surplus("audit", "id = ?", _by_age(connection, "audit", "at", real_ms - retention.audit_days * DAY_MS)),
        Surplus("notification_messages", "id = ?", _messages(connection, real_ms - _MESSAGES_KEPT_MS)),
        _batch_ids(connection, now_ms),
    )
    return [each for each in found if each.rows]


def drop(connection: Connection, each: Surplus, rows: Rows) -> None:
    """Drop one slice."""
    raw(connection).executemany(f"DELETE FROM {each.table} WHERE {each.key}", rows)  # noqa: S608 - our own names


def _decisions(connection: Connection, before_ms: int) -> Rows:
    """Find old decisions, but each device's last: that is what the ledger last said of it."""
    below = raw(connection)
    found: list[tuple[Any, ...]] = []
    for number, oldest_ms in below.execute(
        "SELECT number, (SELECT at FROM decisions WHERE device_number = number ORDER BY id LIMIT 1) FROM devices"
    ).fetchall():
        # Along the index to the first that is young enough: what comes after it is not read.
        found += below.execute(
            "SELECT id FROM decisions WHERE device_number = ?1 AND id < coalesce("
            "(SELECT id FROM decisions WHERE device_number = ?1 AND at >= ?2 ORDER BY id LIMIT 1),"
            "(SELECT max(id) FROM decisions WHERE device_number = ?1)) ORDER BY id LIMIT ?3",
            (number, _one_day(oldest_ms, before_ms), MAX_ROWS),
        ).fetchall()
    return found[:MAX_ROWS]


def _commands(connection: Connection, before_ms: int) -> Rows:
    """Find old commands that are over, but each actuator's last ones."""
    below = raw(connection)
    found: list[tuple[Any, ...]] = []
    for actuator_id, oldest_ms in below.execute(
        "SELECT id, (SELECT min(finished_at) FROM commands WHERE actuator_id = actuators.id) FROM actuators"
    ).fetchall():
        found += below.execute(
            "SELECT id FROM commands WHERE actuator_id = ?1 AND created_at < ?2 AND finished_at < ?2 AND created_at <"
            " (SELECT created_at FROM commands WHERE actuator_id = ?1 ORDER BY created_at DESC LIMIT 1 OFFSET ?3)"
            " LIMIT ?4",
            (actuator_id, _one_day(oldest_ms, before_ms), KEPT_COMMANDS - 1, MAX_ROWS),
        ).fetchall()
    return found[:MAX_ROWS]


def _by_age(connection: Connection, table: str, column: str, before_ms: int) -> Rows:
    """Find old rows; those that are not over have no such time."""
    below = raw(connection)
    (oldest,) = below.execute(f"SELECT min({column}) FROM {table}").fetchone()  # noqa: S608 - our own names
    return below.execute(
        f"SELECT id FROM {table} WHERE {column} < ? LIMIT ?",  # noqa: S608 - our own names
        (_one_day(oldest, before_ms), MAX_ROWS),
    ).fetchall()


def _messages(connection: Connection, before_ms: int) -> Rows:
    """Find old messages that were sent or dropped. Of an open alert they say whether its end is news."""
    of_the_past = "FROM notification_messages WHERE alert_id NOT IN (SELECT id FROM alerts WHERE state = 'open')"
    below = raw(connection)
    (oldest,) = below.execute(f"SELECT min(finished_at) {of_the_past}").fetchone()
    return below.execute(
        f"SELECT id {of_the_past} AND finished_at < ? LIMIT ?", (_one_day(oldest, before_ms), MAX_ROWS)
    ).fetchall()


def _batch_ids(connection: Connection, now_ms: int) -> Surplus:
    # On a card an index on the time would be one more page to write for each batch, and a month of 20 nodes is read in
    # 40 ms without it.
    (oldest,) = raw(connection).execute("SELECT min(received_at) FROM accepted_batches").fetchone()
    before_ms = _one_day(oldest, now_ms - _BATCH_IDS_KEPT_MS)

    def find(connection: Connection) -> Rows:
        return (
            raw(connection)
            .execute(
                "SELECT device_number, batch_id FROM accepted_batches WHERE received_at < ? LIMIT ?",
                (before_ms, MAX_ROWS),
            )
            .fetchall()
        )

    return Surplus("accepted_batches", "device_number = ? AND batch_id = ?", find(connection), find)


def _one_day(oldest_ms: int | None, before_ms: int) -> int:
    """Give the time before which rows go: a clock that is years ahead for an hour must not empty the books."""
    return before_ms if oldest_ms is None else min(before_ms, oldest_ms + DAY_MS)
