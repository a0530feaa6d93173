"""What a person takes back does not run any more, wherever it was."""

from tests.live_backend import Node, Person, expect

PROFILE = {"mode": "on", "soil_moisture_min_percent": 30}


def _dose(node: Node, ada: Person) -> int:
    """Let the rules order a dose, hand it out, and lose the answer."""
    expect(200, ada.request("PUT", f"{node.path}/automation", json=PROFILE))
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=10)
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


def test_quiet_hours_are_times_of_day_without_an_offset(node: Node, ada: Person) -> None:
    answer = ada.request(
        "PUT", f"{node.path}/automation", json={**PROFILE, "quiet_from": "22:00Z", "quiet_until": "07:00"}
    )
    assert answer.status_code == 422
    assert "quiet_from" in answer.text
