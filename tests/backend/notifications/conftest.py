"""A backend that may notify this machine, and somebody who wants to be told."""

from collections.abc import Iterator

import pytest

from tests.backend.documented import assert_documented
from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.live_backend import Backend, Node, Person
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


_people = iter(range(1000))


@pytest.fixture
def ada(backend: Backend) -> Person:
    """Give an owner of her own to each test: what one may do in a minute is limited."""
    return backend.add_person(f"ada{next(_people)}")


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
