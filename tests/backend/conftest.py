"""One PostgreSQL and one Redis for all tests of the backend, each started when the first test asks for it."""

from collections.abc import Iterator

import pytest

from tests.servers import Postgres, Redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_databases(postgres: Postgres) -> list[str]:
    """Give the databases that lie ready: of this version, and empty."""
    return []


@pytest.fixture
def postgres_url(postgres: Postgres, postgres_databases: list[str]) -> Iterator[str]:
    """Give the address of a database of this version, without anybody in it."""
    from plant_backend.storage.migrate import migrate_postgres
    from plant_backend.storage.tables import metadata

    if not postgres_databases:
        postgres_databases.append(postgres.make_database())
        migrate_postgres(postgres_databases[0])
    url = postgres_databases.pop()
    yield url
    # To empty one takes less time than to make one.
    name, tables = url.rsplit("/", 1)[1], ", ".join(table.name for table in metadata.sorted_tables)
    postgres.execute(name, f"TRUNCATE {tables} RESTART IDENTITY")
    months = postgres.execute(
        name,
        "SELECT inhrelid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = inhparent WHERE c.relkind = 'p'",
    )
    if months:
        postgres.execute(name, f"DROP TABLE {', '.join(month for (month,) in months)}")
    postgres_databases.append(url)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with Redis() as server:
        yield server
