"""Moves an installation from its SQLite file to PostgreSQL: table by table in key order, then compared row by row.

How far it came is what is there, so a copy that was cut short is simply begun again. A database that holds half a copy
serves nobody.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Boolean, Table

from plant_backend.storage import months
from plant_backend.storage.errors import DatabaseError
from plant_backend.storage.migrate import migrate, migrate_postgres
from plant_backend.storage.postgres import WRITE_LOCK, PostgresDriver, connect
from plant_backend.storage.sqlite import ProcessLock, open_sqlite
from plant_backend.storage.tables import batches, events, instance, metadata

UNFINISHED = "copy_unfinished"
"""The key in `instance` that says whose copy is not complete."""

_ROWS = 5_000

Row = tuple[Any, ...]
Progress = Callable[[str, int], None]
"""Hears of a table, and of how many more of its rows are done."""


class CopyRefused(DatabaseError):
    """The copy cannot be made, or is not what it was made from."""


def rows_in(path: Path) -> int:
    """Count what there is to copy. Raises DatabaseUnusable."""
    with closing(open_sqlite(path)) as source:
        return sum(_count(source.execute, table) for table in metadata.sorted_tables)


def copy(path: Path, url: str, progress: Progress) -> dict[str, int]:
    """Copy a SQLite file into a PostgreSQL database, and compare the two. Gives the number of rows of each table.

    Raises CopyRefused, DatabaseInUse, DatabaseTooNew, DatabaseUnusable. The file is only read, after its migration.
    """
    if not path.exists():
        raise CopyRefused(f"There is no database {path}.")
    migrate(path)
    migrate_postgres(url)
    lock = ProcessLock(path)
    lock.acquire()
    try:
        with closing(open_sqlite(path)) as source, connect(url) as target:
            _claim(source, target, path)
            counts = {table.name: _copy_table(source, target, table, progress) for table in _tables()}
            for table in _tables():
                _compare(source, target, table)
            _finish(source, target)
            return counts
    except psycopg.Error as error:
        raise CopyRefused(
            f"The copy was cut short: {str(error).strip()}. Run it again: it goes on from there."
        ) from error
    finally:
        lock.release()


def _tables() -> list[Table]:
    """Give the tables in an order in which each finds what it refers to; who the installation is comes last."""
    return [table for table in metadata.sorted_tables if table is not instance]


def _claim(source: sqlite3.Connection, target: psycopg.Connection[Any], path: Path) -> None:
    """See to it that the target is empty, or holds part of this very copy."""
    row = source.execute("SELECT value FROM instance WHERE key = 'id'").fetchone()
    if row is None:
        raise CopyRefused(f"{path} was never started: there is nothing to copy.")
    known = target.execute("SELECT value FROM instance WHERE key = %s", (UNFINISHED,)).fetchone()
    if known is None:
        driver = PostgresDriver(target)
        full = [table.name for table in (*_tables(), instance) if _count(driver.execute, table)]
        if full:
            raise CopyRefused(f"The target is not empty: it holds {', '.join(full)}. Make a new database for the copy.")
        target.execute("INSERT INTO instance (key, value) VALUES (%s, %s)", (UNFINISHED, row[0]))
    elif known[0] != row[0]:
        raise CopyRefused("The target holds part of a copy of another installation. Make a new database for this one.")


def _copy_table(source: sqlite3.Connection, target: psycopg.Connection[Any], table: Table, progress: Progress) -> int:
    driver = PostgresDriver(target)
    done = _count(driver.execute, table)
    progress(table.name, done)
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    at = table.columns.keys().index("ts") if table.name in months.PARTITIONED else 0
    for rows in _pages(source.execute, table, _last_key(driver, table)):
        with target.transaction(), target.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (WRITE_LOCK,))
            if table.name in months.PARTITIONED:
                months.make(driver, table.name, (row[at] for row in rows))
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as lines:
                for row in rows:
                    lines.write_row(row)
        done += len(rows)
        progress(table.name, len(rows))
    return done


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _last_key(driver: PostgresDriver, table: Table) -> Row | None:
    keys = _keys(table)
    order = ", ".join(f"{_plain(table, key)} DESC" for key in keys)
    row: Row | None = driver.execute(
        f"SELECT {', '.join(keys)} FROM {table.name} ORDER BY {order} LIMIT 1"  # noqa: S608 - our own names
    ).fetchone()
    return row


def _plain(table: Table, key: str) -> str:
    """Give what a key is ordered by on PostgreSQL: texts byte by byte, as SQLite has them."""
    return f'{key} COLLATE "C"' if table.c[key].type.python_type is str else key


def _pages(
    execute: Callable[..., Any], table: Table, after: Row | None, *, is_postgres: bool = False
) -> Iterator[list[Row]]:
    """Give all rows in key order, page by page."""
    keys = _keys(table)
    ordered = [_plain(table, key) if is_postgres else key for key in keys]
    flags = [place for place, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
    places = [list(table.columns.keys()).index(key) for key in keys]
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    while True:
        where = "" if after is None else f"WHERE ({', '.join(ordered)}) > ({', '.join('?' * len(keys))})"
        rows = execute(
            f"SELECT {names} FROM {table.name} {where} ORDER BY {', '.join(ordered)} LIMIT {_ROWS}",  # noqa: S608
            after or (),
        ).fetchall()
        if not rows:
            return
        yield [_with_flags(row, flags) for row in rows]
        after = tuple(rows[-1][place] for place in places)


def _with_flags(row: Sequence[Any], flags: Sequence[int]) -> Row:
    if not flags:
        return tuple(row)
    return tuple(bool(value) if place in flags and value is not None else value for place, value in enumerate(row))


def _compare(source: sqlite3.Connection, target: psycopg.Connection[Any], table: Table) -> None:
    """Read a table on both sides. Raises CopyRefused where they differ."""
    mine = _checksum(_pages(source.execute, table, None))
    theirs = _checksum(_pages(PostgresDriver(target).execute, table, None, is_postgres=True))
    if mine != theirs:
        raise CopyRefused(
            f"{table.name} differs: {mine[0]} rows, checksum {mine[1]}; in the copy {theirs[0]}, checksum {theirs[1]}. "
            "Make a new database and copy again."
        )


def _checksum(pages: Iterator[list[Row]]) -> tuple[int, str]:
    count, digest = 0, hashlib.blake2b(digest_size=8)
    for rows in pages:
        count += len(rows)
        for row in rows:
            # PostgreSQL's texts know no NUL.
            digest.update(
                repr([value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row]).encode()
            )
    return count, digest.hexdigest()


def _finish(source: sqlite3.Connection, target: psycopg.Connection[Any]) -> None:
    """Let ids go on where they were, and let the copy be used, in one transaction."""
    known = dict(source.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    marks = dict(source.execute("SELECT key, value FROM log_state").fetchall())
    known[batches.name] = max(marks.get("compacted_through", 0), marks.get("dropped_through", 0))
    known[events.name] = max(known.get(events.name, 0), marks.get("events_dropped_through", 0))
    with target.transaction():
        for table in _tables():
            column = table.autoincrement_column
            if column is None:
                continue
            found = target.execute(
                f"SELECT pg_get_serial_sequence('{table.name}', '{column.name}'),"  # noqa: S608
                f" coalesce((SELECT max({column.name}) FROM {table.name}), 0)".encode()
            ).fetchone()
            if found is not None and found[0] is not None:
                last = max(found[1], known.get(table.name, 0))
                target.execute("SELECT setval(%s::regclass, %s, %s)", (found[0], max(last, 1), last > 0))
        for key, value in source.execute("SELECT key, value FROM instance"):
            target.execute("INSERT INTO instance (key, value) VALUES (%s, %s)", (key, value))
        target.execute("DELETE FROM instance WHERE key = %s", (UNFINISHED,))


def _count(execute: Callable[..., Any], table: Table) -> int:
    (count,) = execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608
    return int(count)
