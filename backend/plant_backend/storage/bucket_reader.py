"""Reads a range of a sensor's history as a bounded number of buckets, from the finest level that gives no more.

The tail of the log counts as if it were compacted: each span that it touches is worked out anew, from the raw readings
of the span and the tail, exactly as the compactor will do it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from plant_backend.domain.history import Bucket, BucketSeries
from plant_backend.storage.driver import raw
from plant_backend.storage.log_marks import log_mark
from plant_backend.storage.rollups import FIVE_MINUTES, HOUR, RAW_KEPT_FROM, Level, spans
from plant_backend.storage.times import from_ms

Readings = Mapping[int, tuple[float, bool]]
"""(value, whether its age is known) by time in ms."""


@dataclass(slots=True)
class Held:
    """What a span holds."""

    lowest: float
    highest: float
    total: float
    count: int
    last: float

    def add(self, other: "Held") -> None:
        """Take in what a later span holds."""
        self.lowest, self.highest = min(self.lowest, other.lowest), max(self.highest, other.highest)
        self.total += other.total
        self.count += other.count
        self.last = other.last


def width_for(first_ms: int, last_ms: int, points: int, step_ms: int) -> int:
    """Give a multiple of `step_ms` whose whole buckets from the first to the last instant are at most `points`."""
    wanted = -(-(last_ms - first_ms + 1) // points)
    width = step_ms * max(1, -(-wanted // step_ms))
    if last_ms // width - first_ms // width + 1 <= points:
        return width
    # Both ends lie inside a bucket: one bucket less to share the range among always fits.
    wanted = -(-(last_ms - first_ms + 1) // (points - 1))
    return step_ms * max(1, -(-wanted // step_ms))


class BucketReader:
    """Reads the buckets of one sensor on one snapshot. `tail` holds its readings that are not compacted."""

    def __init__(self, connection: Connection, sensor_id: int, tail: Readings) -> None:
        self._connection = connection
        self._sensor_id = sensor_id
        self._tail = tail

    def read(self, since_ms: int, until_ms: int, points: int) -> BucketSeries:
        """Give at most `points` (at least 2) buckets of [since, until)."""
        extent = self._extent(since_ms, until_ms)
        if extent is None:
            return BucketSeries(None, ())
        first_ms, last_ms = extent
        if first_ms >= log_mark(self._connection, RAW_KEPT_FROM):
            exact = self._exact(since_ms, until_ms, points)
            if exact is not None:
                return exact
        level = FIVE_MINUTES
        if first_ms < log_mark(self._connection, FIVE_MINUTES.kept_from or ""):
            level = HOUR
        width_ms = width_for(first_ms, last_ms, points, level.width_ms)
        if width_ms >= HOUR.width_ms and level is FIVE_MINUTES:
            level, width_ms = HOUR, width_for(first_ms, last_ms, points, HOUR.width_ms)
        return self._rolled_up(level, first_ms - first_ms % level.width_ms, until_ms, width_ms)

    def _extent(self, since_ms: int, until_ms: int) -> tuple[int, int] | None:
        """Give the times of the first and last value in the range, to the hour, or None where there is none.

        A range that begins long before the first value is not to be spread over empty buckets.
        """
        hours = HOUR.table
        inside = and_(
            hours.c.sensor_id == self._sensor_id,
            hours.c.ts >= since_ms - since_ms % HOUR.width_ms,
            hours.c.ts < until_ms,
        )
        # Two seeks in the clustered key, where an aggregate would walk the range.
        first = self._connection.execute(
            select(hours.c.ts).where(inside).order_by(hours.c.ts).limit(1)
        ).scalar_one_or_none()
        last = self._connection.execute(
            select(hours.c.last_ts).where(inside).order_by(hours.c.ts.desc()).limit(1)
        ).scalar_one_or_none()
        times = [ts for ts, (_, is_known) in self._tail.items() if is_known and since_ms <= ts < until_ms]
        if first is not None and last is not None:
            times += [first, last]
        if not times:
            return None
        return max(since_ms, min(times)), max(since_ms, min(max(times), until_ms - 1))

    def _exact(self, since_ms: int, until_ms: int, points: int) -> BucketSeries | None:
        """Give each reading by itself, or None where those are too many."""
        rows = (
            raw(self._connection)
            .execute(
                "SELECT ts, value, is_age_known FROM readings WHERE sensor_id = ? AND ts >= ? AND ts < ? LIMIT ?",
                (self._sensor_id, since_ms, until_ms, points + 1),
            )
            .fetchall()
        )
        if len(rows) > points:
            return None
        found = {ts: held for ts, held in self._tail.items() if since_ms <= ts < until_ms}
        found |= {ts: (value, bool(is_known)) for ts, value, is_known in rows}
        known = [(ts, value) for ts, (value, is_known) in sorted(found.items()) if is_known]
        if len(known) > points:
            return None
        return BucketSeries(None, tuple(Bucket(from_ms(ts), value, value, value, 1, value) for ts, value in known))

    def _rolled_up(self, level: Level, from_ms_: int, until_ms: int, width_ms: int) -> BucketSeries:
        found = self._grouped(level, from_ms_, until_ms, width_ms)
        # Buckets that the tail touches are put together anew, span by span.
        touched = sorted(ts for ts, (_, is_known) in self._tail.items() if is_known and from_ms_ <= ts < until_ms)
        for _, start, end in spans([(self._sensor_id, ts) for ts in touched], width_ms):
            low, high = max(start, from_ms_), min(end, until_ms)
            held = self._grouped(level, low, high, level.width_ms)
            for _, span_start, span_end in spans(
                [(self._sensor_id, ts) for ts in touched if start <= ts < end], level.width_ms
            ):
                for ts, anew in self._from_readings(level, span_start, span_end).items():
                    if ts not in held or anew.count > held[ts].count:
                        held[ts] = anew
            found = {ts: known for ts, known in found.items() if not start <= ts < end}
            for ts, span in sorted(held.items()):
                bucket = found.get(ts - ts % width_ms)
                if bucket is None:
                    found[ts - ts % width_ms] = Held(span.lowest, span.highest, span.total, span.count, span.last)
                else:
                    bucket.add(span)
        return BucketSeries(width_ms, tuple(_bucket(ts, held) for ts, held in sorted(found.items())))

    def _grouped(self, level: Level, from_ms_: int, until_ms: int, width_ms: int) -> dict[int, Held]:
        rollups = level.table
        start = rollups.c.ts - ((rollups.c.ts % width_ms) + width_ms) % width_ms
        groups = (
            select(
                start.label("start"),
                func.min(rollups.c.lowest).label("lowest"),
                func.max(rollups.c.highest).label("highest"),
                func.sum(rollups.c.total).label("total"),
                func.sum(rollups.c.count).label("held"),
                func.max(rollups.c.ts).label("last_start"),
            )
            .where(rollups.c.sensor_id == self._sensor_id, rollups.c.ts >= from_ms_, rollups.c.ts < until_ms)
            # By its name: with its values as parameters the expression would be another one to PostgreSQL.
            .group_by("start")
            .subquery()
        )
        newest = rollups.alias()
        rows = self._connection.execute(
            select(groups, newest.c.last).join(
                newest, and_(newest.c.sensor_id == self._sensor_id, newest.c.ts == groups.c.last_start)
            )
        )
        return {row.start: Held(row.lowest, row.highest, _sum(row.total), int(row.held), row.last) for row in rows}

    def _from_readings(self, level: Level, start_ms: int, end_ms: int) -> dict[int, Held]:
        """Roll raw readings and tail up, as the compactor will. What was accepted first stays."""
        found = {ts: held for ts, held in self._tail.items() if start_ms <= ts < end_ms}
        rows = raw(self._connection).execute(
            "SELECT ts, value, is_age_known FROM readings WHERE sensor_id = ? AND ts >= ? AND ts < ?",
            (self._sensor_id, start_ms, end_ms),
        )
        found.update((ts, (value, bool(is_known))) for ts, value, is_known in rows)
        return _rolled_up(((ts, value) for ts, (value, is_known) in sorted(found.items()) if is_known), level.width_ms)


def _rolled_up(readings: Iterable[tuple[int, float]], width_ms: int) -> dict[int, Held]:
    found: dict[int, Held] = {}
    for ts, value in readings:
        one = Held(value, value, value, 1, value)
        held = found.setdefault(ts - ts % width_ms, one)
        if held is not one:
            held.add(one)
    return found


def _sum(total: float | None) -> float:
    """Give a sum; that of infinities of both signs is none."""
    return 0.0 if total is None or math.isnan(total) else total


def _bucket(ts: int, held: Held) -> Bucket:
    # A sum of huge values may be infinite or none; a mean never leaves what it is the mean of.
    mean = min(max(held.total / held.count, held.lowest), held.highest)
    return Bucket(from_ms(ts), held.lowest, held.highest, mean, held.count, held.last)
