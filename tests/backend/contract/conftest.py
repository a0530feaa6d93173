"""The contract: on PostgreSQL and Redis, with several processes, everything means what it means on SQLite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.contract.fleet import Installation, at
from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.live_backend import Backend, Node, Person
from tests.servers import Postgres, Redis


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, redis_server: Redis
) -> Iterator[Installation]:
    """Give two servers without workers, and two workers."""
    folder = tmp_path_factory.mktemp("installation")
    with Installation(folder, postgres.make_database(), redis_server.url) as running:
        yield running
        for process in (running.a, running.b, *running.workers):
            assert_no_secret_was_logged(process)


@pytest.fixture(scope="session")
def backend(installation: Installation) -> Backend:
    """Give the server that the tests of the API speak to, as they do to one on SQLite."""
    return installation.a


@pytest.fixture(scope="session")
def ada(backend: Backend) -> Person:
    return backend.add_person("ada")


@pytest.fixture(scope="session")
def eve(backend: Backend) -> Person:
    return backend.add_person("eve")


@pytest.fixture(scope="session")
def ada_at_b(ada: Person, installation: Installation) -> Person:
    return at(installation.b, ada)


@pytest.fixture
def node(ada: Person) -> Node:
    return ada.add_device()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
