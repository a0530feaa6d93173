"""Channels register themselves: nobody copies sensor ids by hand."""

import copy
from typing import Any

import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, MANIFEST, Node, Person, expect


def test_a_new_node_registers_its_channels_by_itself(ada: Person) -> None:
    node = ada.add_device(manifest=None)
    assert ada.get(node.path)["sensors"] == []

    node.sign_in(MANIFEST)

    device = ada.get(node.path)
    assert [(sensor["key"], sensor["kind"], sensor["unit"]) for sensor in device["sensors"]] == [
        ("soil", "soil_moisture", "%"),
        ("tank", "reservoir_level", "%"),
        ("air", "air_temperature", "°C"),
    ]
    assert {actuator["key"]: actuator["limits"]["max_run_ms"] for actuator in device["actuators"]} == {
        "pump": 30_000,
        "lamp": None,
    }
    assert (device["firmware"], device["version"]) == ("plant-node", "0.1.0")
    assert all(sensor["latest"] is None for sensor in device["sensors"])


def test_signing_in_again_changes_limits_and_version_and_nothing_else(node: Node, ada: Person) -> None:
    before = ada.get(node.path)
    manifest = _manifest(version="0.2.0")
    manifest["actuators"][0]["limits"] = {"max_run_ms": 10_000}
    node.sign_in(manifest)
    after = ada.get(node.path)

    assert after["version"] == "0.2.0"
    assert after["sensors"] == before["sensors"]
    pump = after["actuators"][0]
    assert pump["id"] == before["actuators"][0]["id"]
    assert pump["limits"] == {"max_run_ms": 10_000, "min_off_ms": None, "max_day_ms": None, "flow_ml_per_min": None}


def test_a_new_channel_is_added_and_can_be_used_at_once(node: Node, ada: Person) -> None:
    refused(node.try_send([{"sensor": "light", "value": 900, "age_ms": 0}]), 422, "unknown_sensor")
    manifest = _manifest()
    manifest["sensors"].append({"key": "light", "kind": "illuminance", "unit": "lx"})
    node.sign_in(manifest)

    node.send(light=900)
    assert len(ada.get(node.path)["sensors"]) == 4


def test_a_channel_that_is_missing_keeps_its_history(node: Node, ada: Person) -> None:
    node.send(air=21)
    node.sign_in(_manifest(sensors=MANIFEST["sensors"][:1]))

    retired = {sensor["key"]: sensor["retired_at"] is not None for sensor in ada.get(node.path)["sensors"]}
    assert retired == {"soil": False, "tank": True, "air": True}
    assert len(ada.get(f"{node.path}/readings", sensor="air")["readings"]) == 1


def test_signing_in_without_a_manifest_changes_nothing(node: Node, ada: Person) -> None:
    before = ada.get(node.path)
    node.sign_in()

    assert ada.get(node.path) == before


def test_a_channel_never_changes_what_it_is(node: Node, ada: Person) -> None:
    before = ada.get(node.path)
    other_kind = _manifest()
    other_kind["sensors"][0] |= {"kind": "battery"}
    other_actuator = _manifest()
    other_actuator["actuators"][0] |= {"kind": "lamp", "limits": {}}
    now_an_actuator = _manifest(sensors=MANIFEST["sensors"][1:])
    now_an_actuator["actuators"].append({"key": "soil", "kind": "pump"})
    now_a_sensor = _manifest(actuators=[])
    now_a_sensor["sensors"].append({"key": "pump", "kind": "voltage", "unit": "V"})

    for manifest in (other_kind, other_actuator, now_an_actuator, now_a_sensor):
        manifest["sensors"].append({"key": "unseen", "kind": "voltage", "unit": "V"})
        manifest["version"] = "9.9.9"
        refused(node.try_sign_in(manifest), 409, "channel_conflict")
    assert ada.get(node.path) == before


def test_a_key_that_is_there_twice_is_named(node: Node) -> None:
    twice = _manifest()
    twice["sensors"].append({"key": "soil", "kind": "soil_moisture", "unit": "%"})
    both = _manifest()
    both["actuators"].append({"key": "tank", "kind": "pump"})

    refused(node.try_sign_in(twice), 422, "invalid_input", "manifest.sensors[3].key")
    refused(node.try_sign_in(both), 422, "invalid_input", "manifest.actuators[2].key")


def test_a_wrong_unit_is_told_with_the_right_one(node: Node) -> None:
    manifest = _manifest()
    manifest["sensors"][2]["unit"] = "°F"

    assert "°C" in refused(node.try_sign_in(manifest), 422, "invalid_input", "manifest.sensors[2].unit")["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"firmware": ""}, "manifest.firmware"),
        ({"version": None}, "manifest.version"),
        ({"model": "x"}, "manifest.model"),
        ({"sensors": [{"key": "Soil", "kind": "soil_moisture", "unit": "%"}]}, "manifest.sensors[0].key"),
        ({"sensors": [{"key": "1soil", "kind": "soil_moisture", "unit": "%"}]}, "manifest.sensors[0].key"),
        ({"sensors": [{"key": "a" * 33, "kind": "soil_moisture", "unit": "%"}]}, "manifest.sensors[0].key"),
        ({"sensors": [{"key": "soil\n", "kind": "soil_moisture", "unit": "%"}]}, "manifest.sensors[0].key"),
        ({"sensors": [{"key": "soil", "kind": "mood", "unit": "%"}]}, "manifest.sensors[0].kind"),
        ({"sensors": [{"key": "soil", "kind": "soil_moisture"}]}, "manifest.sensors[0].unit"),
        ({"sensors": {}}, "manifest.sensors"),
        ({"actuators": [{"key": "pump", "kind": "heater"}]}, "manifest.actuators[0].kind"),
        (
            {"actuators": [{"key": "pump", "kind": "pump", "limits": {"max_run_ms": -1}}]},
            "manifest.actuators[0].limits.max_run_ms",
        ),
        (
            {"actuators": [{"key": "pump", "kind": "pump", "limits": {"max_run_ms": 1.5}}]},
            "manifest.actuators[0].limits.max_run_ms",
        ),
        (
            {"actuators": [{"key": "pump", "kind": "pump", "limits": {"max_run_s": 1}}]},
            "manifest.actuators[0].limits.max_run_s",
        ),
        ({"actuators": [{"key": "lamp", "kind": "lamp", "limits": {"max_run_ms": 1}}]}, ""),
    ],
)
def test_a_manifest_that_makes_no_sense_names_the_field_and_registers_nothing(
    ada: Person, change: JSON, field: str
) -> None:
    node = ada.add_device(manifest=None)
    answer = node.try_sign_in(_manifest(**change))

    if field:
        refused(answer, 422, "invalid_input", field)
        assert ada.get(node.path)["sensors"] == []
    else:
        expect(200, answer)


def test_a_manifest_holds_so_many_channels_and_no_more(ada: Person) -> None:
    node = ada.add_device(manifest=None)
    sensors = [{"key": f"s{number}", "kind": "voltage", "unit": "V"} for number in range(65)]

    refused(node.try_sign_in(_manifest(sensors=sensors)), 422, "invalid_input", "manifest.sensors")
    expect(200, node.try_sign_in(_manifest(sensors=sensors[:64])))


def _manifest(**change: Any) -> JSON:
    manifest = copy.deepcopy(MANIFEST) | change
    return {name: value for name, value in manifest.items() if value is not None}
