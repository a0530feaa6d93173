"""Migrations: from nothing to exactly the schema, all or nothing, and once."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from plant_backend.storage.errors import DatabaseInUse, DatabaseUnusable
from plant_backend.storage.migrate import alembic_config, known_revisions, migrate
from plant_backend.storage.sqlite import ProcessLock, sqlite_engine
from plant_backend.storage.tables import metadata
from sqlalchemy import create_engine


def schema(path: Path) -> set[tuple[str, str, str]]:
    """Give what SQLite says that the file holds, in its own words without the spaces."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    connection.close()
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in rows}


def test_an_upgrade_from_nothing_gives_exactly_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plants.db"
    before, after = migrate(path)
    assert (before, after is not None) == (None, True)
    engine = sqlite_engine(path)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_indexes_and_their_conditions_are_those_of_the_tables(tmp_path: Path) -> None:
    """The comparison above does not see what a partial index leaves out, and "one live run" is a partial index."""
    migrate(tmp_path / "migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    metadata.create_all(engine)
    engine.dispose()
    migrated = {row for row in schema(tmp_path / "migrated.db") if row[0] == "index"}
    assert migrated == {row for row in schema(tmp_path / "created.db") if row[0] == "index"}
    assert {name for kind, name, _ in migrated} >= {"uq_commands_live", "uq_alerts_open"}


def test_the_revisions_are_those_that_alembic_knows() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert known_revisions() == [revision.revision for revision in script.walk_revisions()][::-1]


def test_a_database_that_is_up_to_date_needs_no_alembic(tmp_path: Path) -> None:
    """It is 7 MB of memory, for as long as the server runs."""
    migrate(tmp_path / "plants.db")
    code = "import sys; from pathlib import Path; from plant_backend.storage.migrate import migrate;"
    code += "migrate(Path('plants.db')); sys.exit('alembic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plants.db"
    _, head = migrate(path)
    before = path.read_bytes()
    assert migrate(path) == (head, head)
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut or a bug in mid-upgrade must not leave half a database: all of it is one transaction."""
    path = tmp_path / "plants.db"
    connection = sqlite3.connect(path)
    # The first migration makes this table too, after several others.
    connection.execute("CREATE TABLE commands (mine TEXT)")
    connection.execute("INSERT INTO commands VALUES ('precious')")
    connection.commit()
    connection.close()
    before = schema(path)

    with pytest.raises(DatabaseUnusable, match="commands"):
        migrate(path)

    assert schema(path) == before
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT mine FROM commands").fetchall() == [("precious",)]
    connection.close()


def test_so_does_one_that_breaks_off_after_its_last_statement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plants.db"
    real = command.upgrade

    def break_off(*args: Any) -> None:
        real(*args)
        raise RuntimeError("power cut")

    monkeypatch.setattr(command, "upgrade", break_off)
    with pytest.raises(RuntimeError):
        migrate(path)
    assert schema(path) == set()
    monkeypatch.undo()
    before, head = migrate(path)
    assert before is None
    assert migrate(path) == (head, head)


def test_an_upgrade_waits_for_the_server_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "plants.db"
    lock = ProcessLock(path)
    lock.acquire()
    with pytest.raises(DatabaseInUse):
        migrate(path)
    assert schema(path) == set()
    lock.release()
    migrate(path)


def test_the_way_down_leads_back_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plants.db"
    migrate(path)
    engine = sqlite_engine(path)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.downgrade(alembic_config(connection), "base")
        connection.exec_driver_sql("COMMIT")
    engine.dispose()
    assert {name for _, name, _ in schema(path)} == {"alembic_version"}
    migrate(path)
