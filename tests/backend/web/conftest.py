"""One backend for all page tests, its owner, a viewer, and browsers for both."""

from collections.abc import Iterator

import pytest

from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.backend.web.visitor import Visitor
from tests.live_backend import PASSWORD, Backend, Node, Person, expect


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a backend that evaluates at once. No page of it fails, and its log holds no secret."""
    with Backend(tmp_path_factory.mktemp("web"), evaluation_interval_ms=0, trusted_proxies="127.0.0.9") as running:
        yield running
        assert_no_secret_was_logged(running)
        assert not [line for line in running.log_events() if line["event"] in ("page_failed", "request_failed")]


@pytest.fixture(scope="session")
def ada(backend: Backend) -> Person:
    """Give the owner of the plants."""
    return backend.add_person("ada")


@pytest.fixture(scope="session")
def vic(ada: Person) -> Person:
    """Give somebody who may look at Ada's plants."""
    expect(201, ada.request("POST", "/viewers", json={"username": "vic", "password": PASSWORD}))
    return ada.backend.sign_in("vic")


@pytest.fixture
def node(ada: Person) -> Iterator[Node]:
    """Give a device of Ada's that has measured something."""
    made = ada.add_device()
    made.send(soil=41.5, tank=60, air=21)
    yield made
    ada.request("DELETE", made.path)


@pytest.fixture(scope="session")
def owner(backend: Backend, ada: Person) -> Iterator[Visitor]:
    """Give Ada's browser."""
    with Visitor(backend) as visitor:
        yield visitor.sign_in("ada")


@pytest.fixture(scope="session")
def viewer(backend: Backend, vic: Person) -> Iterator[Visitor]:
    """Give the viewer's browser."""
    with Visitor(backend) as visitor:
        yield visitor.sign_in("vic")


@pytest.fixture(scope="session")
def other(backend: Backend) -> Iterator[Visitor]:
    """Give the browser of somebody who has no business with Ada's plants."""
    backend.add_person("eve")
    with Visitor(backend) as visitor:
        yield visitor.sign_in("eve")


@pytest.fixture
def stranger(backend: Backend) -> Iterator[Visitor]:
    """Give the browser of somebody who is not signed in."""
    with Visitor(backend) as visitor:
        yield visitor
