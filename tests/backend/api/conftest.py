"""One backend for all tests here, the people who use it, and a second one whose plants live a hundred times faster."""

import time
from collections.abc import Iterator

import pytest

from tests.backend.documented import assert_documented
from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.live_backend import Backend, Node, Person


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a backend that evaluates at once, and only what there is news of. Its log holds no secret.

    Without sweeps nothing happens between two answers: no second look at a plant that was just watered, and no command
    of an earlier test that times out.
    """
    settings = {"evaluation_interval_ms": 0, "sweep_interval_s": 3_600}
    with Backend(tmp_path_factory.mktemp("backend"), **settings) as running:
        running.on_answer = assert_documented
        yield running
        assert_no_secret_was_logged(running)


@pytest.fixture(scope="session")
def ada(backend: Backend) -> Person:
    """Give the owner of most plants."""
    return backend.add_person("ada")


@pytest.fixture(scope="session")
def eve(backend: Backend) -> Person:
    """Give somebody who has no business with Ada's plants."""
    return backend.add_person("eve")


@pytest.fixture
def node(ada: Person) -> Node:
    """Give a new device of Ada's, signed in."""
    return ada.add_device()


@pytest.fixture(scope="session")
def fast_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a backend on whose clock a minute passes in 0.6 s: for what expires, times out and cools down.

    A command lives for 10 s, in which a busy machine has to fetch it.
    """
    origin_ms = int(time.time() * 1000)
    folder = tmp_path_factory.mktemp("fast")
    settings = {"clock_speed": 100, "clock_origin_ms": origin_ms, "sweep_interval_s": 0.5, "evaluation_interval_ms": 0}
    with Backend(folder, **settings, command_ttl_s=1_000) as running:
        running.on_answer = assert_documented
        yield running
        assert_no_secret_was_logged(running)


@pytest.fixture(scope="session")
def fast_ada(fast_backend: Backend) -> Person:
    """Give the owner of the plants that live faster."""
    return fast_backend.add_person("ada")


@pytest.fixture
def fast_node(fast_ada: Person) -> Node:
    """Give a new device on the fast backend, signed in."""
    return fast_ada.add_device()
