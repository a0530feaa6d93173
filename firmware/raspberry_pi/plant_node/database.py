"""The state file: readings that wait, and the command ledger. SQLite in WAL mode."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE lived (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    lived_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    speed REAL NOT NULL,
    mono_ms INTEGER NOT NULL
);

CREATE TABLE starts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    boot_id TEXT NOT NULL UNIQUE,
    machine_boot TEXT NOT NULL,
    wall_offset_ms INTEGER,
    batches_made INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE readings (
    id INTEGER PRIMARY KEY,
    start_id INTEGER NOT NULL,
    mono_ms INTEGER NOT NULL,
    sensor TEXT NOT NULL,
    value REAL NOT NULL
);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id TEXT NOT NULL UNIQUE,
    start_id INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL
);

CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), device_id TEXT NOT NULL);
CREATE TABLE commands (
    seq INTEGER PRIMARY KEY,
    command_id INTEGER NOT NULL,
    actuator TEXT NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    ran_ms INTEGER,
    reason TEXT,
    acked_status TEXT
);
CREATE INDEX commands_to_ack ON commands (seq) WHERE acked_status IS NOT status;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seq INTEGER UNIQUE,
    actuator TEXT NOT NULL,
    planned_ms INTEGER,
    started_lived_ms INTEGER NOT NULL,
    ended_lived_ms INTEGER,
    counted_ms INTEGER
);
CREATE INDEX runs_by_end ON runs (actuator, ended_lived_ms);
"""


class StateDamaged(Exception):
    """The state file cannot be used."""


def connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """Open the state file.

    FULL survives a power cut at each commit, NORMAL may lose the last commits but stays whole.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA journal_size_limit = 1048576")
        connection.execute("PRAGMA cache_size = -1024")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write: committed whole when the block ends, undone when it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back by itself (a full disk).
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def durable(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A write of a NORMAL connection that must survive a power cut."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        with transaction(connection):
            yield connection
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")


def prepare(path: Path) -> bool:
    """Create or check the state file. False when a damaged one had to be set aside: its ledger is lost."""
    try:
        _create_or_check(path)
    except sqlite3.DatabaseError as error:
        # Locked, full and unreadable are the disk's or the owner's matter: only a broken file is set aside.
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
            raise StateDamaged(f"cannot open {path}: {error}") from error
        aside = _set_aside(path)
        log.critical("state: %s is damaged (%s); kept as %s, starting a new one", path.name, error, aside.name)
        _create_or_check(path)
        return False
    return True


def _create_or_check(path: Path) -> None:
    with contextlib.closing(connect(path, synchronous="FULL")) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StateDamaged(f"{path} was written by a newer plant-node (schema {version})")
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path.rename(aside)
