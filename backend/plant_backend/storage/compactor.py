"""Moves the tail of the log into `readings` and the rollups, in bulk and in key order, and drops what has served.

It may die anywhere: what it inserts twice is ignored, and only its last step moves the mark up to which the log counts
as compacted. Its slices go through the write lane, so that no batch waits for it for long. Rollups are made in the
transaction that inserts their readings: no raw reading is ever without them.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from operator import itemgetter, le

from sqlalchemy import Connection

from plant_backend.domain.telemetry import LoggedBatch
from plant_backend.storage import shared_compaction
from plant_backend.storage.batch_codec import decode, digest
from plant_backend.storage.driver import is_sqlite, raw
from plant_backend.storage.log_marks import log_mark, set_mark
from plant_backend.storage.rollups import roll_up

Reading = tuple[int, int, float, bool]
"""A row of `readings`: sensor, time, value, whether its age is known."""

SLICE = 2_000
"""Readings inserted per transaction."""

PASS = 50_000
"""Readings that one pass holds in memory, and a batch more: a long tail takes several passes."""

LOG_KEPT_MS = 24 * 3600 * 1000
"""How long a compacted batch stays in the log, so that listeners can resume."""

AHEAD_MS = 60_000
"""How far ahead of now a row may lie and still be taken for one of now."""

EVENTS_KEPT_MS = 7 * 24 * 3600 * 1000
"""How long an event stays in the outbox."""


_INSERT_ONE = (
    "INSERT INTO readings (sensor_id, ts, value, is_age_known) VALUES (?, ?, ?, ?){more} ON CONFLICT DO NOTHING"
)

_ROWS_AT_ONCE = 50
"""Rows in one statement: it costs half of what as many statements do, and this is the bulk of all writing."""

_INSERT_MANY = _INSERT_ONE.format(more=", (?, ?, ?, ?)" * (_ROWS_AT_ONCE - 1))


class TailReadings:
    """(sensor id, time, value, is its age known) of many readings, by sensor and time.

    Of two for one instant the first that was added comes first. 17 bytes for each: as tuples they would take 150.
    """

    __slots__ = ("_by_sensor", "_size")

    def __init__(self) -> None:
        self._by_sensor: dict[int, tuple[array[int], array[float], bytearray]] = {}
        self._size = 0

    def add(self, sensor_id: int, ts: int, value: float, *, is_age_known: bool) -> None:
        """Take in one more."""
        found = self._by_sensor.get(sensor_id)
        if found is None:
            found = self._by_sensor[sensor_id] = (array("q"), array("d"), bytearray())
        times, values, known = found
        times.append(ts)
        values.append(value)
        known.append(is_age_known)
        self._size += 1

    def sort(self) -> None:
        """Put them in order, once all are there."""
        self._by_sensor = dict(sorted(self._by_sensor.items()))
        for sensor_id, (times, values, known) in self._by_sensor.items():
            if all(map(le, times, islice(times, 1, None))):
                continue
            order = sorted(range(len(times)), key=times.__getitem__)
            self._by_sensor[sensor_id] = (
                array("q", map(times.__getitem__, order)),
                array("d", map(values.__getitem__, order)),
                bytearray(map(known.__getitem__, order)),
            )

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, places: slice) -> list[Reading]:
        start, stop, _ = places.indices(self._size)
        rows: list[Reading] = []
        for sensor_id, (times, values, known) in self._by_sensor.items():
            part = slice(max(start, 0), max(stop, 0))
            rows += zip(repeat(sensor_id), times[part], values[part], map(bool, known[part]), strict=False)
            start, stop = start - len(times), stop - len(times)
        return rows


@dataclass(slots=True)
class Tail:
    """What one pass of a compaction will move, sorted as the tables are. is_cut: the tail is longer than that."""

    through: int = 0
    is_cut: bool = False
    readings: TailReadings = field(default_factory=TailReadings)
    batches: list[tuple[int, str, int, int, bytes]] = field(default_factory=list)
    seen: dict[int, int] = field(default_factory=dict)

    @property
    def keys(self) -> list[tuple[int, str]]:
        """(device number, batch id) of each batch."""
        return [(row[0], row[1]) for row in self.batches]


def read_tail(connection: Connection) -> Tail:
    """Collect what is not compacted yet, as far as one pass goes."""
    tail = Tail(through=log_mark(connection, "compacted_through"))
    rows = raw(connection).execute(
        "SELECT id, device_number, batch_id, received_at, content, offsets FROM batches "
        "WHERE id > ? ORDER BY id LIMIT ?",
        (tail.through, PASS),
    )
    for log_id, device, batch_id, received_at, content, offsets in rows:
        batch = decode(device, batch_id, received_at, content, offsets)
        for sensor_id, value, offset_ms, ts in zip(
            batch.sensor_ids, batch.values, batch.offsets_ms, batch.times_ms(), strict=True
        ):
            tail.readings.add(sensor_id, ts, value, is_age_known=offset_ms is not None)
        tail.batches.append((device, batch_id, received_at, len(batch.values), digest(content)))
        tail.seen[device] = max(received_at, tail.seen.get(device, 0))
        tail.through = log_id
        if len(tail.readings) >= PASS:
            tail.is_cut = True
            break
    tail.readings.sort()
    tail.batches.sort(key=itemgetter(0, 1))
    return tail


def insert_readings(connection: Connection, rows: list[Reading]) -> None:
    """Insert one slice and roll it up. The sensors of a device that was deleted meanwhile are passed over."""
    below = raw(connection)
    if is_sqlite(connection):
        known = {sensor_id for (sensor_id,) in below.execute("SELECT id FROM sensors")}
        rows = [row for row in rows if row[0] in known]
        full = len(rows) - len(rows) % _ROWS_AT_ONCE
        for start in range(0, full, _ROWS_AT_ONCE):
            below.execute(_INSERT_MANY, list(chain.from_iterable(rows[start : start + _ROWS_AT_ONCE])))
        below.executemany(_INSERT_ONE.format(more=""), rows[full:])
    else:
        shared_compaction.insert_readings(below, rows)
    roll_up(connection, [(sensor_id, ts) for sensor_id, ts, _, is_age_known in rows if is_age_known])


def finish(connection: Connection, tail: Tail, now_ms: int) -> None:
    """Record the batch ids, move the mark, and drop what has served its time."""
    below = raw(connection)
    if is_sqlite(connection):
        below.executemany(
            "INSERT INTO accepted_batches (device_number, batch_id, received_at, accepted, digest) "
            "SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM devices WHERE number = ?1) ON CONFLICT DO NOTHING",
            tail.batches,
        )
        below.executemany(
            "UPDATE devices SET last_seen_at = ?1 WHERE number = ?2 AND coalesce(last_seen_at, 0) < ?1",
            [(seen_ms, device) for device, seen_ms in tail.seen.items()],
        )
    else:
        shared_compaction.insert_batches(below, tail.batches)
        shared_compaction.note_seen(below, list(tail.seen.items()))
    if tail.through > log_mark(connection, "compacted_through"):
        set_mark(connection, "compacted_through", tail.through)
    _drop(connection, "batches", "received_at", "dropped_through", now_ms, LOG_KEPT_MS, tail.through)
    _drop(connection, "events", "at", "events_dropped_through", now_ms, EVENTS_KEPT_MS, None)


def _drop(
    connection: Connection, table: str, column: str, mark: str, now_ms: int, kept_ms: int, through: int | None
) -> None:
    """Drop the oldest rows of an append-only table and remember how far. The order of ids is what counts.

    A row from an hour in which the clock was ahead would be young for as long, and keep all that came after it: it goes
    with the rows around it. Only where every row seems to lie ahead is it rather the clock that is behind.
    """
    below = raw(connection)
    bound = through if through is not None else 2**62
    (keep_from,) = below.execute(
        f"SELECT coalesce(min(CASE WHEN {column} <= ?2 THEN id END), min(id)) FROM {table}"  # noqa: S608 - our own names
        f" WHERE {column} >= ?1 AND id > ?3",
        (now_ms - kept_ms, now_ms + AHEAD_MS, log_mark(connection, mark)),
    ).fetchone()
    (last,) = below.execute(f"SELECT max(id) FROM {table}").fetchone()  # noqa: S608
    if last is None:
        return
    drop_through = min((keep_from - 1) if keep_from is not None else last, bound)
    if drop_through > log_mark(connection, mark):
        below.execute(f"DELETE FROM {table} WHERE id <= ?", (drop_through,))  # noqa: S608
        set_mark(connection, mark, drop_through)


def decode_rows(rows: Iterable[tuple[int, int, str, int, bytes, bytes]]) -> Iterator[LoggedBatch]:
    """Give the batches of rows of the log."""
    return (LoggedBatch(row[0], decode(*row[1:])) for row in rows)
