"""Marks: numbers that say how far something has come, each written in the transaction that it tells of."""

from sqlalchemy import Connection

from plant_backend.storage.driver import raw

CLOCK_MOVED = "clock_moved_ms"
"""The mark that says by how much dates were moved with the clock, since the first start."""

OVER_AT_RESTORE = "over_at_restore"
"""The mark that says up to which id a restored backup knew the end of all commands."""


def log_mark(connection: Connection, key: str) -> int:
    """Read a mark: `compacted_through`, `dropped_through`, `events_dropped_through`, `…_kept_from`."""
    row = raw(connection).execute("SELECT value FROM log_state WHERE key = ?", (key,)).fetchone()
    return int(row[0]) if row else 0


def set_mark(connection: Connection, key: str, value: int) -> None:
    """Write a mark."""
    raw(connection).execute(
        "INSERT INTO log_state (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
