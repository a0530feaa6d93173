"""A backend of its own: these tests use up the attempts that it allows."""

from collections.abc import Iterator

import pytest

from tests.backend.documented import assert_documented
from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.live_backend import PASSWORD, Backend, Person, expect


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a backend for one module, which believes the addresses that the tests claim to come from."""
    settings = {"trusted_proxies": "127.0.0.1", "metrics_token": "5fQ2mXv8Zk1LrT0w"}
    with Backend(tmp_path_factory.mktemp("backend"), **settings) as running:
        running.on_answer = assert_documented
        yield running
        assert_no_secret_was_logged(running)


@pytest.fixture(scope="module")
def ada(backend: Backend) -> Person:
    """Give an owner."""
    return backend.add_person("ada")


@pytest.fixture(scope="module")
def eve(backend: Backend) -> Person:
    """Give another owner."""
    return backend.add_person("eve")


@pytest.fixture(scope="module")
def viewer(ada: Person) -> Person:
    """Give somebody who may look at Ada's plants."""
    expect(201, ada.request("POST", "/viewers", json={"username": "vic", "password": PASSWORD}))
    return ada.backend.sign_in("vic")
