"""SQLite: how the file is opened, locked and driven. All that is particular to it stands here."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, NullPool, create_engine

from plant_backend.storage.errors import DatabaseInUse, DatabaseUnusable

_PAGE_SIZE = 1024
"""Small pages: what wears an SD card out is pages touched per commit, and a log row is some 150 bytes."""

_CHECKPOINT_PAGES = 8192
"""8 MiB of write-ahead log between checkpoints, so that a page rewritten often reaches the main file once."""

_PRAGMAS = (
    f"page_size={_PAGE_SIZE}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    "cache_size=-8192",
    "temp_store=MEMORY",
)


def open_sqlite(path: Path) -> sqlite3.Connection:
    """Open a connection that commits durably (WAL, `synchronous=FULL`). Raises DatabaseUnusable."""
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=10.0, cached_statements=256
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise DatabaseUnusable(f"The database {path} cannot be opened: {error}.") from error
    return connection


def sqlite_engine(path: Path) -> Engine:
    """Give an engine whose connections leave BEGIN and COMMIT to us."""
    return create_engine(
        "sqlite+pysqlite://", creator=lambda: open_sqlite(path), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )


def raw(connection: Connection) -> sqlite3.Connection:
    """Give the sqlite3 connection below a SQLAlchemy one."""
    below = connection.connection.driver_connection
    if not isinstance(below, sqlite3.Connection):
        raise TypeError("This connection is not one of SQLite.")
    return below


class ProcessLock:
    """Lets one server at a time own a SQLite file: the log's tail and the waiting polls live in its memory."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: IO[bytes] | None = None

    def acquire(self) -> None:
        """Raises DatabaseInUse where another server has it, DatabaseUnusable where the folder cannot be written."""
        try:
            self._file = self._path.open("ab")
        except OSError as error:
            raise DatabaseUnusable(f"The lock {self._path} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            self._file = None
            raise DatabaseInUse(
                f"Another plant-backend is using {self._path.with_suffix('')}; stop it first."
            ) from error
        os.set_inheritable(self._file.fileno(), False)

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None
