"""Months of readings and 5-minute rollups, on PostgreSQL: a partition for each, so that what has expired goes at once.

To drop it row by row would hold the write lock for hours of each day with ten thousand devices. A month that is missing
is made by whoever writes into it: no reading is too late or too early for its partition.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plant_backend.storage.driver import Driver
from plant_backend.storage.tables import readings, rollups_5min

PARTITIONED = frozenset({readings.name, rollups_5min.name})
"""The tables that have a partition for each month."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, order=True, slots=True)
class Month:
    """A month of UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, ts_ms: int) -> "Month":
        """Give the month of a time."""
        at = _EPOCH + timedelta(milliseconds=ts_ms)
        return cls(at.year, at.month)

    @property
    def begins_ms(self) -> int:
        """Its first millisecond."""
        return (datetime(self.year, self.month, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)

    @property
    def next(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @classmethod
    def of_partition(cls, name: str) -> "Month":
        """Give the month of a partition."""
        _, year, month = name.rsplit("_", 2)
        return cls(int(year), int(month))

    def partition_of(self, table: str) -> str:
        """Give the name of its partition."""
        return f"{table}_{self.year:04d}_{self.month:02d}"


def make(driver: Driver, table: str, times_ms: Iterable[int]) -> None:
    """Make the partitions of these times that are missing. Holds up no reader. For use under the write lock."""
    months = {Month.of(day * _DAY_MS) for day in {ts_ms // _DAY_MS for ts_ms in times_ms}}
    by_name = {month.partition_of(table): month for month in months}
    missing = driver.execute("SELECT n FROM unnest(?::text[]) AS n WHERE to_regclass(n) IS NULL", (list(by_name),))
    for (name,) in missing.fetchall():
        month = by_name[name]
        # As a partition from the start it would lock out everybody who reads the table.
        driver.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)")
        begins_ms, ends_ms = month.begins_ms, month.next.begins_ms
        driver.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({begins_ms}) TO ({ends_ms})")
