"""A backup is one file, a whole database: made while a server runs, and put back when none does."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plant_backend.storage.errors import DatabaseError, DatabaseInUse, DatabaseUnusable
from plant_backend.storage.log_marks import OVER_AT_RESTORE
from plant_backend.storage.migrate import migrate
from plant_backend.storage.sqlite import ProcessLock


class BackupRefused(DatabaseError):
    """The backup cannot be made or put back. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. kept: where the database that was there lies now, if there was one."""

    before: str | None
    after: str | None
    kept: Path | None


def backup(database: Path, target: Path) -> int:
    """Write all that is committed, the tail of the log too, into a new file. Gives its size in bytes.

    Raises BackupRefused, DatabaseUnusable. The file appears whole or not at all, and only its owner may read it: it
    holds the digests of secrets and passwords.
    """
    if not database.exists():
        raise BackupRefused(f"There is no database {database}.")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        # SQLite writes into an empty file that is there, with the mode that it has.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as connection:
                connection.execute("VACUUM INTO ?", (str(part),))
            _check(part)
            _flush(part)
            # A link, and no renaming: it fails where the name is taken, also by somebody who came in between.
            os.link(part, target)
            _flush(target.parent)
            return target.stat().st_size
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError as error:
        raise BackupRefused(f"{target} is there already; a backup never overwrites.") from error
    except OSError as error:
        raise BackupRefused(f"{target} cannot be written: {error.strerror}.") from error
    except sqlite3.Error as error:
        raise DatabaseUnusable(f"The database {database} cannot be copied: {error}.") from error


def restore(source: Path, database: Path) -> Restored:
    """Put a backup in the place of the database, in this version's schema, and keep the one that was there beside it.

    Raises BackupRefused, DatabaseInUse, DatabaseTooNew, DatabaseUnusable; then nothing was changed.
    """
    if not source.is_file():
        raise BackupRefused(f"There is no backup {source}.")
    new = database.with_name(database.name + ".restoring")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with _owned(database):
            try:
                _copy(source, new)
                before, after = migrate(new)
                _begin_anew(new, database)
                _check(new)
                _flush(new)
                kept = _set_aside(database)
                new.replace(database)
                _flush(database.parent)
            finally:
                for suffix in ("", "-wal", "-shm", ".lock"):
                    new.with_name(new.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise BackupRefused(f"{source} cannot be restored: {error.strerror}.") from error
    return Restored(before, after, kept)


def _begin_anew(new: Path, old: Path) -> None:
    """Let batches and events go on with ids that nobody has heard of, and let nobody resume at those of before.

    Which commands were over by then is kept: no other history handed them out.

    What came after the backup had ids that would be given once more: whoever listened then would resume in the midst of
    what comes after the restore. Milliseconds of Unix time are ahead of all ids; where the clock is not set yet, those
    of the database that is there are.
    """
    beyond = max(_last_position(new), _last_position(old), time.time_ns() // 1_000_000) + 1
    with contextlib.closing(sqlite3.connect(new)) as connection, connection:
        connection.executemany(
            "INSERT OR REPLACE INTO log_state (key, value) VALUES (?, ?)",
            [("dropped_through", beyond), ("events_dropped_through", beyond)],
        )
        connection.execute(
            "INSERT OR REPLACE INTO log_state (key, value)"
            " SELECT ?, coalesce(min(CASE WHEN state = 'queued' THEN id - 1 END), max(id), 0) FROM commands",
            (OVER_AT_RESTORE,),
        )
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (beyond,))


def _last_position(database: Path) -> int:
    """Give the highest id of batches and events that a database ever gave, or 0 where it cannot be read."""
    if not database.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=5)) as connection:
            (last,) = connection.execute(
                "SELECT max(id) FROM (SELECT max(id) AS id FROM batches UNION ALL SELECT max(id) FROM events UNION ALL"
                " SELECT max(value) FROM log_state"
                " WHERE key IN ('compacted_through', 'dropped_through', 'events_dropped_through'))"
            ).fetchone()
    except sqlite3.Error:
        return 0
    return last or 0


@contextlib.contextmanager
def _owned(database: Path) -> Iterator[None]:
    lock = ProcessLock(database)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _copy(source: Path, new: Path) -> None:
    """Copy through SQLite: what is no database is noticed, and a log beside the source is not forgotten."""
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
                raise BackupRefused(f"{source} is no backup of plant-backend.")
            with contextlib.closing(sqlite3.connect(new)) as copy:
                connection.backup(copy)
    except sqlite3.Error as error:
        raise BackupRefused(f"{source} is no backup that can be read: {error}.") from error
    _check(new, source)


def _check(path: Path, name: Path | None = None) -> None:
    """Read a whole database. Raises BackupRefused where it is damaged."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
        except sqlite3.Error as error:
            verdict, orphan = str(error), None
    if verdict != "ok" or orphan is not None:
        raise BackupRefused(f"{name or path} is damaged: {verdict if verdict != 'ok' else orphan}.")


def _set_aside(database: Path) -> Path | None:
    """Keep the present database under another name, as a file of its own, and leave it in its place as well."""
    if not database.exists():
        return None
    logs = [database.with_name(database.name + suffix) for suffix in ("-wal", "-shm")]
    kept = database.with_name(f"{database.name}.before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    try:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=5)) as connection:
            (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if is_busy:
                raise DatabaseInUse(f"Somebody is reading {database}; end that first.")
    except sqlite3.Error:
        # Damaged: that may be why somebody restores. Its log is kept as it is, for whoever wants to mend it.
        for log in logs:
            if log.exists():
                os.link(log, kept.with_name(kept.name + log.name[len(database.name) :]))
    os.link(database, kept)
    # The log of the old database must never be read into the new one.
    for log in logs:
        log.unlink(missing_ok=True)
    return kept


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
