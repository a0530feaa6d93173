"""Drops raw readings and 5-minute rollups that have served their time. Hours are kept for ever.

It runs after a compaction, when all that it may drop has been rolled up, in small slices between which batches pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Table

from plant_backend.storage.driver import raw
from plant_backend.storage.log_marks import log_mark, set_mark
from plant_backend.storage.rollups import FIVE_MINUTES, RAW_KEPT_FROM
from plant_backend.storage.tables import readings, rollups_5min

SLICE = 2_000
"""Rows dropped per transaction."""

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days raw readings, 5-minute rollups, and records (see `pruning`) are kept."""

    raw_days: int = 32
    five_minutes_days: int = 366
    decision_days: int = 90
    record_days: int = 730
    audit_days: int = 365


@dataclass(frozen=True, slots=True)
class Expiry:
    """What one run drops from one table: all before a time."""

    table: Table
    mark: str
    before_ms: int


def expiries(connection: Connection, retention: Retention, now_ms: int) -> Iterator[Expiry]:
    """Say what is to be dropped now.

    Whole days, so that a sensor's pages are freed and not rewritten. And one day a run: a clock that is years ahead for
    an hour, as on a machine that starts without a battery for it, must not empty the history.
    """
    for table, mark, days in (
        (readings, RAW_KEPT_FROM, retention.raw_days),
        (rollups_5min, FIVE_MINUTES.kept_from or "", retention.five_minutes_days),
    ):
        (oldest,) = (
            raw(connection)
            .execute(
                f"SELECT min((SELECT min(ts) FROM {table.name} WHERE sensor_id = sensors.id)) FROM sensors"  # noqa: S608
            )
            .fetchone()
        )
        horizon = now_ms - days * DAY_MS
        if oldest is not None and oldest < horizon - horizon % DAY_MS:
            yield Expiry(table, mark, min(horizon - horizon % DAY_MS, oldest - oldest % DAY_MS + DAY_MS))


def drop_slice(connection: Connection, expiry: Expiry) -> bool:
    """Drop up to a slice of rows, and note from when on the table is complete. Tells whether more is to be dropped."""
    below, name, left = raw(connection), expiry.table.name, SLICE
    if log_mark(connection, expiry.mark) < expiry.before_ms:
        set_mark(connection, expiry.mark, expiry.before_ms)
    for (sensor_id,) in below.execute("SELECT id FROM sensors ORDER BY id").fetchall():
        left -= below.execute(
            f"DELETE FROM {name} WHERE sensor_id = ?1 AND ts < (SELECT CASE WHEN ts < ?2 THEN ts ELSE ?2 END FROM"  # noqa: S608
            f" (SELECT coalesce((SELECT ts FROM {name} WHERE sensor_id = ?1 ORDER BY ts LIMIT 1 OFFSET ?3), ?2) AS ts)"
            " AS bound)",
            (sensor_id, expiry.before_ms, left),
        ).rowcount
        if left <= 0:
            return True
    return False
