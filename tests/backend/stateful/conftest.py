"""One empty database for all: each test copies it, or has an empty one on a server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.stateful.bench import Backend, an_empty_database


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return an_empty_database(tmp_path_factory.mktemp("empty"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Path | str:
    """Give what `bench.Backend` begins with, of either kind."""
    found: Path | str = request.getfixturevalue("empty" if request.param == "sqlite" else "postgres_url")
    return found


@pytest.fixture
async def backend(tmp_path: Path, database: Path | str) -> AsyncIterator[Backend]:
    backend = Backend(tmp_path)
    await backend.begin(database)
    yield backend
    await backend.end()
