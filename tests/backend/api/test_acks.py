"""What a node says became of its commands: recorded as fact, once, and never contradicted."""

import httpx
import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, Node, Person, an_ack, eventually, expect

OUTCOMES = ("succeeded", "failed", "rejected", "expired", "interrupted")


@pytest.fixture
def dose(node: Node, ada: Person) -> JSON:
    """Give a dose that the node has fetched."""
    node.send(tank=80)
    expect(201, _ask(node, ada))
    (command,) = node.poll(after=0)
    return command


@pytest.mark.parametrize("is_accepted_first", [True, False])
@pytest.mark.parametrize(
    ("status", "ran_ms", "counted_ms"),
    [
        ("succeeded", 4_000, 4_000),
        ("failed", 1_000, 1_000),
        ("failed", None, 5_000),
        ("rejected", 0, 0),
        ("expired", 0, 0),
        ("interrupted", 2_000, 2_000),
        ("interrupted", None, 5_000),
    ],
)
def test_an_outcome_is_recorded_with_what_ran(
    node: Node, ada: Person, dose: JSON, status: str, ran_ms: int | None, counted_ms: int, *, is_accepted_first: bool
) -> None:
    """What is unknown counts in full: nobody can take water back."""
    if is_accepted_first:
        assert node.ack(dose, "accepted") == "accepted"
    assert node.ack(dose, status, ran_ms, "because") == status

    command = _shown(node, ada, dose)
    assert (command["state"], command["ran_ms"], command["counted_ms"]) == (status, ran_ms, counted_ms)
    assert command["reason"] == "because"
    assert command["finished_at"] is not None
    assert (command["accepted_at"] is not None) == is_accepted_first


def test_the_same_outcome_again_changes_nothing(node: Node, ada: Person, dose: JSON) -> None:
    assert node.ack(dose, "succeeded", 5_000) == "succeeded"
    shown = _shown(node, ada, dose)

    assert node.ack(dose, "succeeded", 5_000) == "succeeded"
    assert node.ack(dose, "accepted") == "succeeded"
    assert node.ack(dose, "duplicate") == "succeeded"
    assert _shown(node, ada, dose) == shown


@pytest.mark.parametrize("first", OUTCOMES)
@pytest.mark.parametrize("second", OUTCOMES)
def test_an_outcome_that_contradicts_is_a_conflict_and_changes_nothing(
    node: Node, ada: Person, dose: JSON, first: str, second: str
) -> None:
    node.ack(dose, first, 0)
    shown = _shown(node, ada, dose)
    answer = node.try_ack(an_ack(dose, second, 0))

    if first == second:
        expect(200, answer)
    elif first == "expired":
        # The command had left the backend's hands: what the node says later is kept beside it.
        assert expect(200, answer)["results"] == [{"id": dose["id"], "state": "expired"}]
        assert _shown(node, ada, dose)["late_status"] == second
        return
    else:
        document = refused(answer, 409, "ack_conflict")
        assert document["results"] == [{"id": dose["id"], "state": first}]
    assert _shown(node, ada, dose) == shown


def test_a_duplicate_whose_outcome_is_unknown_maybe_ran(node: Node, ada: Person, dose: JSON) -> None:
    assert node.ack(dose, "duplicate") == "timed_out"

    assert _shown(node, ada, dose)["counted_ms"] == 5_000
    assert [alert["kind"] for alert in ada.get("/alerts", device_id=node.device_id)] == ["command_timed_out"]


def test_each_ack_of_a_request_is_taken_by_itself(node: Node, ada: Person, dose: JSON) -> None:
    node.ack(dose, "succeeded", 5_000)
    lamp = expect(201, ada.request("POST", f"{node.path}/commands", json={"actuator": "lamp", "action": "on"}))
    node.poll(after=1)
    unknown = {"id": 2**53, "seq": 1}

    answer = node.try_ack(an_ack(unknown, "failed"), an_ack(dose, "failed"), an_ack(lamp, "succeeded", 0))
    document = refused(answer, 409, "ack_conflict")
    assert document["results"] == [
        {"id": 2**53, "state": None},
        {"id": dose["id"], "state": "succeeded"},
        {"id": lamp["id"], "state": "succeeded"},
    ]
    assert _shown(node, ada, lamp)["state"] == "succeeded"

    document = refused(node.try_ack(an_ack(unknown, "failed"), an_ack(lamp, "succeeded", 0)), 404, "command_not_found")
    assert document["results"] == [{"id": 2**53, "state": None}, {"id": lamp["id"], "state": "succeeded"}]


def test_the_same_command_twice_in_one_request_is_recorded_once(node: Node, ada: Person, dose: JSON) -> None:
    acks = [an_ack(dose, "accepted"), an_ack(dose, "succeeded", 5_000), an_ack(dose, "succeeded", 5_000)]

    results = expect(200, node.try_ack(*acks))["results"]
    assert [result["state"] for result in results] == ["accepted", "succeeded", "succeeded"]
    assert _shown(node, ada, dose)["state"] == "succeeded"


def test_id_and_seq_must_belong_together(node: Node, ada: Person, dose: JSON) -> None:
    refused(node.try_ack(an_ack(dose | {"seq": 2}, "succeeded", 5_000)), 404, "command_not_found")

    assert _shown(node, ada, dose)["state"] == "delivered"


def test_a_foreign_command_looks_missing(node: Node, ada: Person, eve: Person, dose: JSON) -> None:
    for other in (ada.add_device(), eve.add_device()):
        foreign = other.try_ack(an_ack(dose, "succeeded", 5_000))
        missing = other.try_ack(an_ack(dose | {"id": 2**53}, "succeeded", 5_000))
        refused(foreign, 404, "command_not_found")
        assert foreign.text.replace(f'"id": {dose["id"]}', "?") == missing.text.replace(f'"id": {2**53}', "?")
    assert _shown(node, ada, dose)["state"] == "delivered"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "1"}, "acks[0].id"),
        ({"id": 0}, "acks[0].id"),
        ({"id": 2**60}, "acks[0].id"),
        ({"seq": None}, "acks[0].seq"),
        ({"status": "done"}, "acks[0].status"),
        ({"status": None}, "acks[0].status"),
        ({"ran_ms": -1}, "acks[0].ran_ms"),
        ({"ran_ms": 1.5}, "acks[0].ran_ms"),
        ({"ran_ms": 10**12}, "acks[0].ran_ms"),
        ({"reason": 7}, "acks[0].reason"),
        ({"reason": "x" * 201}, "acks[0].reason"),
        ({"note": "x"}, "acks[0].note"),
    ],
)
def test_an_ack_that_makes_no_sense_names_the_field_and_records_nothing(
    node: Node, ada: Person, dose: JSON, change: JSON, field: str
) -> None:
    answer = node.try_ack(an_ack(dose, "succeeded", 5_000) | change, an_ack(dose, "succeeded", 5_000))

    refused(answer, 422, "invalid_input", field)
    assert _shown(node, ada, dose)["state"] == "delivered"


def test_a_request_holds_one_to_fifty_acks(node: Node, dose: JSON) -> None:
    refused(node.try_ack(), 422, "invalid_input", "acks")
    refused(node.try_ack(*[an_ack(dose, "accepted")] * 51), 422, "invalid_input", "acks")
    assert len(expect(200, node.try_ack(*[an_ack(dose, "accepted")] * 50))["results"]) == 50


def test_an_outcome_that_comes_too_late_is_kept_beside_the_state(fast_node: Node, fast_ada: Person) -> None:
    fast_node.send(tank=80)
    # Its life is ten seconds: the poll is there before it.
    with fast_node.long_poll() as poll:
        expect(201, _ask(fast_node, fast_ada))
        (dose,) = expect(200, poll.result(timeout=45))["commands"]
    eventually(lambda: _shown(fast_node, fast_ada, dose)["state"] == "timed_out")

    assert fast_node.ack(dose, "succeeded", 3_000) == "timed_out"
    late = _shown(fast_node, fast_ada, dose)
    assert (late["state"], late["late_status"], late["ran_ms"]) == ("timed_out", "succeeded", 3_000)
    assert fast_node.ack(dose, "succeeded", 3_000) == "timed_out"
    refused(fast_node.try_ack(an_ack(dose, "failed")), 409, "ack_conflict")


def _ask(node: Node, person: Person) -> httpx.Response:
    body = {"actuator": "pump", "action": "on", "duration_ms": 5_000}
    return person.request("POST", f"{node.path}/commands", json=body)


def _shown(node: Node, person: Person, command: JSON) -> JSON:
    commands: list[JSON] = person.get(f"{node.path}/commands")["commands"]
    return next(shown for shown in commands if shown["id"] == command["id"])
