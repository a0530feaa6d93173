"""The connection that writes, as the write lane sees it: what the two databases do differently there."""

import sqlite3
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from plant_backend.storage.driver import Driver, raw
from plant_backend.storage.log_marks import CLOCK_MOVED
from plant_backend.storage.sqlite import raw as raw_sqlite

_OUT_OF_ORDER = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
)
"""Primary result codes that are the disk's fault or the file's, whatever was asked for."""


class Writer(Protocol):
    """Begins and ends the transactions of the lane. Used by its thread alone, once the storage is open."""

    @property
    def connection(self) -> Connection: ...

    @property
    def driver(self) -> Driver: ...

    @property
    def is_in_transaction(self) -> bool: ...

    @property
    def changes(self) -> int:
        """How many rows were ever written."""
        ...

    def look(self, driver: Driver) -> tuple[int | None, int | None]:
        """Give the ids of the last batch, where it may be another's, and of the last event."""
        ...

    def begin(self, *, is_look: bool = False) -> None:
        """Begin. From here on nobody else writes; a mere look waits for nobody."""
        ...

    def is_out_of_order(self, error: Exception) -> bool:
        """Tell whether the database failed, and not what was asked of it."""
        ...

    def is_poison(self, error: Exception) -> bool:
        """Tell whether a batch cannot be stored, so that its neighbours are to be tried without it."""
        ...

    def close(self) -> None: ...


class SqliteWriter:
    """Fulfils `Writer` on a file that one process owns."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._below = raw_sqlite(connection)
        self.driver = raw(connection)

    @property
    def is_in_transaction(self) -> bool:
        return self._below.in_transaction

    @property
    def changes(self) -> int:
        return self._below.total_changes

    def look(self, driver: Driver) -> tuple[int | None, int | None]:
        (last_event,) = driver.execute("SELECT max(id) FROM events").fetchone()
        return None, last_event

    def begin(self, *, is_look: bool = False) -> None:
        self._below.execute("BEGIN IMMEDIATE")

    def is_out_of_order(self, error: Exception) -> bool:
        # Disk full, I/O error: SQLite may have undone everything by itself.
        below = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(below, "sqlite_errorcode", None)
        return not self.is_in_transaction or (isinstance(code, int) and code & 0xFF in _OUT_OF_ORDER)

    def is_poison(self, error: Exception) -> bool:
        is_of_data = isinstance(error, sqlite3.DatabaseError | OverflowError | ValueError)
        return is_of_data and self.is_in_transaction and not isinstance(error, sqlite3.OperationalError)

    def close(self) -> None:
        self.connection.close()


class PostgresWriter:
    """Fulfils `Writer` on a server that other processes use too, and finds its way back when it was gone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._begun = 0
        self.clock_moved_ms = 0
        """By how much dates were moved with the clock, by whichever process: known anew whenever something begins."""

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    @property
    def driver(self) -> Driver:
        return raw(self.connection)

    @property
    def is_in_transaction(self) -> bool:
        from plant_backend.storage.postgres import is_in_transaction

        connection = self._connection
        return connection is not None and not connection.invalidated and is_in_transaction(connection)

    @property
    def changes(self) -> int:
        # A commit of PostgreSQL proves that the server is there and its log can be written.
        return self._begun

    def look(self, driver: Driver) -> tuple[int | None, int | None]:
        last_batch, last_event, moved_ms = driver.execute(
            "SELECT (SELECT max(id) FROM batches), (SELECT max(id) FROM events),"
            " (SELECT value FROM log_state WHERE key = ?)",
            (CLOCK_MOVED,),
        ).fetchone()
        self.clock_moved_ms = moved_ms or 0
        return last_batch, last_event

    def begin(self, *, is_look: bool = False) -> None:
        from plant_backend.storage.postgres import WRITE_LOCK, is_lost

        def start() -> None:
            driver = self.driver
            driver.execute("BEGIN")
            if not is_look:
                driver.execute(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")

        if self._connection is not None and self._connection.invalidated:
            # It was lost in the middle of a statement.
            self.drop()
        was_open = self._connection is not None
        try:
            start()
        except Exception as error:
            self.drop()
            below = error.orig if isinstance(error, DBAPIError) else error
            if not was_open or below is None or not is_lost(below):
                raise
            # The server was restarted since we last spoke. Nothing was asked of it yet: it is safe to ask again.
            try:
                start()
            except Exception:
                self.drop()
                raise
        if not is_look:
            self._begun += 1

    def is_out_of_order(self, error: Exception) -> bool:
        from plant_backend.storage.postgres import is_unwell

        below = error.orig if isinstance(error, DBAPIError) else error
        return not self.is_in_transaction or (below is not None and is_unwell(below))

    def is_poison(self, error: Exception) -> bool:
        import psycopg

        is_of_data = isinstance(error, psycopg.Error | OverflowError | ValueError)
        return is_of_data and not self.is_out_of_order(error)

    def drop(self) -> None:
        """Let go of a connection that is of no use any more."""
        from plant_backend.storage.postgres import below

        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        if not connection.invalidated:
            below(connection).close()
            connection.invalidate()
        connection.close()

    def close(self) -> None:
        self.drop()
