"""How a command reaches its node: quickly, at most once, and never after its time."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, Node, Person, eventually, expect


def test_a_waiting_poll_gets_a_command_long_before_its_wait_is_over(node: Node, ada: Person) -> None:
    began_at = time.monotonic()
    with node.long_poll(after=0, wait=20) as poll:
        asked_at = time.monotonic()
        made = _lamp(node, ada)
        answer = expect(200, poll.result(timeout=18))
        answered_at = time.monotonic()

    assert answered_at - asked_at < 15
    commands = answer["commands"]
    assert [command["id"] for command in commands] == [made["id"]]
    assert commands[0] == {
        "id": made["id"],
        "seq": 1,
        "actuator": "lamp",
        "action": "on",
        "duration_ms": None,
        "ttl_ms": commands[0]["ttl_ms"],
    }
    assert 100_000 < commands[0]["ttl_ms"] <= 120_000
    # No longer than the poll was under way, so that a node may take the rest for the answer's way.
    assert 0 <= answer["held_ms"] <= (answered_at - began_at) * 1000


def test_a_poll_that_hears_nothing_ends_when_its_wait_does(node: Node) -> None:
    began = time.monotonic()
    answer = node.try_poll(wait=0.3)

    assert answer.status_code == 204
    assert answer.content == b""
    assert time.monotonic() - began >= 0.29


def test_with_after_a_command_is_repeated_until_it_is_acknowledged(node: Node, ada: Person) -> None:
    """The answer may be lost on the way: that does not lose the command."""
    made = _lamp(node, ada)
    for _ in range(3):
        assert [command["id"] for command in node.poll(after=0)] == [made["id"]]
    assert _state(node, ada, made) == "delivered"

    assert node.poll(after=1) == []
    node.ack(made, "accepted")
    assert node.poll(after=0) == []
    node.ack(made, "succeeded", 0)
    assert node.poll(after=0) == []


def test_without_after_a_command_is_delivered_once(node: Node, ada: Person) -> None:
    made = _lamp(node, ada)

    assert [command["id"] for command in node.poll()] == [made["id"]]
    assert node.poll() == []


def test_seq_grows_by_one_for_each_command_of_a_device(node: Node, ada: Person) -> None:
    other = ada.add_device()
    _lamp(other, ada)
    made = []
    for action in ("on", "off", "off"):
        made.append(_lamp(node, ada, action))
        node.poll(after=0)

    assert [command["seq"] for command in made] == [1, 2, 3]
    assert [command["seq"] for command in node.poll(after=0)] == [2, 3], "an `on` is not repeated after its `off`"
    assert [command["seq"] for command in other.poll(after=0)] == [1]


def test_a_poll_brings_eight_commands_at_most_in_order(node: Node, ada: Person) -> None:
    for _ in range(10):
        _lamp(node, ada, "off")
    # An `off` cancels what still waits; one that was delivered stays.
    assert len(node.poll(after=0)) == 1
    for seq in range(11, 20):
        _lamp(node, ada, "off")
        assert node.poll(after=seq - 1)[0]["seq"] == seq

    waiting = node.poll(after=0)
    assert [command["seq"] for command in waiting] == list(range(10, 18))
    for command in waiting:
        node.ack(command, "succeeded", 0)
    assert [command["seq"] for command in node.poll(after=0)] == [18, 19]


def test_a_newer_poll_ends_the_older_one_at_once(node: Node) -> None:
    with node.long_poll(wait=20) as older:
        assert node.poll() == []
        ended_at = time.monotonic()
        assert older.result(timeout=18).status_code == 204

    assert time.monotonic() - ended_at < 15


@pytest.mark.parametrize("end", ["sign in", "new secret", "deletion"])
def test_a_poll_ends_when_the_sign_in_does(node: Node, ada: Person, end: str) -> None:
    ends: dict[str, Callable[[], Any]] = {
        "sign in": node.sign_in,
        "new secret": lambda: ada.request("POST", f"{node.path}/secret"),
        "deletion": lambda: ada.request("DELETE", node.path),
    }
    with node.long_poll(wait=20) as poll:
        ends[end]()
        ended_at = time.monotonic()
        assert poll.result(timeout=18).status_code == 204

    assert time.monotonic() - ended_at < 15


def test_one_node_s_poll_does_not_hear_of_another_one_s_commands(node: Node, ada: Person) -> None:
    other = ada.add_device()
    with node.long_poll(wait=1) as poll:
        _lamp(other, ada)
        assert poll.result(timeout=45).status_code == 204
    assert len(other.poll(after=0)) == 1


def test_ten_waiting_nodes_each_get_their_own_command(ada: Person) -> None:
    nodes = [ada.add_device() for _ in range(10)]
    with ExitStack() as stack:
        polls = [stack.enter_context(node.long_poll()) for node in nodes]
        made = [_lamp(node, ada)["id"] for node in reversed(nodes)][::-1]
        heard = [expect(200, poll.result(timeout=18))["commands"] for poll in polls]

    assert [[command["id"] for command in commands] for commands in heard] == [[command_id] for command_id in made]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("wait=26", "wait"),
        ("wait=-1", "wait"),
        ("wait=nan", "wait"),
        ("wait=inf", "wait"),
        ("wait=x", "wait"),
        ("after=-1", "after"),
        ("after=1.5", "after"),
        ("after=99999999999999999999", "after"),
    ],
)
def test_a_poll_that_makes_no_sense_names_the_field(node: Node, query: str, field: str) -> None:
    refused(node.request("GET", f"/commands?{query}"), 422, "invalid_input", field)


def test_a_command_that_nobody_fetches_expires_and_counts_for_nothing(fast_node: Node, fast_ada: Person) -> None:
    # Else it would be taken back as soon as the reservoir's level is old.
    expect(200, fast_ada.request("PUT", f"{fast_node.path}/automation", json={"stale_after_s": 3_600}))
    fast_node.send(tank=80)
    made = _pump(fast_node, fast_ada)
    # Not polled: a poll would fetch it.
    gone = eventually(lambda: _command(fast_node, fast_ada, made, "expired"))

    assert gone["counted_ms"] == 0
    assert datetime.fromisoformat(gone["finished_at"]) >= datetime.fromisoformat(gone["expires_at"])
    assert fast_node.poll(after=0) == []
    assert _alerts_of_the_pump(fast_node, fast_ada) == []


def test_a_command_s_ttl_shrinks_and_it_is_never_handed_out_after_it(fast_node: Node, fast_ada: Person) -> None:
    with fast_node.long_poll() as poll:
        _lamp(fast_node, fast_ada)
        (first,) = expect(200, poll.result(timeout=45))["commands"]
    left_ms = [first["ttl_ms"]]
    deadline = time.monotonic() + 60
    while commands := fast_node.poll(after=0):
        left_ms.append(commands[0]["ttl_ms"])
        assert time.monotonic() < deadline

    assert left_ms == sorted(left_ms, reverse=True)
    assert left_ms[-1] > 0


def test_a_node_hears_at_its_sign_in_what_its_pumps_may_have_run(node: Node, ada: Person) -> None:
    """It may have lost what it wrote down itself."""
    assert node.sign_in()["pumps"] == [{"key": "pump", "used_ms": 0}]
    node.send(tank=80)
    _pump(node, ada)
    # What is under way counts in full.
    assert node.sign_in()["pumps"] == [{"key": "pump", "used_ms": 5_000}]
    (command,) = node.poll(after=0)
    node.ack(command, "succeeded", 3_000)
    assert node.sign_in()["pumps"] == [{"key": "pump", "used_ms": 3_000}]
    assert "pumps" not in node.refresh()


def test_a_delivered_command_without_an_outcome_counts_as_watered_and_is_told(
    fast_node: Node, fast_ada: Person
) -> None:
    """Maybe it ran: then the plant has had its water, and a person should look."""
    fast_node.send(tank=80)
    # Its life is ten seconds: the poll is there before it.
    with fast_node.long_poll() as poll:
        made = _pump(fast_node, fast_ada)
        expect(200, poll.result(timeout=45))
    lost = eventually(lambda: _command(fast_node, fast_ada, made, "timed_out"))

    assert lost["counted_ms"] == 5_000
    (alert,) = _alerts_of_the_pump(fast_node, fast_ada)
    assert (alert["kind"], alert["severity"]) == ("command_timed_out", "critical")
    fast_node.send(tank=80)
    refused(_try_pump(fast_node, fast_ada), 409, "cooling_down")


def _lamp(node: Node, person: Person, action: str = "on") -> JSON:
    body = {"actuator": "lamp", "action": action}
    made: JSON = expect(201, person.request("POST", f"{node.path}/commands", json=body))
    return made


def _try_pump(node: Node, person: Person) -> Any:
    body = {"actuator": "pump", "action": "on", "duration_ms": 5_000}
    return person.request("POST", f"{node.path}/commands", json=body)


def _pump(node: Node, person: Person) -> JSON:
    made: JSON = expect(201, _try_pump(node, person))
    return made


def _command(node: Node, person: Person, made: JSON, state: str) -> JSON | None:
    commands: list[JSON] = person.get(f"{node.path}/commands")["commands"]
    return next((found for found in commands if found["id"] == made["id"] and found["state"] == state), None)


def _alerts_of_the_pump(node: Node, person: Person) -> list[JSON]:
    """Give what is told of it. In fast motion probes soon count as silent too."""
    return [alert for alert in person.get("/alerts", device_id=node.device_id) if alert["channel"] == "pump"]


def _state(node: Node, person: Person, made: JSON) -> str:
    commands: list[JSON] = person.get(f"{node.path}/commands")["commands"]
    return str(next(found["state"] for found in commands if found["id"] == made["id"]))
