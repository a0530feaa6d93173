"""PostgreSQL: how it is reached, and how its connections are driven. All that is particular to it stands here.

Needs the extra `postgres` (psycopg 3). Transactions of the services are plain functions that run on a thread, so a
synchronous driver fits them as they are; see `docs/architecture.md`.
"""

import functools
import re
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlsplit

import psycopg
from psycopg import pq
from psycopg.types.string import StrDumper
from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.engine import make_url

from plant_backend.storage.driver import Rows, Values
from plant_backend.storage.errors import DatabaseUnusable

_SCHEMES = ("postgresql", "postgresql+psycopg", "postgresql+asyncpg", "postgres")
_LEAST_VERSION = 140000

WRITE_LOCK = 0x706C616E740001
"""Whoever changes the database holds this for the length of the transaction: commits have one order, as on SQLite."""

LEADER_LOCK = 0x706C616E740002
"""One process at a time holds this: it compacts, prunes, sweeps and sends notifications."""

MIGRATION_LOCK = 0x706C616E740003
"""Whoever changes the schema holds this."""

SESSION_S = 10
"""How long a transaction may stand still before the server ends it: a stopped process must not hold up the others."""

LOCK_TIMEOUT = "15s"
"""How long to wait for a lock that another holds."""

_SETTINGS = (
    "SET TIME ZONE 'UTC'",
    "SET synchronous_commit = on",
    "SET default_transaction_isolation = 'read committed'",
    f"SET idle_in_transaction_session_timeout = '{SESSION_S}s'",
    f"SET lock_timeout = '{LOCK_TIMEOUT}'",
    "SET statement_timeout = '60s'",
    # The server notices within half a minute that a machine is gone, and frees what it held.
    "SET tcp_keepalives_idle = 5",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)


_ENDED = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})
"""What the server says last: it stops, crashed, begins, or had enough of a connection that stood still."""


class _TextDumper(StrDumper):
    """PostgreSQL's text holds every character but NUL, which stands for nothing that anybody means."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def is_postgres(url: str) -> bool:
    """Tell whether a database URL is one of PostgreSQL."""
    return urlsplit(url).scheme in _SCHEMES


def shown(url: str) -> str:
    """Give a URL as people may see it: without the password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ValueError:
        return "at PLANT_DATABASE_URL"


def connect(url: str) -> psycopg.Connection[Any]:
    """Open a connection that commits durably and leaves BEGIN and COMMIT to us. Raises psycopg.OperationalError."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg.connect(
        plain,
        autocommit=True,
        connect_timeout=5,
        tcp_user_timeout=10_000,
        keepalives_idle=5,
        keepalives_interval=5,
        keepalives_count=3,
        application_name="plant-backend",
        # Texts that a person reads are the same in every language of the server.
        client_encoding="utf8",
    )
    try:
        connection.adapters.register_dumper(str, _TextDumper)
        for setting in _SETTINGS:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def postgres_engine(url: str) -> Engine:
    """Give an engine whose connections leave BEGIN and COMMIT to us."""
    return create_engine(
        "postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )


def check_server(connection: Connection) -> None:
    """Raises DatabaseUnusable where the server is too old."""
    version = below(connection).info.server_version
    if version < _LEAST_VERSION:
        raise DatabaseUnusable(f"PostgreSQL 14 or newer is needed; this is {version // 10000}.")


def below(connection: Connection) -> psycopg.Connection[Any]:
    """Give the psycopg connection below a SQLAlchemy one."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def is_in_transaction(connection: Connection) -> bool:
    """Tell whether a BEGIN is open, failed or not."""
    return below(connection).info.transaction_status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection is gone: asked again on another one, the same may do well."""
    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith("08") or error.sqlstate in _ENDED


def is_unwell(error: BaseException) -> bool:
    """Tell whether the server, the way to it, or its disk failed, or had no time, and not what was asked of it."""
    return is_lost(error) or isinstance(error, psycopg.OperationalError)


class PostgresDriver:
    """Fulfils `driver.Driver`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Values = (), /) -> Rows:
        cursor = psycopg.RawCursor(self._connection)
        # The statements are our own, whole and constant.
        return cast(Rows, cursor.execute(_translated(sql).encode(), parameters or None))

    def executemany(self, sql: str, parameters: Iterable[Values], /) -> object:
        cursor = psycopg.RawCursor(self._connection)
        cursor.executemany(_translated(sql).encode(), parameters)
        return cursor


def driver_of(connection: Connection) -> PostgresDriver:
    """Give the driver below a SQLAlchemy connection."""
    return PostgresDriver(below(connection))


@functools.lru_cache(maxsize=512)
def _translated(sql: str) -> str:
    """Write `?` and `?1` as PostgreSQL wants them."""
    count = 0

    def name(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"${found[1] or count}"

    return re.sub(r"\?(\d*)", name, sql)
