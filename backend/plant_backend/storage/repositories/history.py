"""Readings: what the compactor has put in order, and the tail of the log that it has not reached yet."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from plant_backend.domain.history import Bucket, BucketSeries
from plant_backend.domain.model import Sample
from plant_backend.storage.batch_codec import decode
from plant_backend.storage.bucket_reader import BucketReader
from plant_backend.storage.driver import raw
from plant_backend.storage.log_marks import log_mark
from plant_backend.storage.rollups import HOUR
from plant_backend.storage.tables import readings, rollups_1h
from plant_backend.storage.times import from_ms, to_ms


class SqlHistory:
    """Fulfils `ports.History`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readings(
        self,
        sensor_id: int,
        since: datetime,
        until: datetime,
        limit: int,
        *,
        newest_first: bool = False,
        only_dated: bool = False,
    ) -> Sequence[Sample]:
        since_ms, until_ms = to_ms(since), to_ms(until)
        order = readings.c.ts.desc() if newest_first else readings.c.ts
        statement = select(readings.c.ts, readings.c.value).where(
            readings.c.sensor_id == sensor_id, readings.c.ts >= since_ms, readings.c.ts < until_ms
        )
        if only_dated:
            statement = statement.where(readings.c.is_age_known)
        rows = self._connection.execute(statement.order_by(order).limit(limit))
        tail = self._tail(sensor_id, since_ms, until_ms)
        found = {ts: value for ts, (value, is_dated) in tail.items() if is_dated or not only_dated}
        found.update({row.ts: row.value for row in rows})
        ordered = sorted(found, reverse=newest_first)[:limit]
        return [Sample(from_ms(ts), found[ts]) for ts in ordered]

    def buckets(self, sensor_id: int, since: datetime, until: datetime, points: int) -> BucketSeries:
        since_ms, until_ms = to_ms(since), to_ms(until)
        # Rollups go from hour to hour: what they say of the first and last one belongs to it.
        hour_ms = HOUR.width_ms
        tail = self._tail(sensor_id, since_ms - since_ms % hour_ms, until_ms + -until_ms % hour_ms)
        return BucketReader(self._connection, sensor_id, tail).read(since_ms, until_ms, points)

    def hours(self, sensor_id: int, since: datetime, limit: int) -> Sequence[Bucket]:
        rows = self._connection.execute(
            select(rollups_1h)
            .where(rollups_1h.c.sensor_id == sensor_id, rollups_1h.c.ts >= to_ms(since))
            .order_by(rollups_1h.c.ts)
            .limit(limit)
        )
        return [
            Bucket(
                from_ms(row.ts),
                row.lowest,
                row.highest,
                min(max(row.total / row._mapping["count"], row.lowest), row.highest),
                row._mapping["count"],
                row.last,
            )
            for row in rows
        ]

    def is_behind(self, device_number: int, log_id: int) -> bool:
        rows = raw(self._connection).execute(
            "SELECT 1 FROM batches WHERE id > ? AND device_number = ? ORDER BY id LIMIT 1", (log_id, device_number)
        )
        return rows.fetchone() is not None

    def _tail(self, sensor_id: int, since_ms: int, until_ms: int) -> dict[int, tuple[float, bool]]:
        """Give (value, whether its age is known) by time, of what is in the log only. The first accepted stays."""
        below = raw(self._connection)
        owner = below.execute("SELECT device_number FROM sensors WHERE id = ?", (sensor_id,)).fetchone()
        if owner is None:
            return {}
        rows = below.execute(
            "SELECT id, device_number, batch_id, received_at, content, offsets FROM batches "
            "WHERE id > ? AND device_number = ? ORDER BY id",
            (log_mark(self._connection, "compacted_through"), owner[0]),
        )
        found: dict[int, tuple[float, bool]] = {}
        for _, *row in rows:
            batch = decode(*row)
            columns = (batch.sensor_ids, batch.values, batch.offsets_ms, batch.times_ms())
            for sensor, value, offset_ms, ts in zip(*columns, strict=True):
                if sensor == sensor_id and since_ms <= ts < until_ms:
                    found.setdefault(ts, (value, offset_ms is not None))
        return found
