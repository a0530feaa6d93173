"""Moves the tail of the log into `readings` and the rollups, in bulk and in key order, and drops what has served.

It may die anywhere: what it inserts twice is ignored, and only its last step moves the mark up to which the log counts
as compacted. Its slices go through the write lane, so that no batch waits for it for long. Rollups are made in the
transaction that inserts their readings: no raw reading is ever without them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter

from sqlalchemy import Connection

from plant_backend.domain.telemetry import LoggedBatch
from plant_backend.storage.batch_codec import decode, digest
from plant_backend.storage.log_marks import log_mark, set_mark
from plant_backend.storage.rollups import roll_up
from plant_backend.storage.sqlite import raw

SLICE = 2_000
"""Readings inserted per transaction."""

PASS = 50_000
"""Readings that one pass holds in memory, and a batch more: a long tail takes several passes."""

LOG_KEPT_MS = 24 * 3600 * 1000
"""How long a compacted batch stays in the log, so that listeners can resume."""

BATCH_IDS_KEPT_MS = 31 * 24 * 3600 * 1000
"""How long an accepted batch id is known."""

EVENTS_KEPT_MS = 7 * 24 * 3600 * 1000
"""How long an event stays in the outbox."""


_INSERT_ONE = "INSERT OR IGNORE INTO readings (sensor_id, ts, value, is_age_known) VALUES (?, ?, ?, ?)"

_ROWS_AT_ONCE = 50
"""Rows in one statement: it costs half of what as many statements do, and this is the bulk of all writing."""

_INSERT_MANY = _INSERT_ONE + ", (?, ?, ?, ?)" * (_ROWS_AT_ONCE - 1)


@dataclass(slots=True)
class Tail:
    """What one pass of a compaction will move, sorted as the tables are. is_cut: the tail is longer than that."""

    through: int = 0
    is_cut: bool = False
    readings: list[tuple[int, int, float, bool]] = field(default_factory=list)
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
        "SELECT id, device_number, batch_id, received_at, content, offsets FROM batches WHERE id > ? ORDER BY id",
        (tail.through,),
    )
    for log_id, device, batch_id, received_at, content, offsets in rows:
        batch = decode(device, batch_id, received_at, content, offsets)
        for sensor_id, value, offset_ms, ts in zip(
            batch.sensor_ids, batch.values, batch.offsets_ms, batch.times_ms(), strict=True
        ):
            tail.readings.append((sensor_id, ts, value, offset_ms is not None))
        tail.batches.append((device, batch_id, received_at, len(batch.values), digest(content)))
        tail.seen[device] = max(received_at, tail.seen.get(device, 0))
        tail.through = log_id
        if len(tail.readings) >= PASS:
            tail.is_cut = True
            break
    # Stable: of two values for one instant the first accepted comes first, and stays.
    tail.readings.sort(key=itemgetter(0, 1))
    tail.batches.sort(key=itemgetter(0, 1))
    return tail


def insert_readings(connection: Connection, rows: list[tuple[int, int, float, bool]]) -> None:
    """Insert one slice and roll it up. The sensors of a device that was deleted meanwhile are passed over."""
    below = raw(connection)
    known = {sensor_id for (sensor_id,) in below.execute("SELECT id FROM sensors")}
    rows = [row for row in rows if row[0] in known]
    full = len(rows) - len(rows) % _ROWS_AT_ONCE
    for start in range(0, full, _ROWS_AT_ONCE):
        below.execute(_INSERT_MANY, list(chain.from_iterable(rows[start : start + _ROWS_AT_ONCE])))
    below.executemany(_INSERT_ONE, rows[full:])
    roll_up(connection, [(sensor_id, ts) for sensor_id, ts, _, is_age_known in rows if is_age_known])


def finish(connection: Connection, tail: Tail, now_ms: int) -> None:
    """Record the batch ids, move the mark, and drop what has served its time."""
    below = raw(connection)
    below.executemany(
        "INSERT OR IGNORE INTO accepted_batches (device_number, batch_id, received_at, accepted, digest) "
        "SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM devices WHERE number = ?1)",
        tail.batches,
    )
    below.executemany(
        "UPDATE devices SET last_seen_at = ?1 WHERE number = ?2 AND coalesce(last_seen_at, 0) < ?1",
        [(seen_ms, device) for device, seen_ms in tail.seen.items()],
    )
    set_mark(connection, "compacted_through", tail.through)
    _drop(connection, "batches", "received_at", "dropped_through", now_ms - LOG_KEPT_MS, tail.through)
    _drop(connection, "events", "at", "events_dropped_through", now_ms - EVENTS_KEPT_MS, None)
    below.execute(
        "DELETE FROM accepted_batches WHERE (device_number, batch_id) IN "
        "(SELECT device_number, batch_id FROM accepted_batches WHERE received_at < ? LIMIT 20000)",
        (now_ms - BATCH_IDS_KEPT_MS,),
    )


def _drop(connection: Connection, table: str, column: str, mark: str, before_ms: int, through: int | None) -> None:
    """Drop the oldest rows of an append-only table and remember how far. The order of ids is what counts."""
    below = raw(connection)
    bound = through if through is not None else 2**62
    (keep_from,) = below.execute(
        f"SELECT min(id) FROM {table} WHERE {column} >= ? AND id > ?",  # noqa: S608 - our own names
        (before_ms, log_mark(connection, mark)),
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
