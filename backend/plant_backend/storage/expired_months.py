"""What has expired of the tables that have months, on PostgreSQL: dropped by whole months.

In two steps: a month is taken out of its table under the write lock, which takes a moment, and dropped without it:
to give back a hundred gigabytes takes more than that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy import Connection

from plant_backend.storage.driver import Driver, attempt, raw
from plant_backend.storage.log_marks import log_mark, set_mark
from plant_backend.storage.months import PARTITIONED, Month
from plant_backend.storage.postgres import LOCK_TIMEOUT
from plant_backend.storage.retention import DAY_MS, Retention
from plant_backend.storage.rollups import FIVE_MINUTES, RAW_KEPT_FROM
from plant_backend.storage.tables import readings, rollups_5min

_GONE = "_expired"

_OLDEST = """
    SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass(?) ORDER BY c.relname LIMIT 1
"""

_DETACHED = """
    SELECT c.relname FROM pg_class AS c JOIN pg_class AS r ON r.relnamespace = c.relnamespace
    WHERE r.oid = to_regclass('readings') AND c.relkind = 'r' AND c.relname ~ ?
"""


@dataclass(frozen=True, slots=True)
class OldestMonth:
    """The oldest month of a table, and the marks: when it was first seen to have served its time (0 where it has not),
    and from when on the table is complete.
    """

    table: str
    partition: str
    until_ms: int
    is_expired: bool
    kept_from: str

    @property
    def seen_at(self) -> str:
        """The mark that says when it was seen."""
        return f"{self.table}_month_expired_at"


def oldest_months(connection: Connection, retention: Retention, now_ms: int) -> list[OldestMonth]:
    """Look at the oldest month of each table."""
    found = []
    for table, kept_from, days in (
        (readings.name, RAW_KEPT_FROM, retention.raw_days),
        (rollups_5min.name, FIVE_MINUTES.kept_from or "", retention.five_minutes_days),
    ):
        oldest = raw(connection).execute(_OLDEST, (table,)).fetchone()
        if oldest is not None:
            until_ms = Month.of_partition(oldest[0]).next.begins_ms
            found.append(OldestMonth(table, oldest[0], until_ms, until_ms <= now_ms - days * DAY_MS, kept_from))
    return found


def take_out(connection: Connection, month: OldestMonth, now_ms: int) -> bool:
    """Take a month out of its table when it has been seen to be expired for a day. Tells whether it was.

    A clock that is years ahead for an hour must not empty the history. And who reads for long is not waited for.
    """
    seen_ms = log_mark(connection, month.seen_at)
    if not month.is_expired:
        if seen_ms:
            set_mark(connection, month.seen_at, 0)
        return False
    if not 0 < seen_ms <= now_ms:
        set_mark(connection, month.seen_at, now_ms)
        return False
    if now_ms - seen_ms < DAY_MS:
        return False
    driver, name = raw(connection), month.partition
    try:
        with attempt(connection):
            driver.execute("SET LOCAL lock_timeout = '500ms'")
            driver.execute(f"ALTER TABLE {month.table} DETACH PARTITION {name}")
            driver.execute(f"ALTER TABLE {name} RENAME TO {name}{_GONE}")
            driver.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    except psycopg.errors.LockNotAvailable:
        return False
    if log_mark(connection, month.kept_from) < month.until_ms:
        set_mark(connection, month.kept_from, month.until_ms)
    set_mark(connection, month.seen_at, now_ms)
    return True


def detached_months(driver: Driver) -> Sequence[str]:
    """Give the months that were taken out of their tables and are still there."""
    pattern = f"^({'|'.join(sorted(PARTITIONED))})_[0-9]+_[0-9]+{_GONE}$"
    return [name for (name,) in driver.execute(_DETACHED, (pattern,))]
