"""Brings a database to this version's schema, and refuses one from a newer version."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError as SqlDatabaseError

from plant_backend.storage.errors import DatabaseTooNew, DatabaseUnusable
from plant_backend.storage.sqlite import ProcessLock, sqlite_engine


def alembic_config(connection: Connection | None = None) -> Config:
    """Give Alembic's configuration for the migrations in this package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def migrate(path: Path) -> tuple[str | None, str | None]:
    """Upgrade a SQLite file, making it where it is missing. Gives the revisions before and after.

    Raises DatabaseUnusable, DatabaseTooNew, DatabaseInUse. A failed upgrade leaves the file as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnusable(f"The folder {path.parent} cannot be made: {error.strerror}.") from error
    engine = sqlite_engine(path)
    try:
        with engine.connect() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            script = ScriptDirectory.from_config(alembic_config())
            if before is not None and before not in {revision.revision for revision in script.walk_revisions()}:
                raise DatabaseTooNew(
                    f"The database {path} was written by a newer plant-backend (revision {before}). "
                    "Upgrade plant-backend, or start with a backup from before the upgrade. Nothing was changed."
                )
            head = script.get_current_head()
            if before != head:
                _upgrade(connection, path)
            return before, head
    except (SqlDatabaseError, sqlite3.Error) as error:
        reason = getattr(error, "orig", None) or error
        raise DatabaseUnusable(f"The database {path} cannot be used: {reason}.") from error
    finally:
        engine.dispose()


def _upgrade(connection: Connection, path: Path) -> None:
    """Upgrade in one transaction, and never under the feet of a server that has the file open."""
    lock = ProcessLock(path)
    lock.acquire()
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            command.upgrade(alembic_config(connection), "head")
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
    finally:
        lock.release()
