"""One empty database for all: each test copies it."""

from pathlib import Path

import pytest

from tests.backend.stateful.bench import an_empty_database


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return an_empty_database(tmp_path_factory.mktemp("empty"))
