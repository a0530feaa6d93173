"""A node that names other channels than before: nothing is bricked, nothing forgotten, and no guard is lost by it."""

import copy
from typing import Any

import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, MANIFEST, Node, Person, eventually, expect


def manifest(*, rename: dict[str, str] | None = None, without: tuple[str, ...] = ()) -> JSON:
    """Give the usual manifest with other names, or with less."""
    changed = copy.deepcopy(MANIFEST)
    for name in ("sensors", "actuators"):
        changed[name] = [channel for channel in changed[name] if channel["key"] not in without]
        for channel in changed[name]:
            channel["key"] = (rename or {}).get(channel["key"], channel["key"])
    return changed


def automate(node: Node, person: Person, **profile: Any) -> None:
    expect(200, person.request("PUT", f"{node.path}/automation", json={"mode": "on"} | profile))


def newest(node: Node, person: Person, code: str) -> JSON:
    def found() -> JSON | None:
        decisions: list[JSON] = person.get(f"{node.path}/decisions")["decisions"]
        return decisions[0] if decisions and decisions[0]["reasons"][0]["code"] == code else None

    decision: JSON = eventually(found)
    return decision


def alerts(node: Node, person: Person) -> dict[str, JSON]:
    """Give the open alerts by kind."""
    found = person.get("/alerts", device_id=node.device_id, state="open")
    return {alert["kind"]: alert for alert in found}


def channel(node: Node, person: Person, key: str) -> JSON:
    shown = person.get(node.path)
    (found,) = [known for known in (*shown["sensors"], *shown["actuators"]) if known["key"] == key]
    return dict(found)


def watered(node: Node, person: Person) -> JSON:
    """Let a dry plant have its dose."""
    automate(node, person)
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=25)
    node.ack(command, "succeeded", 5_000)
    return command


def test_a_probe_with_another_name_waters_and_the_old_one_keeps_its_history(node: Node, ada: Person) -> None:
    automate(node, ada)
    node.send(soil=60, tank=80)
    newest(node, ada, "moist")
    node.sign_in(manifest(rename={"soil": "soil_left"}))

    assert channel(node, ada, "soil")["retired_at"] is not None
    assert channel(node, ada, "soil_left")["retired_at"] is None
    assert len(ada.get(f"{node.path}/readings", sensor="soil")["readings"]) == 1
    assert alerts(node, ada)["probe_gone"]["channel"] == "soil"
    node.send(soil_left=[12, 12], tank=80)
    assert len(node.poll(after=0, wait=25)) == 1


def test_what_is_named_again_comes_back_and_its_alert_ends(node: Node, ada: Person) -> None:
    sensor_id = channel(node, ada, "soil")["id"]
    node.sign_in(manifest(without=("soil",)))
    assert "probe_gone" in alerts(node, ada)
    node.sign_in(MANIFEST)

    assert (channel(node, ada, "soil")["id"], channel(node, ada, "soil")["retired_at"]) == (sensor_id, None)
    assert alerts(node, ada) == {}


def test_readings_of_a_retired_channel_that_were_still_under_way_are_taken(node: Node, ada: Person) -> None:
    node.sign_in(manifest(rename={"soil": "soil_left"}))
    node.send(soil=33, age_ms=60_000)
    assert len(ada.get(f"{node.path}/readings", sensor="soil")["readings"]) == 1


def test_a_retired_probe_is_no_longer_judged(node: Node, ada: Person) -> None:
    """The old name falls silent for ever: that is no fault."""
    automate(node, ada)
    node.send(soil=[12, -7], tank=80)
    eventually(lambda: "probe_implausible" in alerts(node, ada))
    node.sign_in(manifest(rename={"soil": "soil_left"}))
    node.send(soil_left=60)

    newest(node, ada, "moist")
    assert set(alerts(node, ada)) == {"probe_gone"}


def test_a_firmware_that_forgets_the_reservoir_does_not_switch_off_its_interlock(node: Node, ada: Person) -> None:
    automate(node, ada)
    node.sign_in(manifest(without=("tank",)))
    node.send(soil=[12, 12])

    assert "tank" in newest(node, ada, "reservoir_unknown")["reasons"][0]["text"]
    alert = alerts(node, ada)["reservoir_gone"]
    assert (alert["severity"], alert["channel"]) == ("critical", "tank")
    by_hand = {"actuator": "pump", "action": "on", "duration_ms": 5_000, "force": True}
    refused(ada.request("POST", f"{node.path}/commands", json=by_hand), 409, "reservoir_unknown")
    # It signs in so again: the alert stays one.
    node.sign_in(manifest(without=("tank",)))
    assert alerts(node, ada)["reservoir_gone"]["id"] == alert["id"]

    # Only a person may say that the tank was taken away on purpose.
    expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/resolve"))
    node.sign_in(manifest(without=("tank",)))
    node.send(soil=12)
    assert len(node.poll(after=0, wait=25)) == 1
    assert "reservoir_gone" not in alerts(node, ada)


def test_another_reservoir_takes_the_place_of_the_first(node: Node, ada: Person) -> None:
    automate(node, ada)
    node.sign_in(manifest(rename={"tank": "barrel"}))
    node.send(soil=[12, 12], barrel=4)
    newest(node, ada, "reservoir_low")
    node.send(barrel=80)
    assert len(node.poll(after=0, wait=25)) == 1


def test_an_empty_manifest_waters_nothing_and_is_told(node: Node, ada: Person) -> None:
    automate(node, ada)
    newest(node, ada, "no_reading")
    node.sign_in(manifest(without=("soil", "tank", "air", "pump", "lamp")))
    node.send(soil=[12, 12], tank=80)

    newest(node, ada, "no_pump")
    assert {"reservoir_gone", "probe_gone", "channel_gone"} <= set(alerts(node, ada))
    assert node.poll(after=0) == []
    node.sign_in(MANIFEST)
    assert alerts(node, ada) == {}
    assert len(node.poll(after=0, wait=25)) == 1


def test_one_probe_of_a_pair_that_is_gone_leaves_the_other_unconfirmed(ada: Person) -> None:
    pair = MANIFEST | {"sensors": [*MANIFEST["sensors"], {"key": "soil_2", "kind": "soil_moisture", "unit": "%"}]}
    node = ada.add_device(manifest=pair)
    automate(node, ada, probe_pair_tolerance_percent=10)
    node.sign_in(MANIFEST)
    node.send(soil=[12, 12], tank=80)

    newest(node, ada, "probes_disagree")
    expect(200, ada.request("PATCH", f"/alerts/{alerts(node, ada)['probe_gone']['id']}/resolve"))
    node.send(soil=12)
    assert len(node.poll(after=0, wait=25)) == 1


@pytest.mark.parametrize("force", [False, True])
def test_a_pump_with_another_name_keeps_cooldown_and_cap(node: Node, ada: Person, force: bool) -> None:
    automate(node, ada, daily_cap_ms=8_000)
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=25)
    node.ack(command, "succeeded", 5_000)
    node.sign_in(manifest(rename={"pump": "pump_a"}))
    node.send(soil=12, tank=80)

    newest(node, ada, "daily_cap_reached")
    by_hand = {"actuator": "pump_a", "action": "on", "duration_ms": 5_000, "force": force}
    refused(ada.request("POST", f"{node.path}/commands", json=by_hand), 409, "daily_cap_reached")
    automate(node, ada)
    newest(node, ada, "cooling_down")
    assert node.poll(after=command["seq"]) == []


def test_a_run_under_the_old_name_is_a_run_of_the_pump(node: Node, ada: Person) -> None:
    automate(node, ada)
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=25)
    node.ack(command, "accepted")
    node.sign_in(manifest(rename={"pump": "pump_a"}))

    by_hand = {"actuator": "pump_a", "action": "on", "duration_ms": 1_000, "force": True}
    refused(ada.request("POST", f"{node.path}/commands", json=by_hand), 409, "pump_busy")
    assert node.ack(command, "succeeded", 5_000) == "succeeded"
    assert expect(201, ada.request("POST", f"{node.path}/commands", json=by_hand))["actuator"] == "pump_a"


def test_a_command_that_waits_for_a_pump_that_is_gone_is_cancelled(node: Node, ada: Person) -> None:
    by_hand = {"actuator": "pump", "action": "on", "duration_ms": 1_000}
    node.send(tank=80)
    expect(201, ada.request("POST", f"{node.path}/commands", json=by_hand))
    node.sign_in(manifest(rename={"pump": "pump_a"}))

    (command,) = ada.get(f"{node.path}/commands")["commands"]
    assert (command["state"], "no longer has pump" in command["reason"]) == ("cancelled", True)
    refused(ada.request("POST", f"{node.path}/commands", json=by_hand), 422, "invalid_input", "actuator")
    expect(201, ada.request("POST", f"{node.path}/commands", json={"actuator": "pump", "action": "off"}))


def test_a_blocked_pump_stays_blocked_under_another_name(fast_node: Node, fast_ada: Person) -> None:
    node, ada = fast_node, fast_ada
    rhythm = {"cooldown_s": 60, "soak_s": 0, "stale_after_s": 3_600, "doses_without_effect_max": 1}
    automate(node, ada, **rhythm)

    def blocked() -> bool:
        node.send(soil=[12, 12], tank=80)
        for command in node.poll():
            node.ack(command, "succeeded", 5_000)
        return "watering_without_effect" in alerts(node, ada)

    eventually(blocked)
    for names in ({"pump": "pump_a"}, {"pump": "pump_b", "soil": "soil_b"}):
        node.sign_in(manifest(rename=names))
        assert alerts(node, ada)["watering_without_effect"]["channel"] == names["pump"]
    node.send(soil_b=[12, 12], tank=80)
    newest(node, ada, "watering_without_effect")
    node.sign_in(manifest(without=("pump",)))
    node.sign_in(manifest())
    node.send(soil=[12, 12], tank=80)
    newest(node, ada, "watering_without_effect")
