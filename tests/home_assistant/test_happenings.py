"""What event entities tell of: each thing once, and nothing that is no news."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.plant_automation.api import Alert, Command, Device, Garden, Message, Plant, Profile
from custom_components.plant_automation.api.garden import Run
from custom_components.plant_automation.happenings import happening_of

AT = "2026-11-25T20:00:00Z"
ALERT = {
    "id": 7, "device_id": "d", "kind": "reservoir_low", "channel": "tank", "severity": "warning", "state": "open",
    "message": "The reservoir is low.", "count": 1, "first_seen_at": AT, "acknowledged_at": None,
}  # fmt: skip
COMMAND = {
    "id": 5, "actuator": "pump", "action": "on", "duration_ms": 5000, "state": "delivered", "origin": "rule",
    "created_at": AT,
}  # fmt: skip
PLANT = Plant(
    Device.parse(
        {"id": "d", "name": "Basil", "actuators": [{"key": "pump", "kind": "pump"}, {"key": "lamp", "kind": "lamp"}]}
    ),
    Profile(1, {}),
)


def told(plant: Plant | None, kind: str, document: dict[str, Any], **changes: Any) -> str | None:
    """Give the event type of a message."""
    happening = happening_of(plant, Message(kind, {"device_id": "d", kind: document | changes}))
    return None if happening is None else happening.type


def test_an_alert_is_told_when_it_opens_worsens_is_seen_and_ends() -> None:
    """And not each time that it is counted."""
    known = replace(PLANT, alerts={7: Alert.parse(ALERT)})
    assert told(PLANT, "alert", ALERT) == "opened"
    assert told(known, "alert", ALERT, count=2) is None
    assert told(known, "alert", ALERT, severity="critical") == "worsened"
    assert told(known, "alert", ALERT, acknowledged_at=AT) == "acknowledged"
    assert told(known, "alert", ALERT, snoozed_until=AT) == "snoozed"
    assert told(known, "alert", ALERT, state="resolved") == "resolved"
    seen = replace(PLANT, alerts={7: Alert.parse(ALERT | {"acknowledged_at": AT})})
    assert told(seen, "alert", ALERT, severity="critical", acknowledged_at=None) == "worsened"
    assert told(None, "alert", ALERT) is None
    snoozed = replace(PLANT, alerts={7: Alert.parse(ALERT | {"snoozed_until": AT})})
    assert told(snoozed, "alert", ALERT, snoozed_until=AT, count=2) is None
    assert told(snoozed, "alert", ALERT) == "snooze_ended"
    assert told(snoozed, "alert", ALERT, severity="critical") == "worsened"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("queued", None),
        ("accepted", "started"),
        ("succeeded", "finished"),
        ("interrupted", "finished"),
        ("rejected", "failed"),
        ("expired", "failed"),
        ("timed_out", "failed"),
        ("cancelled", None),
    ],
)
def test_a_run_is_told_by_how_it_went(state: str, expected: str | None) -> None:
    """Once: what is known already, or was told before, is no news."""
    live = replace(PLANT, live={5: Command.parse(COMMAND)})
    assert told(live, "command", COMMAND, state=state) == expected
    again = replace(PLANT, live={5: Command.parse(COMMAND | {"state": state})})
    assert told(again, "command", COMMAND, state=state) is None
    ended = replace(PLANT, runs={"pump": {5: Run(Command.parse(COMMAND).created_at, 5000)}})
    assert told(ended, "command", COMMAND, state=state) is None


def test_a_run_that_was_given_up_and_never_was_counts_no_more() -> None:
    """Its node was silent for a while; what it says in the end is so."""
    plant = PLANT
    for changes, ran_ms in (
        ({"state": "delivered", "delivered_at": AT}, 0),
        ({"state": "timed_out", "delivered_at": AT, "counted_ms": 8000}, 8000),
        ({"state": "rejected", "delivered_at": AT, "counted_ms": 0}, 0),
    ):
        garden = Garden({"d": plant}).apply(
            Message("command", {"device_id": "d", "command": COMMAND | {"duration_ms": 8000} | changes})
        )
        plant = garden.plants["d"]
        assert plant.ran_ms("pump") == ran_ms
    assert plant.last_watered_at is None


def test_only_pumps_that_are_switched_on_are_told_of() -> None:
    """A lamp is no watering, and neither is an off; other messages are none of it."""
    assert told(PLANT, "command", COMMAND, state="succeeded", actuator="lamp") is None
    assert told(PLANT, "command", COMMAND, state="succeeded", action="off") is None
    assert told(PLANT, "decision", {}) is None
