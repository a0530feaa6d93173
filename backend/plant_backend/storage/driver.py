"""What the storage asks of a connection below SQLAlchemy: one small way to speak that both databases understand.

SQL that goes this way is written for both: `?` and `?1` stand for values, and conflicts are left alone by ON CONFLICT.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import Connection

Values = Sequence[Any]


class Rows(Protocol):
    """What a statement gives. Rows are tuples."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Driver(Protocol):
    """Runs statements on one connection, which begins and ends no transaction by itself."""

    def execute(self, sql: str, parameters: Values = ..., /) -> Rows: ...
    def executemany(self, sql: str, parameters: Iterable[Values], /) -> object: ...


def raw(connection: Connection) -> Driver:
    """Give what lies below a SQLAlchemy connection."""
    below = connection.connection.driver_connection
    if isinstance(below, sqlite3.Connection):
        return cast(Driver, below)
    from plant_backend.storage.postgres import driver_of

    return driver_of(connection)


def is_sqlite(connection: Connection) -> bool:
    """Tell which of the two databases it is."""
    return connection.dialect.name == "sqlite"


@contextlib.contextmanager
def attempt(connection: Connection) -> Iterator[None]:
    """Run a statement that a constraint may refuse. On PostgreSQL such a refusal would end the whole transaction."""
    if is_sqlite(connection):
        yield
        return
    below = raw(connection)
    below.execute("SAVEPOINT attempt")
    try:
        yield
    except BaseException:
        below.execute("ROLLBACK TO attempt")
        below.execute("RELEASE attempt")
        raise
    below.execute("RELEASE attempt")
