"""What another profile would have done, through the real process: told, compared, and without a trace."""

from typing import Any

import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, PASSWORD, Backend, Node, Person, eventually, expect

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def record(node: Node, hours: int, **values: list[float]) -> None:
    """Give a node a past: values at every fifth minute, repeated, up to now."""
    count = hours * 12
    readings = [
        {"sensor": sensor, "value": given[place % len(given)], "age_ms": (count - 1 - place) * 5 * MINUTE_MS}
        for sensor, given in values.items()
        for place in range(count)
    ]
    for start in range(0, len(readings), 500):
        expect(202, node.try_send(readings[start : start + 500]))


def simulate(node: Node, person: Person, days: int = 1, **profile: Any) -> JSON:
    answer: JSON = expect(
        200, person.request("POST", f"{node.path}/automation/simulate", json={"profile": profile, "days": days})
    )
    return answer


def test_a_higher_minimum_would_have_watered_and_the_answer_says_when_and_why(node: Node, ada: Person) -> None:
    record(node, 30, soil=[33, 33.5], tank=[80])
    as_it_is, higher = simulate(node, ada), simulate(node, ada, soil_moisture_min_percent=35)

    assert (as_it_is["simulated"]["dose_count"], as_it_is["recorded"]["dose_count"]) == (0, 0)
    assert as_it_is["profile"]["mode"] == "on"
    assert higher["profile"]["soil_moisture_min_percent"] == 35
    simulated = higher["simulated"]
    assert simulated["dose_count"] == len(simulated["doses"]) > 0
    assert simulated["duration_ms"] == 5_000 * simulated["dose_count"] <= 60_000
    assert {dose["reason"]["code"] for dose in simulated["doses"]} == {"dry"}
    assert {refusal["code"] for refusal in simulated["refusals"]} >= {"cooling_down", "daily_cap_reached"}
    assert [alert["kind"] for alert in simulated["alerts"]] == ["daily_cap_reached"]
    assert higher["dry_spell_count"] == 1
    assert "moisture_as_recorded" in {assumption["code"] for assumption in higher["assumptions"]}


def test_it_stands_beside_what_happened(node: Node, ada: Person) -> None:
    profile = {"mode": "on", "dose_ms": 4_000}
    expect(200, ada.request("PUT", f"{node.path}/automation", json=profile))
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=25)
    node.ack(command, "succeeded", 4_000)
    node.send(soil=12, tank=4)
    eventually(lambda: simulate(node, ada)["recorded"]["alerts"])

    recorded = simulate(node, ada)["recorded"]
    (dose,) = recorded["doses"]
    assert (dose["duration_ms"], dose["origin"], dose["reason"]["code"]) == (4_000, "rule", "dry")
    assert "reservoir_low" in {alert["kind"] for alert in recorded["alerts"]}
    assert "reservoir_low" in {refusal["code"] for refusal in recorded["refusals"]}


def test_it_leaves_no_trace(node: Node, ada: Person) -> None:
    record(node, 5, soil=[12, 13], tank=[80])
    paths = [f"{node.path}/{name}" for name in ("automation", "commands", "decisions")]
    eventually(lambda: ada.get(paths[2])["decisions"])
    before = [ada.get(path) for path in paths]
    simulate(node, ada, mode="on", soil_moisture_min_percent=50)

    assert [ada.get(path) for path in paths] == before
    assert node.poll(after=0) == []


def test_readings_of_unknown_age_water_nothing(node: Node, ada: Person) -> None:
    node.send(tank=80)
    expect(202, node.try_send([{"sensor": "soil", "value": 12}] * 50))
    assert simulate(node, ada)["simulated"]["dose_count"] == 0


def test_a_viewer_may_look_at_what_would_have_been(backend: Backend, node: Node, ada: Person) -> None:
    expect(201, ada.request("POST", "/viewers", json={"username": "onlooker", "password": PASSWORD}))
    assert simulate(node, backend.sign_in("onlooker"))["simulated"]["dose_count"] == 0


def test_a_device_without_channels_has_an_empty_answer(ada: Person) -> None:
    answer = simulate(ada.add_device(manifest=None), ada)
    assert (answer["readings"], answer["simulated"]["doses"], answer["simulated"]["refusals"]) == (0, [], [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"profile": {"dose_ms": 0}}, "profile.dose_ms"),
        ({"profile": {"dose_ms": 30_001}}, "profile.dose_ms"),
        ({"profile": {"dose_ms": "5"}}, "profile.dose_ms"),
        ({"profile": {"soil_moisture_min_percent": 98}}, "profile.soil_moisture_hysteresis_percent"),
        ({"profile": {"version": 3}}, "profile.version"),
        ({"days": 0}, "days"),
        ({"days": 32}, "days"),
        ({"days": 1.5}, "days"),
        ({"profil": {}}, "profil"),
    ],
)
def test_what_makes_no_sense_is_named(node: Node, ada: Person, body: JSON, field: str) -> None:
    answer = ada.request("POST", f"{node.path}/automation/simulate", json=body)
    refused(answer, 422, "invalid_input", field)
