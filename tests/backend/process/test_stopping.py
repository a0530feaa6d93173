"""A stop: soon, whoever is listening, and nothing is lost by it."""

import signal

import pytest

from tests.live_backend import Backend, Node, Person, expect

pytestmark = pytest.mark.slow


@pytest.fixture
def node(backend: Backend, ada: Person) -> Node:
    """Give a new device, on a backend that runs."""
    if not backend.is_running:
        backend.start()
    made = ada.add_device()
    made.wait_for_first_look()
    return made


TOO_LATE = "timeout graceful shutdown exceeded"
"""What uvicorn says after 5 s in which somebody would not end; a busy machine alone may take long too."""


def test_sigterm_ends_it_at_once_with_a_stream_and_a_poll_open(node: Node, ada: Person, backend: Backend) -> None:
    with ada.listen() as stream, node.long_poll(wait=25) as poll:
        stream.take(2)
        backend.stop()
        assert poll.result(timeout=15).status_code == 204
        assert list(stream) == []

    assert backend.process is not None
    assert backend.process.returncode == 0
    assert "Traceback" not in backend.log()
    assert TOO_LATE not in backend.log()
    assert backend.log_events()[-1]["event"] == "stopped"


def test_ctrl_c_ends_it_as_well(node: Node, backend: Backend) -> None:
    assert backend.process is not None
    backend.process.send_signal(signal.SIGINT)

    assert backend.process.wait(45) == 0
    assert "Traceback" not in backend.log()
    assert TOO_LATE not in backend.log()


def test_what_was_acknowledged_is_there_after_a_kill(node: Node, ada: Person, backend: Backend) -> None:
    expect(200, ada.request("PUT", f"{node.path}/automation", json={"mode": "shadow"}))
    for value in range(20):
        node.send(soil=value + 40)
    latest = ada.get(node.path)["sensors"][0]["latest"]
    backend.kill()
    backend.start()

    history = ada.get(f"{node.path}/readings", sensor="soil")["readings"]
    assert [reading["value"] for reading in history] == [value + 40 for value in range(20)]
    assert ada.get(node.path)["sensors"][0]["latest"] == latest
    assert ada.get(f"{node.path}/automation")["mode"] == "shadow"


def test_a_batch_repeated_after_a_kill_is_known(node: Node, backend: Backend) -> None:
    readings = [{"sensor": "soil", "value": 40, "age_ms": 0}]
    expect(202, node.try_send(readings, "b-1"))
    backend.kill()
    backend.start()

    assert expect(202, node.try_send(readings, "b-1")) == {"accepted": 1, "duplicate": True}


def test_a_command_survives_a_kill_and_is_delivered_once_more(node: Node, ada: Person, backend: Backend) -> None:
    node.send(tank=80)
    dose = {"actuator": "pump", "action": "on", "duration_ms": 5_000}
    expect(201, ada.request("POST", f"{node.path}/commands", json=dose))
    (before,) = node.poll(after=0)
    backend.kill()
    backend.start()
    (after,) = node.poll(after=0)

    assert (after["id"], after["seq"]) == (before["id"], before["seq"])
    assert after["ttl_ms"] < before["ttl_ms"]
    backend.kill()
    backend.start()
    assert node.ack(after, "succeeded", 5_000) == "succeeded"
    assert node.poll(after=0) == []
