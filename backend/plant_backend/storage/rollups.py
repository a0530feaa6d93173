"""Rollups: what a sensor measured in each whole span of 5 minutes and of an hour.

A rollup is made anew from the level below it whenever a reading is added to its span, so that late, doubled and
repeated readings need no arithmetic of their own. That level is there for as long as readings can be late: raw
readings are kept longer than the protocol lets a node be late.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table

from plant_backend.storage import months
from plant_backend.storage.driver import is_sqlite, raw
from plant_backend.storage.shared_compaction import columns
from plant_backend.storage.tables import rollups_1h, rollups_5min


@dataclass(frozen=True, slots=True)
class Level:
    """A table of rollups, how long each of its spans is, and the mark that says from when on it is complete."""

    table: Table
    width_ms: int
    kept_from: str | None


FIVE_MINUTES = Level(rollups_5min, 5 * 60 * 1000, "rollups_5min_kept_from")
HOUR = Level(rollups_1h, 3600 * 1000, None)

RAW_KEPT_FROM = "readings_kept_from"
"""The mark that says from when on raw readings are complete."""

# What is in a span only grows, and the first value of an instant stays: where the count is the same, so is the rest,
# and no page is written for it. A smaller count means that the level below was dropped: what is known stays.
_UPSERT = """
    ON CONFLICT (sensor_id, ts) DO UPDATE SET lowest = excluded.lowest, highest = excluded.highest,
        total = excluded.total, count = excluded.count, last = excluded.last, last_ts = excluded.last_ts
    WHERE excluded.count > {table}.count
"""

_SUM = "coalesce(sum({column}), 0.0)"

# PostgreSQL refuses a sum that is out of range: values near its end are taken for infinite, and of both kinds for none.
_SUM_ON_POSTGRESQL = """coalesce(nullif(
    coalesce(sum({column}) FILTER (WHERE abs({column}) < 1e290), 0.0)
    + coalesce(sum(CASE WHEN {column} >= 1e290 THEN 'Infinity'::float8 ELSE '-Infinity'::float8 END)
        FILTER (WHERE abs({column}) >= 1e290), 0.0),
    'NaN'::float8), 0.0)"""

# The sum of values near the largest number is none (infinity, or NULL for what is no number); the mean is held between
# lowest and highest when it is read.
_SPANS_OF_READINGS = f"""
        SELECT ts - ((ts % {FIVE_MINUTES.width_ms}) + {FIVE_MINUTES.width_ms}) % {FIVE_MINUTES.width_ms} AS start,
            min(value) AS lowest, max(value) AS highest, {{total}} AS total, count(*) AS count,
            max(ts) AS last_ts{{more}}
        FROM readings WHERE sensor_id = {{sensor}} AND ts >= {{begins}} AND ts < {{ends}} AND is_age_known GROUP BY 1
"""  # noqa: S608 - our own numbers

_SPANS_OF_FIVE_MINUTES = f"""
        SELECT ts - ((ts % {HOUR.width_ms}) + {HOUR.width_ms}) % {HOUR.width_ms} AS start,
            min(lowest) AS lowest, max(highest) AS highest, {{total}} AS total, sum(count) AS count,
            max(ts) AS last_start{{more}}
        FROM rollups_5min WHERE sensor_id = {{sensor}} AND ts >= {{begins}} AND ts < {{ends}} GROUP BY 1
"""  # noqa: S608 - our own numbers

_ONE = {"sensor": "?1", "begins": "?2", "ends": "?3", "more": ""}

_FROM_READINGS = f"""
    INSERT INTO rollups_5min (sensor_id, ts, lowest, highest, total, count, last, last_ts)
    SELECT ?1, g.start, g.lowest, g.highest, g.total, g.count, r.value, g.last_ts
    FROM ({_SPANS_OF_READINGS.format(total=_SUM.format(column="value"), **_ONE)}) AS g
        JOIN readings AS r ON r.sensor_id = ?1 AND r.ts = g.last_ts
    WHERE true {_UPSERT.format(table="rollups_5min")}
"""  # noqa: S608

_FROM_FIVE_MINUTES = f"""
    INSERT INTO rollups_1h (sensor_id, ts, lowest, highest, total, count, last, last_ts)
    SELECT ?1, g.start, g.lowest, g.highest, g.total, g.count, r.last, r.last_ts
    FROM ({_SPANS_OF_FIVE_MINUTES.format(total=_SUM.format(column="total"), **_ONE)}) AS g
        JOIN rollups_5min AS r ON r.sensor_id = ?1 AND r.ts = g.last_start
    WHERE true {_UPSERT.format(table="rollups_1h")}
"""  # noqa: S608

# PostgreSQL takes all spans at once. What comes last is found while the span is read: a join would be planned for a
# number of spans that nobody knows.
_MANY = {"sensor": "s.sensor_id", "begins": "s.begins", "ends": "s.ends"}

_SPANS = "unnest(?::bigint[], ?::bigint[], ?::bigint[]) AS s (sensor_id, begins, ends)"

_ALL_FROM_READINGS = f"""
    INSERT INTO rollups_5min (sensor_id, ts, lowest, highest, total, count, last, last_ts)
    SELECT s.sensor_id, g.start, g.lowest, g.highest, g.total, g.count, g.last, g.last_ts
    FROM {_SPANS} CROSS JOIN LATERAL ({
    _SPANS_OF_READINGS.format(
        total=_SUM_ON_POSTGRESQL.format(column="value"),
        more=", (array_agg(value ORDER BY ts DESC))[1] AS last",
        **_MANY,
    )
}) AS g WHERE true {_UPSERT.format(table="rollups_5min")}
"""  # noqa: S608

_ALL_FROM_FIVE_MINUTES = f"""
    INSERT INTO rollups_1h (sensor_id, ts, lowest, highest, total, count, last, last_ts)
    SELECT s.sensor_id, g.start, g.lowest, g.highest, g.total, g.count, g.last, g.last_ts
    FROM {_SPANS} CROSS JOIN LATERAL ({
    _SPANS_OF_FIVE_MINUTES.format(
        total=_SUM_ON_POSTGRESQL.format(column="total"),
        more=", (array_agg(last ORDER BY ts DESC))[1] AS last, max(last_ts) AS last_ts",
        **_MANY,
    )
}) AS g WHERE true {_UPSERT.format(table="rollups_1h")}
"""  # noqa: S608


def roll_up(connection: Connection, readings: Sequence[tuple[int, int]]) -> None:
    """Make the rollups that hold these readings, given as (sensor id, ts) in key order and stored already, anew."""
    below = raw(connection)
    fives, hours = spans(readings, FIVE_MINUTES.width_ms), spans(readings, HOUR.width_ms)
    if is_sqlite(connection):
        below.executemany(_FROM_READINGS, fives)
        below.executemany(_FROM_FIVE_MINUTES, hours)
    else:
        months.make(below, rollups_5min.name, (ts for _, ts in readings))
        below.execute(_ALL_FROM_READINGS, columns(fives, 3))
        below.execute(_ALL_FROM_FIVE_MINUTES, columns(hours, 3))


def spans(readings: Sequence[tuple[int, int]], width_ms: int) -> list[tuple[int, int, int]]:
    """Give (sensor id, from, to) of the whole spans that hold these readings; neighbours are taken together."""
    found: list[tuple[int, int, int]] = []
    for sensor_id, ts in readings:
        start = ts - ts % width_ms
        if found and found[-1][0] == sensor_id and start <= found[-1][2]:
            if start == found[-1][2]:
                found[-1] = (sensor_id, found[-1][1], start + width_ms)
        else:
            found.append((sensor_id, start, start + width_ms))
    return found
