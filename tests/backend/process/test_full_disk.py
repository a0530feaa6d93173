"""A full disk: a 503 that says when to come back, nothing half-written, and all well when there is room again."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import Backend, Node, Person, eventually, expect

pytestmark = pytest.mark.slow

READINGS = [{"sensor": "soil", "value": 40 + place / 100, "age_ms": place} for place in range(100)]


@pytest.fixture
def node(ada: Person) -> Node:
    """Give a new device."""
    return ada.add_device()


def test_a_full_disk_refuses_with_retry_after_and_loses_nothing(node: Node, ada: Person, backend: Backend) -> None:
    expect(202, node.try_send(READINGS, "before"))
    with _full_disk(backend):
        answers = [node.try_send(READINGS, f"during-{number}") for number in range(5)]
        for answer in answers:
            refused(answer, 503, "busy")
            assert int(answer.headers["retry-after"]) > 0
        for method, path, body in (
            ("POST", "/devices", {"name": "One more"}),
            ("PUT", f"{node.path}/automation", {"mode": "on"}),
            ("POST", f"{node.path}/commands", {"actuator": "lamp", "action": "on"}),
            ("POST", f"{node.path}/secret", None),
            ("POST", "/tokens", {"name": "One more"}),
        ):
            answer = ada.request(method, path, json=body)
            refused(answer, 503, "busy")
            assert int(answer.headers["retry-after"]) > 0
        refused(node.try_sign_in(), 503, "busy")
        assert expect(200, backend.request("GET", "/healthz")) == {"status": "ok"}
        assert len(ada.get(f"{node.path}/readings", sensor="soil")["readings"]) == 100

    eventually(lambda: backend.request("GET", "/readyz").status_code == 200)
    for number in range(5):
        assert expect(202, node.try_send(READINGS, f"during-{number}")) == {"accepted": 100, "duplicate": False}
    assert ada.get(f"{node.path}/automation")["mode"] == "off"
    assert ada.get(f"{node.path}/commands")["commands"] == []
    assert [device["name"] for device in ada.get("/devices")].count("One more") == 0
    node.sign_in()
    said = [event["event"] for event in backend.log_events()]
    assert "database_not_writable" in said
    assert "database_writable_again" in said
    assert "Traceback" not in backend.log()
    _assert_sound(backend)


def test_a_backend_that_cannot_write_is_not_ready(node: Node, backend: Backend) -> None:
    with _full_disk(backend):
        refused(node.try_send(READINGS, "no-room"), 503, "busy")
        refused(backend.request("GET", "/readyz"), 503, "not_ready")
    eventually(lambda: backend.request("GET", "/readyz").status_code == 200)


def test_a_listener_never_hears_of_what_was_not_stored(node: Node, ada: Person, backend: Backend) -> None:
    with ada.listen() as stream:
        stream.take(2)
        with _full_disk(backend):
            refused(node.try_send(READINGS, "lost"), 503, "busy")
        expect(202, node.try_send(READINGS[:3], "kept"))
        heard = stream.until("readings", device_id=node.device_id)

    batches = [event for event in heard if event.data["device_id"] == node.device_id and event.type == "readings"]
    assert [len(event.data["readings"]) for event in batches] == [3]


def test_a_backend_that_is_killed_with_a_full_disk_starts_again(node: Node, ada: Person, backend: Backend) -> None:
    expect(202, node.try_send(READINGS, "before"))
    with _full_disk(backend):
        refused(node.try_send(READINGS, "during"), 503, "busy")
        backend.kill()
    backend.start()

    assert len(ada.get(f"{node.path}/readings", sensor="soil")["readings"]) == 100
    assert expect(202, node.try_send(READINGS, "before")) == {"accepted": 100, "duplicate": True}
    assert expect(202, node.try_send(READINGS, "during")) == {"accepted": 100, "duplicate": False}
    _assert_sound(backend)


@contextmanager
def _full_disk(backend: Backend) -> Iterator[None]:
    """Let the database grow no more, as on a full disk; then let it grow again. The log, which is shorter, goes on."""
    process = backend.process
    assert process is not None
    size = (backend.data_dir / "plant.db-wal").stat().st_size
    assert size > backend.log_path.stat().st_size + 10_000
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        if process.poll() is None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _assert_sound(backend: Backend) -> None:
    with closing(sqlite3.connect(backend.data_dir / "plant.db", timeout=10)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
