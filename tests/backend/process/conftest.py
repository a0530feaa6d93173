"""A backend of its own for each module that ends or starves one."""

from collections.abc import Iterator

import pytest

from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.live_backend import Backend, Person


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a running backend. A test that ends it starts it again."""
    with Backend(tmp_path_factory.mktemp("backend"), evaluation_interval_ms=0) as running:
        yield running
        assert_no_secret_was_logged(running)


@pytest.fixture(scope="module")
def ada(backend: Backend) -> Person:
    """Give somebody who may sign in."""
    return backend.add_person("ada")
