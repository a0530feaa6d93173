"""What a person takes back does not run any more, wherever it was."""

import pytest

from tests.live_backend import JSON, Node, Person, eventually, expect

PROFILE = {"mode": "on", "soil_moisture_min_percent": 30}


def _dose(node: Node, ada: Person) -> int:
    """Let the rules order a dose, hand it out, and lose the answer."""
    expect(200, ada.request("PUT", f"{node.path}/automation", json=PROFILE))
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=25)
    return int(command["id"])


def test_a_lost_dose_is_not_handed_out_again_once_automation_is_off(node: Node, ada: Person) -> None:
    """A pump starts on reconnect: HA-NeoPool-MQTT-Package #21."""
    dose = _dose(node, ada)
    expect(200, ada.request("PUT", f"{node.path}/automation", json={**PROFILE, "mode": "off"}))

    handed = node.poll(after=0)
    assert [command["action"] for command in handed] == ["off"]
    assert dose not in [command["id"] for command in handed]


def test_a_lost_dose_is_not_handed_out_again_after_an_off(node: Node, ada: Person) -> None:
    _dose(node, ada)
    expect(201, ada.request("POST", f"{node.path}/commands", json={"actuator": "pump", "action": "off"}))

    assert [command["action"] for command in node.poll(after=0)] == ["off"]


@pytest.mark.parametrize(
    ("news", "reason"),
    [({"tank": 5}, "reservoir"), ({"soil": [60, 60]}, "The soil is at 60 %"), ({"soil": 200}, "no soil can have")],
)
def test_a_dose_that_waits_is_taken_back_when_its_reason_is_gone(
    node: Node, ada: Person, news: dict[str, float], reason: str
) -> None:
    """A pump starts on reconnect: HA-NeoPool-MQTT-Package #21."""
    expect(200, ada.request("PUT", f"{node.path}/automation", json=PROFILE))
    node.send(soil=[12, 12], tank=80)
    eventually(lambda: _last(node, ada)["state"] == "queued")
    node.send(**news)

    taken_back = eventually(lambda: found if (found := _last(node, ada))["state"] != "queued" else None)
    assert (taken_back["state"], taken_back["counted_ms"]) == ("cancelled", 0)
    assert reason in taken_back["reason"]
    assert node.poll(after=0) == []


def test_a_run_that_a_person_asked_for_waits_for_no_empty_reservoir(node: Node, ada: Person) -> None:
    """A dry-run guard "regardless of how the pump is called": garden-of-eden #83."""
    node.send(tank=80)
    body = {"actuator": "pump", "action": "on", "duration_ms": 5_000}
    expect(201, ada.request("POST", f"{node.path}/commands", json=body))
    node.send(soil=[60, 60], tank=80)
    assert _last(node, ada)["state"] == "queued", "moist soil is the person's own business"
    node.send(tank=5)

    eventually(lambda: _last(node, ada)["state"] == "cancelled")
    assert node.poll(after=0) == []


def _last(node: Node, ada: Person) -> JSON:
    commands: list[JSON] = ada.get(f"{node.path}/commands", limit=1)["commands"]
    return commands[0] if commands else {"state": None}


def test_quiet_hours_are_times_of_day_without_an_offset(node: Node, ada: Person) -> None:
    answer = ada.request(
        "PUT", f"{node.path}/automation", json={**PROFILE, "quiet_from": "22:00Z", "quiet_until": "07:00"}
    )
    assert answer.status_code == 422
    assert "quiet_from" in answer.text
