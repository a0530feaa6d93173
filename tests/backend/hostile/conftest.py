"""A backend for each module that is hostile to one: nobody else is to suffer for it."""

from collections.abc import Iterator

import pytest

from tests.backend.documented import assert_documented
from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.live_backend import Backend, Person


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a running backend, which believes the addresses that the tests claim to come from."""
    settings = {"trusted_proxies": "127.0.0.1", "evaluation_interval_ms": 0}
    with Backend(tmp_path_factory.mktemp("backend"), **settings) as running:
        running.on_answer = assert_documented
        yield running
        assert_no_secret_was_logged(running)


@pytest.fixture(scope="module")
def ada(backend: Backend) -> Person:
    """Give an owner."""
    return backend.add_person("ada")
