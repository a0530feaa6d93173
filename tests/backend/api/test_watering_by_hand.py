"""A person passes the same guards as the rules do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, Node, Person, expect


def test_a_dose_is_queued_with_all_that_is_known_of_it(node: Node, ada: Person) -> None:
    node.send(tank=80)
    command = expect(201, _ask(node, ada))

    assert command["device_id"] == node.device_id
    assert (command["state"], command["origin"], command["requested_by"]) == ("queued", "person", "ada")
    assert (command["duration_ms"], command["counted_ms"], command["is_forced"]) == (5_000, 5_000, False)
    assert ada.get(f"{node.path}/commands") == {"commands": [command], "next_before": None}


def test_while_one_run_is_under_way_there_is_no_other(node: Node, ada: Person) -> None:
    node.send(tank=80)
    expect(201, _ask(node, ada))

    refused(_ask(node, ada), 409, "pump_busy")
    refused(_ask(node, ada, force=True), 409, "pump_busy")
    (command,) = node.poll(after=0)
    node.ack(command, "accepted")
    refused(_ask(node, ada, force=True), 409, "pump_busy")


def test_the_cooldown_holds_until_the_time_it_names(node: Node, ada: Person) -> None:
    _water(node, ada, 5_000)
    shown = ada.get(f"{node.path}/commands")["commands"][0]
    document = refused(_ask(node, ada), 409, "cooling_down")

    until = datetime.fromisoformat(document["until"])
    assert until - datetime.fromisoformat(shown["created_at"]) >= timedelta(hours=1)
    assert until - datetime.fromisoformat(shown["finished_at"]) <= timedelta(hours=1, seconds=1)


def test_force_skips_the_cooldown_and_nothing_else(node: Node, ada: Person) -> None:
    _profile(node, ada, daily_cap_ms=12_000)
    _water(node, ada, 5_000)
    assert expect(201, _ask(node, ada, force=True))["is_forced"] is True
    node.ack(node.poll(after=1)[0], "succeeded", 5_000)

    refused(_ask(node, ada, force=True), 409, "daily_cap_reached")
    refused(_ask(node, ada, duration_ms=30_001, force=True), 409, "pump_limit")
    node.send(tank=5)
    refused(_ask(node, ada, duration_ms=1_000, force=True), 409, "reservoir_low")
    node.send(tank=80)
    expect(201, _ask(node, ada, duration_ms=2_000, force=True))


def test_a_run_that_was_refused_by_the_node_costs_nothing(node: Node, ada: Person) -> None:
    node.send(tank=80)
    expect(201, _ask(node, ada))
    node.ack(node.poll(after=0)[0], "rejected", 0, "min_off")

    expect(201, _ask(node, ada))


def test_a_reservoir_that_is_low_or_cannot_be_read_refuses(node: Node, ada: Person) -> None:
    refused(_ask(node, ada), 409, "reservoir_unknown")
    node.send(tank=80, age_ms=16 * 60_000)
    refused(_ask(node, ada), 409, "reservoir_unknown")
    node.send(tank=101, age_ms=2_000)
    refused(_ask(node, ada), 409, "reservoir_unknown")
    node.send(tank=9, age_ms=1_000)
    refused(_ask(node, ada), 409, "reservoir_low")
    assert ada.get(f"{node.path}/commands")["commands"] == []


def test_a_device_without_a_reservoir_sensor_has_nothing_to_refuse_on(ada: Person) -> None:
    pump = {"key": "pump", "kind": "pump"}
    node = ada.add_device(manifest={"firmware": "plant-node", "version": "1", "actuators": [pump]})

    expect(201, _ask(node, ada))


def test_the_node_s_own_limits_hold_before_anything_is_sent(node: Node, ada: Person) -> None:
    node.send(tank=80)
    refused(_ask(node, ada, duration_ms=30_001), 409, "pump_limit")
    expect(201, _ask(node, ada, duration_ms=30_000))


def test_of_fifty_people_who_ask_at_once_one_gets_the_pump(node: Node, ada: Person) -> None:
    node.send(tank=80)
    with ThreadPoolExecutor(25) as threads:
        answers = list(threads.map(lambda _: _ask(node, ada), range(50)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    assert len(ada.get(f"{node.path}/commands")["commands"]) == 1


def test_off_always_passes_and_cancels_what_waits(node: Node, ada: Person) -> None:
    node.send(tank=80)
    dose = expect(201, _ask(node, ada))
    off = expect(201, _ask(node, ada, action="off", duration_ms=None))

    assert [command["id"] for command in node.poll(after=0)] == [off["id"]]
    shown = {command["id"]: command for command in ada.get(f"{node.path}/commands")["commands"]}
    assert (shown[dose["id"]]["state"], shown[dose["id"]]["counted_ms"]) == ("cancelled", 0)
    # What never ran is no run: the next dose needs no waiting.
    node.ack(off, "succeeded", 0)
    expect(201, _ask(node, ada))


def test_off_reaches_a_pump_that_runs_is_empty_or_has_had_its_day(node: Node, ada: Person) -> None:
    _profile(node, ada, daily_cap_ms=5_000)
    node.send(tank=80)
    expect(201, _ask(node, ada))
    (dose,) = node.poll(after=0)
    node.ack(dose, "accepted")
    node.send(tank=0)
    off = expect(201, _ask(node, ada, action="off", duration_ms=None))

    assert [command["id"] for command in node.poll(after=dose["seq"])] == [off["id"]]
    node.ack(dose, "interrupted", 1_000)
    for _ in range(3):
        expect(201, _ask(node, ada, action="off", duration_ms=None))


def test_a_lamp_needs_no_end_and_has_no_cooldown(node: Node, ada: Person) -> None:
    for action, duration_ms in (("on", None), ("off", None), ("on", 3_600_000)):
        command = expect(201, _ask(node, ada, actuator="lamp", action=action, duration_ms=duration_ms))
        node.poll(after=0)
        node.ack(command, "succeeded", 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"duration_ms": None}, "duration_ms"),
        ({"duration_ms": 0}, "duration_ms"),
        ({"duration_ms": -5_000}, "duration_ms"),
        ({"duration_ms": 24 * 3600 * 1000 + 1}, "duration_ms"),
        ({"duration_ms": 10**30}, "duration_ms"),
        ({"duration_ms": 1.5}, "duration_ms"),
        ({"duration_ms": "5000"}, "duration_ms"),
        ({"action": "off"}, "duration_ms"),
        ({"action": "toggle"}, "action"),
        ({"action": None}, "action"),
        ({"actuator": "heater"}, "actuator"),
        ({"actuator": "../pump"}, "actuator"),
        ({"actuator": "tank"}, "actuator"),
        ({"force": "yes"}, "force"),
        ({"force": 1}, "force"),
        ({"priority": 1}, "priority"),
    ],
)
def test_a_command_that_makes_no_sense_names_the_field(node: Node, ada: Person, change: JSON, field: str) -> None:
    node.send(tank=80)

    refused(_ask(node, ada, **change), 422, "invalid_input", field)
    assert ada.get(f"{node.path}/commands")["commands"] == []


def test_the_list_of_commands_comes_in_pages(node: Node, ada: Person) -> None:
    made = [expect(201, _ask(node, ada, actuator="lamp", action="off", duration_ms=None))["id"] for _ in range(5)]
    first = ada.get(f"{node.path}/commands", limit=3)
    second = ada.get(f"{node.path}/commands", limit=3, before=first["next_before"])

    assert [command["id"] for command in first["commands"] + second["commands"]] == made[::-1]
    assert second["next_before"] is None


def _ask(node: Node, person: Person, **change: Any) -> httpx.Response:
    body: JSON = {"actuator": "pump", "action": "on", "duration_ms": 5_000} | change
    return person.request("POST", f"{node.path}/commands", json=body)


def _water(node: Node, person: Person, ran_ms: int) -> None:
    node.send(tank=80)
    expect(201, _ask(node, person))
    node.ack(node.poll(after=0)[0], "succeeded", ran_ms)


def _profile(node: Node, person: Person, **profile: Any) -> None:
    expect(200, person.request("PUT", f"{node.path}/automation", json=profile))
