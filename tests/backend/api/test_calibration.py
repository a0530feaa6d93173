"""A probe that sends volts, or reads wrong: its meaning is told later, and holds for all that it ever sent."""

import csv
import json
from datetime import datetime
from typing import Any

import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, MANIFEST, Node, Person, eventually, expect

VOLTS = MANIFEST | {"sensors": [{"key": "soil", "kind": "soil_moisture", "unit": "V"}, *MANIFEST["sensors"][1:]]}
POINTS = [{"raw": 2.8, "value": 0}, {"raw": 1.2, "value": 100}]


@pytest.fixture
def volts(ada: Person) -> Node:
    """Give a node whose soil probe sends volts."""
    return ada.add_device(manifest=VOLTS)


def calibrate(node: Node, person: Person, points: list[JSON] = POINTS, key: str = "soil") -> JSON:
    answer: JSON = expect(
        200, person.request("PUT", f"{node.path}/channels/{key}/calibration", json={"points": points})
    )
    return answer


def soil(node: Node, person: Person) -> JSON:
    found: JSON = person.get(node.path)["sensors"][0]
    return found


def reason(node: Node, person: Person, code: str) -> JSON:
    def newest() -> JSON | None:
        found: list[JSON] = person.get(f"{node.path}/decisions")["decisions"]
        return found[0] if found and found[0]["reasons"][0]["code"] == code else None

    found: JSON = eventually(newest)
    return found


def automate(node: Node, person: Person, **profile: Any) -> None:
    node.wait_for_first_look()
    expect(200, person.request("PUT", f"{node.path}/automation", json={"mode": "on"} | profile))


def test_volts_mean_nothing_until_somebody_says_what(volts: Node, ada: Person) -> None:
    automate(volts, ada)
    volts.send(soil=[2.6, 2.6], tank=80)
    shown = soil(volts, ada)

    assert (shown["unit"], shown["raw_unit"], shown["latest"], shown["calibration"]) == ("%", "V", None, None)
    assert shown["raw"]["value"] == 2.6
    assert reason(volts, ada, "probe_uncalibrated")["outcome"] == "refused"
    assert volts.poll(after=0) == []


def test_a_calibration_holds_at_once_for_rules_values_and_ledger(volts: Node, ada: Person) -> None:
    automate(volts, ada)
    volts.send(soil=[2.6, 2.6], tank=80)
    answer = calibrate(volts, ada)

    assert (answer["raw"], answer["value"], answer["versions"][0]["version"]) == (2.6, 12.5, 1)
    (command,) = volts.poll(after=0, wait=25)
    decision = reason(volts, ada, "dry")
    assert "12.5 %" in decision["reasons"][0]["text"]
    assert [sample["value"] for sample in decision["inputs"]["sensors"][0]["samples"]] == [12.5, 12.5]
    assert decision["command_id"] == command["id"]
    shown = soil(volts, ada)
    assert (shown["latest"]["value"], shown["raw"]["value"]) == (12.5, 2.6)
    assert shown["calibration"]["points"] == sorted(POINTS, key=lambda point: point["raw"])


def test_it_holds_for_history_charts_and_files_and_raw_values_stay(volts: Node, ada: Person) -> None:
    volts.send(soil=[2.8, 2.0, 1.2])
    path = f"{volts.path}/readings"
    before = ada.get(path, sensor="soil")
    assert (before["unit"], [found["value"] for found in before["readings"]]) == ("V", [2.8, 2.0, 1.2])
    calibrate(volts, ada)

    after = ada.get(path, sensor="soil")
    assert (after["unit"], [found["value"] for found in after["readings"]]) == ("%", [0, pytest.approx(50), 100])
    assert ada.get(path, sensor="soil", raw=True) == before
    buckets = ada.get(path, sensor="soil", points=2)["buckets"]
    found = (min(found["min"] for found in buckets), max(found["max"] for found in buckets), buckets[-1]["last"])
    assert found == (0, 100, 100)
    text = ada.request("GET", f"{path}/export", params={"sensor": "soil"}).text
    assert [row[1] for row in csv.reader(text.splitlines())][::3] == ["soil (%)", "100.0"]
    lines = ada.request("GET", f"{path}/export", params={"sensor": "soil", "format": "ndjson", "raw": True}).text
    first = json.loads(lines.splitlines()[0])
    assert (first["unit"], first["value"]) == ("V", 2.8)


def test_a_second_calibration_replaces_the_first_and_both_are_kept(volts: Node, ada: Person) -> None:
    volts.send(soil=2.0)
    calibrate(volts, ada)
    better = calibrate(volts, ada, [{"raw": 2.8, "value": 0}, {"raw": 2.0, "value": 20}, {"raw": 1.2, "value": 90}])

    assert better["value"] == pytest.approx(20)
    assert [(version["version"], len(version["points"])) for version in better["versions"]] == [(2, 3), (1, 2)]
    assert {version["made_by"] for version in better["versions"]} == {"ada"}
    assert ada.get(f"{volts.path}/channels/soil/calibration") == better
    actions = [(entry["action"], entry["subject"]) for entry in ada.get("/audit")["entries"]]
    assert ("channel_calibrated", f"{volts.device_id} soil 2") in actions


def test_a_percentage_that_reads_wrong_can_be_put_right_and_left_alone_again(node: Node, ada: Person) -> None:
    node.send(soil=20)
    calibrate(node, ada, [{"raw": 10, "value": 0}, {"raw": 60, "value": 100}])
    assert soil(node, ada)["latest"]["value"] == pytest.approx(20)
    node.send(soil=35)
    assert soil(node, ada)["latest"]["value"] == pytest.approx(50)

    assert ada.request("DELETE", f"{node.path}/channels/soil/calibration").status_code == 204
    shown = soil(node, ada)
    assert (shown["latest"]["value"], shown["calibration"], shown["raw_unit"]) == (35, None, None)


def test_a_recalibration_gives_no_dose_inside_the_cooldown(volts: Node, ada: Person) -> None:
    automate(volts, ada)
    calibrate(volts, ada)
    volts.send(soil=[2.6, 2.6], tank=80)
    (command,) = volts.poll(after=0, wait=25)
    volts.ack(command, "succeeded", 5_000)
    for wet in (1.0, 1.1, 1.15):
        calibrate(volts, ada, [{"raw": 2.8, "value": 0}, {"raw": wet, "value": 100}])
        volts.send(soil=2.6)

    assert datetime.fromisoformat(reason(volts, ada, "cooling_down")["reasons"][0]["until"])
    assert volts.poll(after=command["seq"]) == []


def test_a_recalibration_is_neither_a_fall_nor_a_probe_that_moves(volts: Node, ada: Person) -> None:
    """All samples are read by the new lines, and whether a probe is stuck is told by its raw values."""
    automate(volts, ada, stuck_after_s=3_600)
    calibrate(volts, ada, [{"raw": 2.8, "value": 0}, {"raw": 1.9, "value": 100}])
    volts.send(soil=[2.0] * 5, tank=80)
    reason(volts, ada, "moist")
    calibrate(volts, ada, [{"raw": 2.8, "value": 0}, {"raw": 0.5, "value": 100}])
    volts.send(soil=2.0)
    reason(volts, ada, "moist")
    assert ada.get("/alerts", device_id=volts.device_id) == []

    volts.send(soil=[2.0] * 70)
    reason(volts, ada, "moist")


def test_listeners_hear_calibrated_values_and_of_the_calibration(volts: Node, ada: Person) -> None:
    with ada.listen() as stream:
        stream.until("snapshot")
        volts.send(soil=2.6, tank=80)
        heard = stream.until("readings", device_id=volts.device_id)[-1]
        assert [found["sensor"] for found in heard.data["readings"]] == ["tank"]
        calibrate(volts, ada)
        told = stream.until("device", id=volts.device_id)[-1].data["device"]["sensors"][0]
        assert (told["latest"]["value"], told["calibration"]["version"]) == (12.5, 1)
        volts.send(soil=2.0)
        (reading,) = stream.until("readings", device_id=volts.device_id)[-1].data["readings"]
        assert (reading["sensor"], reading["value"]) == ("soil", pytest.approx(50))


def test_a_channel_that_sends_percent_never_sends_volts(node: Node, volts: Node, ada: Person) -> None:
    refused(node.try_sign_in(VOLTS), 409, "channel_conflict")
    refused(volts.try_sign_in(MANIFEST), 409, "channel_conflict")
    assert ada.get(node.path)["sensors"][0]["raw_unit"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "points"),
        ({"points": []}, "points"),
        ({"points": POINTS[:1]}, "points"),
        ({"points": [{"raw": "1", "value": 0}, POINTS[0]]}, "points[0].raw"),
        ({"points": [*POINTS, {"raw": 1.2, "value": 50}]}, "points[2].raw"),
        ({"points": [*POINTS, {"raw": 0.5, "value": 50}]}, "points[1].value"),
        ({"points": POINTS, "unit": "V"}, "unit"),
    ],
)
def test_points_that_make_no_sense_are_named_and_change_nothing(
    volts: Node, ada: Person, body: JSON, field: str
) -> None:
    refused(ada.request("PUT", f"{volts.path}/channels/soil/calibration", json=body), 422, "invalid_input", field)
    assert soil(volts, ada)["calibration"] is None


def test_an_actuator_and_an_unknown_channel_have_no_calibration(volts: Node, ada: Person) -> None:
    for key in ("pump", "moon"):
        refused(ada.request("GET", f"{volts.path}/channels/{key}/calibration"), 404, "sensor_not_found")


def test_a_simulation_reads_calibrated_history(volts: Node, ada: Person) -> None:
    calibrate(volts, ada)
    volts.send(soil=[2.6, 2.6], tank=80)
    body = {"profile": {}, "days": 1}
    answer = expect(200, ada.request("POST", f"{volts.path}/automation/simulate", json=body))
    assert "12.5 %" in answer["simulated"]["doses"][0]["reason"]["text"]
