"""Migrations: from nothing to exactly the schema, all or nothing, and once."""

import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from plant_backend.storage import months
from plant_backend.storage.driver import raw
from plant_backend.storage.errors import DatabaseInUse, DatabaseTooNew, DatabaseUnusable
from plant_backend.storage.migrate import alembic_config, known_revisions, migrate, migrate_postgres
from plant_backend.storage.postgres import postgres_engine
from plant_backend.storage.sqlite import ProcessLock, sqlite_engine
from plant_backend.storage.tables import metadata
from sqlalchemy import Connection, MetaData, Table, create_engine, func, insert, select

from tests.servers import Postgres


def schema(path: Path) -> set[tuple[str, str, str]]:
    """Give what SQLite says that the file holds, in its own words without the spaces."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    connection.close()
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in rows}


def is_month(table: Table) -> bool:
    """Tell whether a table is a month of another one."""
    return re.search(r"_\d{4}_\d{2}$", table.name) is not None


def is_of(connection: Connection, thing: Any) -> bool:
    """Tell whether a thing is one of this database, and no index of the other one alone, nor a month of a table."""
    only = getattr(thing, "_ddl_if", None)
    return not (isinstance(thing, Table) and is_month(thing)) and (
        only is None or only.dialect == connection.dialect.name
    )


def differences(connection: Connection) -> Any:
    """Give what is different between a database and the tables."""
    opts = {"include_object": lambda thing, *_: is_of(connection, thing), "compare_server_default": True}
    return compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)


def test_an_upgrade_from_nothing_gives_exactly_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plants.db"
    before, after = migrate(path)
    assert (before, after is not None) == (None, True)
    engine = sqlite_engine(path)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


def test_so_it_does_on_postgresql(postgres: Postgres) -> None:
    url = postgres.make_database()
    before, after = migrate_postgres(url)
    assert (before, after) == (None, known_revisions()[-1])
    assert migrate_postgres(url) == (after, after)
    engine = postgres_engine(url)
    with engine.connect() as connection:
        assert differences(connection) == []
        found = {
            (name, " ".join(sql.split()))
            for name, sql in raw(connection).execute("SELECT indexname, indexdef FROM pg_indexes")
        }
    engine.dispose()
    made = postgres.make_database()
    engine = postgres_engine(made)
    metadata.create_all(engine)
    with engine.connect() as connection:
        expected = set(raw(connection).execute("SELECT indexname, indexdef FROM pg_indexes").fetchall())
    engine.dispose()
    assert {row for row in found if not row[0].startswith("alembic")} == expected
    assert {name for name, _ in expected} >= {"uq_commands_live", "uq_alerts_open", "uq_batches_device_number_batch_id"}


def test_of_many_processes_that_start_at_once_one_migrates(postgres: Postgres) -> None:
    url = postgres.make_database()
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(lambda _: migrate_postgres(url), range(6)))
    head = known_revisions()[-1]
    assert [after for _, after in outcomes] == [head] * 6
    assert sum(before is None for before, _ in outcomes) == 1


def test_an_upgrade_of_large_tables_may_take_its_time(postgres: Postgres) -> None:
    """A limit would end it, and the next attempt, and every process that waits for it."""
    url = postgres.make_database()
    name = url.rsplit("/", 1)[1]
    postgres.execute(name, "CREATE TABLE limits_met (value text)")
    postgres.execute(
        name,
        """CREATE FUNCTION note_limits() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO limits_met VALUES (current_setting('statement_timeout')), (current_setting('lock_timeout'));
        END $$""",
    )
    postgres.execute(name, "CREATE EVENT TRIGGER at_ddl ON ddl_command_start EXECUTE FUNCTION note_limits()")
    migrate_postgres(url)
    assert postgres.execute(name, "SELECT DISTINCT value FROM limits_met") == [("0",)]


def test_a_postgresql_database_of_a_newer_version_is_left_alone(postgres: Postgres) -> None:
    url = postgres.make_database()
    migrate_postgres(url)
    postgres.execute(url.rsplit("/", 1)[1], "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseTooNew, match="9999"):
        migrate_postgres(url)


@pytest.mark.parametrize(
    "address", ["postgresql://plant:hunter2@127.0.0.1:1/plants", "postgresql://u:hunter2@h:port/x"]
)
def test_a_server_that_is_not_there_is_told_without_the_password(address: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        migrate_postgres(address)
    assert "hunter2" not in str(caught.value)


_SOME = {int: 1, str: "x", bytes: b"\1" * 32, bool: False, float: 1.5}


def fill(connection: Connection) -> dict[str, int]:
    """Put a row into every table that is there, and give how many that makes."""
    there = MetaData()
    there.reflect(connection)
    for table in there.sorted_tables:
        if table.name != "alembic_version" and not is_month(table):
            if is_in_months(connection, table.name):
                months.make(raw(connection), table.name, [_SOME[int]])
            row = {column.name: _SOME[column.type.python_type] for column in table.columns}
            connection.execute(insert(table).values(row))
    return counts(connection)


def is_in_months(connection: Connection, name: str) -> bool:
    """Tell whether a table has a partition for each month."""
    if connection.dialect.name == "sqlite":
        return False
    kind = raw(connection).execute("SELECT relkind::text FROM pg_class WHERE relname = ?", (name,)).fetchone()
    return bool(kind == ("p",))


def counts(connection: Connection) -> dict[str, int]:
    there = MetaData()
    there.reflect(connection)
    return {
        name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for name, table in there.tables.items()
        if not is_month(table)
    }


@pytest.mark.parametrize("revision", known_revisions()[:-1])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_from_every_earlier_revision_nothing_is_lost(
    kind: str, revision: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "plants.db"
    url = "" if kind == "sqlite" else request.getfixturevalue("postgres").make_database()
    engine = sqlite_engine(path) if kind == "sqlite" else postgres_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        command.upgrade(alembic_config(connection), revision)
        connection.exec_driver_sql("COMMIT")
        before = fill(connection)
    upgraded = migrate(path) if kind == "sqlite" else migrate_postgres(url)
    assert upgraded == (revision, known_revisions()[-1])
    with engine.connect() as connection:
        assert counts(connection).items() >= before.items()
        assert differences(connection) == []
        if revision < "0003":
            # Nodes stay signed in: the tag is that of the secret that they have.
            tags = raw(connection).execute("SELECT secret_tag FROM refresh_tokens").fetchall()
            assert tags == [("01" * 6,)]
        if "0004" <= revision < "0013":
            # Who was told in English goes on so.
            languages = raw(connection).execute("SELECT language FROM notification_targets").fetchall()
            assert languages == [("en",)]
    engine.dispose()


def test_each_reading_comes_into_its_month(postgres: Postgres) -> None:
    url = postgres.make_database()
    engine = postgres_engine(url)
    months = {"1969_12": -1, "1970_01": 0, "2026_02": 1_772_323_199_999, "2026_03": 1_772_323_200_000}
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        command.upgrade(alembic_config(connection), "0009")
        for table, more in (("readings", "1.5, true"), ("rollups_5min", "1, 2, 3, 4, 5, 6")):
            for ts in months.values():
                connection.exec_driver_sql(f"INSERT INTO {table} VALUES (7, {ts}, {more})")
        connection.exec_driver_sql("COMMIT")
    migrate_postgres(url)
    with engine.connect() as connection:
        for table in ("readings", "rollups_5min"):
            for month, ts in months.items():
                assert raw(connection).execute(f"SELECT ts FROM {table}_{month}").fetchall() == [(ts,)]
        connection.exec_driver_sql("BEGIN")
        command.downgrade(alembic_config(connection), "0009")
        connection.exec_driver_sql("COMMIT")
        assert raw(connection).execute("SELECT ts FROM readings ORDER BY ts").fetchall() == [
            (ts,) for ts in months.values()
        ]
    engine.dispose()
    migrate_postgres(url)


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
