"""Brings a database to this version's schema, and refuses one from a newer version."""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError as SqlDatabaseError

from plant_backend.storage.errors import DatabaseError, DatabaseTooNew, DatabaseUnusable
from plant_backend.storage.sqlite import ProcessLock, sqlite_engine

if TYPE_CHECKING:
    # 7 MB that a server whose database is up to date never needs.
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config(connection: Connection | None = None) -> "Config":
    """Give Alembic's configuration for the migrations in this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
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
            before, head = _revision_of(connection), known_revisions()[-1]
            _check_age(before, str(path))
            if before != head:
                _upgrade(connection, path)
            return before, head
    except (SqlDatabaseError, sqlite3.Error) as error:
        reason = getattr(error, "orig", None) or error
        raise DatabaseUnusable(f"The database {path} cannot be used: {reason}.") from error
    finally:
        engine.dispose()


def migrate_postgres(url: str) -> tuple[str | None, str | None]:
    """Upgrade a PostgreSQL database that is there. Gives the revisions before and after.

    Of several processes that start at once one does it and the others wait. Raises DatabaseUnusable, DatabaseTooNew.
    """
    try:
        from plant_backend.storage import postgres
    except ImportError as error:
        raise DatabaseUnusable(
            "PostgreSQL needs more packages: install plant-backend[postgres], and [redis] with it."
        ) from error
    engine = postgres.postgres_engine(url)
    try:
        with engine.connect() as connection:
            postgres.check_server(connection)
            head = known_revisions()[-1]
            if _revision_of(connection) == head:
                return head, head
            connection.exec_driver_sql("BEGIN")
            for limit in ("statement_timeout", "lock_timeout"):
                # A large table takes its time, and who waits for the one that migrates waits for that.
                connection.exec_driver_sql(f"SET LOCAL {limit} = 0")
            for lock in (postgres.MIGRATION_LOCK, postgres.WRITE_LOCK):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock})")
            try:
                before = _revision_of(connection)
                _check_age(before, postgres.shown(url))
                if before != head:
                    from alembic import command

                    command.upgrade(alembic_config(connection), "head")
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                if postgres.is_in_transaction(connection):
                    connection.exec_driver_sql("ROLLBACK")
                raise
            return before, head
    except DatabaseError:
        raise
    except Exception as error:
        reason = str(getattr(error, "orig", None) or error).strip().removesuffix(".")
        if not isinstance(error, SqlDatabaseError | ValueError) and not postgres.is_unwell(error):
            raise
        raise DatabaseUnusable(f"The database {postgres.shown(url)} cannot be used: {reason}.") from error
    finally:
        engine.dispose()


def _check_age(revision: str | None, name: str) -> None:
    if revision is not None and revision not in known_revisions():
        raise DatabaseTooNew(
            f"The database {name} was written by a newer plant-backend (revision {revision}). "
            "Upgrade plant-backend, or start with a backup from before the upgrade. Nothing was changed."
        )


def known_revisions() -> list[str]:
    """Give this version's revisions, the newest last: files are named after them, and they stand in one line."""
    return sorted(file.name.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _revision_of(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    revision: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


def _upgrade(connection: Connection, path: Path) -> None:
    """Upgrade in one transaction, and never under the feet of a server that has the file open."""
    from alembic import command

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
