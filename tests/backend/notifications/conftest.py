"""A backend that may notify this machine, and somebody who wants to be told."""

from collections.abc import Iterator

import pytest

from tests.backend.documented import assert_documented
from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.live_backend import PASSWORD, Backend, Node, Person, expect
from tests.receivers import Mailbox, Webhook, a_mailbox, a_webhook


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a backend for one module. Whatever the tests make it do, its log holds no secret."""
    settings = {"notification_networks": "127.0.0.1", "evaluation_interval_ms": 0}
    with Backend(tmp_path_factory.mktemp("backend"), **settings) as running:
        running.on_answer = assert_documented
        yield running
        assert_no_secret_was_logged(running)
        assert "-secret" not in running.log()


@pytest.fixture(scope="module")
def owner(backend: Backend) -> Person:
    """Give an owner."""
    return backend.add_person("ada")


@pytest.fixture(scope="module")
def guest(owner: Person) -> Person:
    """Give somebody who may look at Ada's plants."""
    expect(201, owner.request("POST", "/viewers", json={"username": "vic", "password": PASSWORD}))
    return owner.backend.sign_in("vic")


@pytest.fixture(scope="module")
def stranger(backend: Backend) -> Person:
    """Give an owner of other plants."""
    return backend.add_person("eve")


@pytest.fixture
def ada(owner: Person) -> Iterator[Person]:
    """Give the owner, who has no targets and no plants."""
    yield owner
    for target in owner.get("/notifications/targets"):
        assert owner.request("DELETE", f"/notifications/targets/{target['id']}").status_code == 204
    for device in owner.get("/devices"):
        assert owner.request("DELETE", f"/devices/{device['id']}").status_code == 204


@pytest.fixture
def node(ada: Person) -> Node:
    """Give a device of Ada's, signed in."""
    return ada.add_device("Basil")


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """Give a receiver of JSON."""
    with a_webhook() as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Give a mail server."""
    with a_mailbox() as running:
        yield running
