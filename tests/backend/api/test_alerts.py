"""Alerts: one for each trouble, until it is over or somebody says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, Backend, Node, Person, eventually, expect


def test_a_low_reservoir_opens_one_critical_alert_however_often_it_is_seen(node: Node, ada: Person) -> None:
    for level in (5, 4, 3):
        node.send(tank=level)
    alert = _alert(node, ada)

    assert (alert["kind"], alert["channel"], alert["severity"]) == ("reservoir_low", "tank", "critical")
    assert (alert["state"], alert["acknowledged_at"], alert["resolved_at"]) == ("open", None, None)
    node.send(tank=2)
    node.send(air=45)
    eventually(lambda: len(_alerts(node, ada)) == 2)
    assert [found["kind"] for found in _alerts(node, ada)] == ["air_temperature_high", "reservoir_low"]


def test_what_is_over_closes_its_alert_and_comes_back_as_a_new_one(node: Node, ada: Person) -> None:
    node.send(tank=5)
    first = _alert(node, ada)
    node.send(tank=80)
    eventually(lambda: _alerts(node, ada, state="open") == [])
    node.send(tank=5)
    second = _alert(node, ada)

    assert second["id"] != first["id"]
    (closed,) = _alerts(node, ada, state="resolved")
    assert (closed["id"], closed["resolved_by"]) == (first["id"], "rule")


def test_an_alert_that_flickers_around_its_limit_stays_one(node: Node, ada: Person) -> None:
    node.send(tank=9)
    first = _alert(node, ada)
    for level in (11, 9, 14, 9):
        node.send(tank=level)
    node.send(air=45)
    eventually(lambda: len(_alerts(node, ada)) == 2)

    assert _alerts(node, ada)[1]["id"] == first["id"]
    assert _alerts(node, ada)[1]["state"] == "open"


def test_acknowledging_keeps_an_alert_open_and_says_since_when(node: Node, ada: Person) -> None:
    node.send(tank=5)
    alert = _alert(node, ada)
    seen = expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/acknowledge"))

    assert seen["state"] == "open"
    assert seen["acknowledged_at"] is not None
    assert expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/acknowledge")) == seen
    assert _alert(node, ada) == seen


def test_a_snoozed_alert_is_open_and_says_until_when(node: Node, ada: Person) -> None:
    node.send(tank=5)
    alert = _alert(node, ada)
    assert alert["snoozed_until"] is None
    with ada.listen() as stream:
        stream.until("snapshot")
        before = datetime.now(UTC)
        snoozed = expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/snooze", json={"minutes": 90}))
        told = stream.until("alert", id=alert["id"])[-1].data["alert"]
        assert told["snoozed_until"] == snoozed["snoozed_until"]

    end = datetime.fromisoformat(snoozed["snoozed_until"])
    assert before + timedelta(minutes=90) - timedelta(seconds=1) <= end <= datetime.now(UTC) + timedelta(minutes=90)
    assert snoozed == {**alert, "snoozed_until": snoozed["snoozed_until"]}
    assert _alert(node, ada) == snoozed

    until = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    berlin = until.astimezone().isoformat()
    snoozed = expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/snooze", json={"until": berlin}))
    assert datetime.fromisoformat(snoozed["snoozed_until"]) == until
    for _ in range(2):
        assert expect(200, ada.request("DELETE", f"/alerts/{alert['id']}/snooze")) == alert


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"minutes": 14}, "minutes"),
        ({"minutes": 7 * 24 * 60 + 1}, "minutes"),
        ({"minutes": "60"}, "minutes"),
        ({"until": "2026-07-01T12:00:00"}, "until"),
        ({"until": "2020-07-01T12:00:00Z"}, "until"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "until"),
        ({"minutes": 60, "until": "2026-07-01T12:00:00Z"}, "minutes"),
        ({}, "minutes"),
        ({"hours": 1}, "hours"),
    ],
)
def test_a_snooze_that_is_not_allowed_says_what_is(node: Node, ada: Person, body: Any, field: str) -> None:
    node.send(tank=5)
    alert = _alert(node, ada)
    refused(ada.request("PATCH", f"/alerts/{alert['id']}/snooze", json=body), 422, "invalid_input", field)
    assert _alert(node, ada) == alert


def test_who_snoozed_and_resolved_what_is_in_the_audit_log(node: Node, ada: Person) -> None:
    node.send(tank=5)
    alert = _alert(node, ada)
    path, subject = f"/alerts/{alert['id']}", f"{alert['id']} reservoir_low of {node.device_id}"
    until = expect(200, ada.request("PATCH", f"{path}/snooze", json={"minutes": 60}))["snoozed_until"]
    for _ in range(2):
        expect(200, ada.request("DELETE", f"{path}/snooze"))
        expect(200, ada.request("PATCH", f"{path}/acknowledge"))
    for _ in range(2):
        expect(200, ada.request("PATCH", f"{path}/resolve"))

    entries = [(entry["action"], entry["subject"]) for entry in ada.get("/audit", limit=3)["entries"]]
    end = datetime.fromisoformat(until)
    assert entries == [
        ("alert_resolved", subject),
        ("alert_snooze_ended", subject),
        ("alert_snoozed", f"{subject} until {end:%Y-%m-%d %H:%M} UTC"),
    ]


def test_what_is_over_cannot_be_snoozed_and_a_snooze_ends_with_it(node: Node, ada: Person) -> None:
    node.send(tank=5)
    alert = _alert(node, ada)
    expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/snooze", json={"minutes": 60}))
    assert expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/resolve"))["snoozed_until"] is None
    answer = ada.request("PATCH", f"/alerts/{alert['id']}/snooze", json={"minutes": 60})
    refused(answer, 409, "alert_resolved")
    assert expect(200, ada.request("DELETE", f"/alerts/{alert['id']}/snooze"))["state"] == "resolved"


@pytest.mark.slow
def test_a_snooze_ends_by_itself(fast_node: Node, fast_ada: Person) -> None:
    fast_node.send(tank=5)
    alert = eventually(lambda: _alerts(fast_node, fast_ada, state="open"))[-1]
    expect(200, fast_ada.request("PATCH", f"/alerts/{alert['id']}/snooze", json={"minutes": 15}))
    eventually(lambda: fast_ada.get("/alerts", device_id=fast_node.device_id)[-1]["snoozed_until"] is None)
    assert fast_ada.get("/alerts", device_id=fast_node.device_id)[-1]["state"] == "open"


def test_resolving_by_hand_closes_an_alert_and_names_the_person(node: Node, ada: Person) -> None:
    node.send(tank=5)
    alert = _alert(node, ada)
    closed = expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/resolve"))

    assert (closed["state"], closed["resolved_by"]) == ("resolved", "ada")
    assert expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/resolve")) == closed
    assert closed in _alerts(node, ada, state="resolved")


def test_what_still_holds_after_a_person_closed_it_is_told_again(node: Node, ada: Person) -> None:
    node.send(tank=5)
    alert = _alert(node, ada)
    expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/resolve"))
    node.send(tank=5)

    assert _alert(node, ada)["id"] > alert["id"]


def test_an_implausible_probe_is_told_with_what_it_reads(node: Node, ada: Person) -> None:
    node.send(soil=-7)

    alert = _alert(node, ada)
    assert (alert["kind"], alert["channel"], alert["severity"]) == ("probe_implausible", "soil", "warning")
    assert "-7" in alert["message"]


def test_a_silent_probe_is_told_without_hearing_anything(fast_node: Node, fast_ada: Person) -> None:
    expect(200, fast_ada.request("PUT", f"{fast_node.path}/automation", json={"stale_after_s": 60}))
    fast_node.send(soil=40)

    alert = _alert(fast_node, fast_ada)
    assert (alert["kind"], alert["channel"]) == ("probe_stale", "soil")


def test_a_failed_run_is_told_and_a_good_one_ends_it(node: Node, ada: Person) -> None:
    dose = {"actuator": "pump", "action": "on", "duration_ms": 5_000}
    node.send(tank=80)
    expect(201, ada.request("POST", f"{node.path}/commands", json=dose))
    (command,) = node.poll(after=0)
    node.ack(command, "rejected", 0, "reservoir_empty")
    alert = _alert(node, ada)
    assert alert["kind"] == "command_failed"
    assert "reservoir_empty" in alert["message"]

    expect(201, ada.request("POST", f"{node.path}/commands", json=dose))
    (command,) = node.poll(after=command["seq"])
    node.ack(command, "succeeded", 5_000)
    assert _alerts(node, ada, state="open") == []


def test_alerts_are_found_by_state_and_device(backend: Backend) -> None:
    ada = backend.add_person("ada-with-two")
    node, other = ada.add_device(), ada.add_device()
    node.send(tank=5)
    other.send(tank=5)
    mine, others = _alert(node, ada), _alert(other, ada)

    assert mine["device_id"] == node.device_id
    assert [alert["id"] for alert in ada.get("/alerts", state="open", limit=2)] == sorted(
        (mine["id"], others["id"]), reverse=True
    )
    refused(ada.request("GET", "/alerts?state=ended"), 422, "invalid_input", "state")
    refused(ada.request("GET", "/alerts?limit=501"), 422, "invalid_input", "limit")


def test_an_alert_of_a_deleted_device_is_gone_with_it(node: Node, ada: Person) -> None:
    node.send(tank=5)
    alert = _alert(node, ada)
    assert ada.request("DELETE", node.path).status_code == 204

    refused(ada.request("PATCH", f"/alerts/{alert['id']}/resolve"), 404, "alert_not_found")


def _alerts(node: Node, person: Person, **params: str) -> list[JSON]:
    found: list[JSON] = person.get("/alerts", device_id=node.device_id, **params)
    return found


def _alert(node: Node, person: Person) -> JSON:
    """Wait for the one alert of a device that is open."""
    (alert,) = eventually(lambda: _alerts(node, person, state="open"))
    found: JSON = alert
    return found
