"""What a compaction writes, on PostgreSQL: each slice in a few statements over arrays.

A statement for each row costs little on SQLite, and here a journey while the others wait for the lock: for ten
thousand devices it would be held for seconds.
"""

from collections.abc import Sequence

from plant_backend.storage import months
from plant_backend.storage.driver import Driver
from plant_backend.storage.tables import readings

SLICE = 500
"""Readings inserted per transaction. Whoever has a batch to append waits for one."""

Rows = Sequence[Sequence[object]]

_READINGS = """
    INSERT INTO readings (sensor_id, ts, value, is_age_known)
    SELECT r.sensor_id, r.ts, r.value, r.is_age_known
    FROM unnest(?::bigint[], ?::bigint[], ?::float8[], ?::boolean[])
        WITH ORDINALITY AS r (sensor_id, ts, value, is_age_known, place)
    WHERE EXISTS (SELECT 1 FROM sensors WHERE sensors.id = r.sensor_id)
    ORDER BY r.place
    ON CONFLICT DO NOTHING
"""

_BATCHES = """
    INSERT INTO accepted_batches (device_number, batch_id, received_at, accepted, digest)
    SELECT b.* FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::bytea[])
        AS b (device_number, batch_id, received_at, accepted, digest)
    WHERE EXISTS (SELECT 1 FROM devices WHERE devices.number = b.device_number)
    ON CONFLICT DO NOTHING
"""

_SEEN = """
    UPDATE devices SET last_seen_at = s.seen_at FROM unnest(?::bigint[], ?::bigint[]) AS s (number, seen_at)
    WHERE devices.number = s.number AND coalesce(devices.last_seen_at, 0) < s.seen_at
"""


def insert_readings(driver: Driver, rows: Sequence[tuple[int, int, float, bool]]) -> None:
    """Insert readings of sensors that there are, into months that there are then. Of two for one instant the first
    stays.
    """
    months.make(driver, readings.name, (ts for _, ts, _, _ in rows))
    driver.execute(_READINGS, columns(rows, 4))


def insert_batches(driver: Driver, rows: Rows) -> None:
    """Keep the ids of batches of devices that there are."""
    driver.execute(_BATCHES, columns(rows, 5))


def note_seen(driver: Driver, rows: Rows) -> None:
    """Move on when devices were last heard, given as (device number, time)."""
    driver.execute(_SEEN, columns(rows, 2))


def columns(rows: Rows, count: int) -> list[list[object]]:
    """Give rows as the arrays that one statement takes."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]
