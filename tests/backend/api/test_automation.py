"""From a dry reading to a dose with its reasons, through the real process."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from plant_backend.domain.ledger import DecisionRecord
from plant_backend.domain.rules import decide

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, MANIFEST, Node, Person, eventually, expect


def test_a_dry_plant_gets_one_dose_and_the_ledger_says_why(node: Node, ada: Person) -> None:
    _profile(node, ada, mode="on", dose_ms=4_000)
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=25)

    assert (command["actuator"], command["action"], command["duration_ms"]) == ("pump", "on", 4_000)
    shown = ada.get(f"{node.path}/commands")["commands"]
    assert [(found["id"], found["origin"], found["requested_by"]) for found in shown] == [(command["id"], "rule", None)]
    decision = _decided(node, ada, "watered")
    assert decision["command_id"] == command["id"]
    assert [reason["code"] for reason in decision["reasons"]] == ["dry"]
    assert "12 %" in decision["reasons"][0]["text"]


def test_after_a_dose_the_plant_waits_and_says_until_when(node: Node, ada: Person) -> None:
    _profile(node, ada, mode="on")
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=25)
    node.ack(command, "succeeded", 5_000)
    node.send(soil=12)

    decision = _decided(node, ada, "refused", "cooling_down")
    assert datetime.fromisoformat(decision["reasons"][0]["until"]) > datetime.fromisoformat(decision["at"])
    assert node.poll(after=command["seq"]) == []


def test_fifty_posts_at_once_on_a_dry_plant_give_one_dose(node: Node, ada: Person) -> None:
    _profile(node, ada, mode="on")
    node.send(tank=80)
    with ThreadPoolExecutor(25) as threads:
        list(threads.map(lambda number: node.send(soil=12, age_ms=number), range(50)))
    (command,) = node.poll(after=0, wait=25)

    # The posts have all been looked at when a later, moist one has been.
    node.ack(command, "succeeded", 5_000)
    node.send(soil=60)
    _decided(node, ada, "not_needed", "moist")
    assert len(ada.get(f"{node.path}/commands")["commands"]) == 1
    outcomes = [decision["outcome"] for decision in ada.get(f"{node.path}/decisions")["decisions"]]
    assert outcomes.count("watered") == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"soil": [12, 12]}, "reservoir_unknown"),
        ({"soil": [12, 12], "tank": 5}, "reservoir_low"),
        ({"soil": [40, 12], "tank": 80}, "probe_unsteady"),
        ({"soil": 12, "tank": 80}, "probe_unsteady"),
        ({"soil": [12, -7], "tank": 80}, "probe_implausible"),
        ({"tank": 80}, "no_reading"),
    ],
)
def test_a_plant_that_is_not_watered_has_a_reason_too(
    node: Node, ada: Person, values: dict[str, float], code: str
) -> None:
    _profile(node, ada, mode="on")
    node.send(**values)

    _decided(node, ada, None, code)
    assert ada.get(f"{node.path}/commands")["commands"] == []


def test_backfill_never_waters(node: Node, ada: Person) -> None:
    _profile(node, ada, mode="on")
    node.send(tank=80)
    node.send(soil=[12, 12], age_ms=20 * 60_000)

    _decided(node, ada, "refused", "probe_stale")
    node.send(soil=60)
    _decided(node, ada, "not_needed", "moist")
    node.send(soil=[11, 11, 11], age_ms=60_000)
    assert ada.get(f"{node.path}/commands")["commands"] == []


def test_with_automation_off_nothing_runs(node: Node, ada: Person) -> None:
    node.send(soil=[12, 12], tank=80)

    _decided(node, ada, "not_needed", "automation_off")
    assert node.poll(after=0) == []


def test_switching_automation_on_looks_at_once(node: Node, ada: Person) -> None:
    node.send(soil=[12, 12], tank=80)
    _profile(node, ada, mode="on")

    assert len(node.poll(after=0, wait=25)) == 1


def test_shadow_writes_down_what_it_would_do_and_queues_nothing(node: Node, ada: Person) -> None:
    _profile(node, ada, mode="shadow")
    node.send(soil=[12, 12], tank=80)
    decision = _decided(node, ada, "would_water")

    assert (decision["mode"], decision["command_id"]) == ("shadow", None)
    node.send(soil=12)
    _decided(node, ada, "refused", "cooling_down")
    assert node.poll(after=0) == []
    assert ada.get(f"{node.path}/commands")["commands"] == []


def test_shadow_waits_between_doses_as_the_real_thing_does(fast_node: Node, fast_ada: Person) -> None:
    """A hundred times faster: cooldown and soak of a minute are over in 0.6 s, and the cap holds two doses."""
    rhythm = {"cooldown_s": 60, "soak_s": 30, "dose_ms": 5_000, "daily_cap_ms": 10_000, "stale_after_s": 3_600}
    _profile(fast_node, fast_ada, mode="shadow", **rhythm)

    def decisions() -> list[JSON]:
        fast_node.send(soil=12, tank=80)
        found: list[JSON] = fast_ada.get(f"{fast_node.path}/decisions", limit=500)["decisions"]
        return found

    eventually(lambda: any(decision["reasons"][0]["code"] == "daily_cap_reached" for decision in decisions()))
    doses = [datetime.fromisoformat(found["at"]) for found in decisions() if found["outcome"] == "would_water"]
    assert len(doses) == 2
    assert (doses[0] - doses[1]).total_seconds() >= 60
    assert fast_ada.get(f"{fast_node.path}/commands")["commands"] == []


def test_a_dose_and_a_dose_again_after_the_cooldown(fast_node: Node, fast_ada: Person) -> None:
    _profile(fast_node, fast_ada, mode="on", cooldown_s=60, soak_s=30, stale_after_s=3_600)
    # A command lives for ten seconds: the poll is there before it.
    with fast_node.long_poll() as poll:
        fast_node.send(soil=[12, 12], tank=80)
        (first,) = expect(200, poll.result(timeout=45))["commands"]
    fast_node.ack(first, "accepted")
    fast_node.ack(first, "succeeded", 5_000)

    def second() -> list[JSON]:
        fast_node.send(soil=13, tank=80)
        return fast_node.poll(after=first["seq"])

    assert [command["seq"] for command in eventually(second)] == [2]
    shown = fast_ada.get(f"{fast_node.path}/commands")["commands"]
    started = [datetime.fromisoformat(command["created_at"]) for command in shown]
    assert (started[0] - started[1]).total_seconds() >= 60


def test_every_decision_can_be_made_again_from_what_the_ledger_holds(node: Node, ada: Person) -> None:
    """`inputs` and `at` are all that a decision depends on."""
    _profile(node, ada, mode="on")
    for values, code in (
        ({"soil": [12.2, 12]}, "reservoir_unknown"),
        ({"tank": 5}, "reservoir_low"),
        ({"tank": 60}, "dry"),
        ({"soil": 60, "air": 50}, "moist"),
    ):
        node.send(**values)
        _decided(node, ada, None, code)

    for document in ada.get(f"{node.path}/decisions", limit=500)["decisions"]:
        record = msgspec.convert(document, DecisionRecord, strict=False)
        again = decide(record.inputs, record.at)
        assert again.reasons == record.reasons
        assert bool(again.doses) == (record.outcome in ("watered", "would_water"))


def test_the_ledger_comes_in_pages(node: Node, ada: Person) -> None:
    _profile(node, ada, mode="on")
    for values, code in (({"soil": 60}, "moist"), ({"soil": 12}, "reservoir_unknown"), ({"soil": 61}, "moist")):
        node.send(**values)
        _decided(node, ada, None, code)
    every = ada.get(f"{node.path}/decisions")["decisions"]
    assert len(every) >= 3

    pages, before = [], None
    while True:
        params = {"limit": 1} if before is None else {"limit": 1, "before": before}
        page = ada.get(f"{node.path}/decisions", **params)
        pages += page["decisions"]
        if (before := page["next_before"]) is None:
            break
    assert pages[: len(every)] == every


# Profiles


def test_a_profile_is_replaced_as_a_whole_and_its_version_grows(node: Node, ada: Person) -> None:
    default = ada.get(f"{node.path}/automation")
    assert default["mode"] == "off"
    one = _profile(node, ada, mode="on", soil_moisture_min_percent=25.5)
    two = _profile(node, ada, dose_ms=3_000)

    assert default["version"] < one["version"] < two["version"]
    assert (one["mode"], one["soil_moisture_min_percent"]) == ("on", 25.5)
    assert two == default | {"dose_ms": 3_000, "version": two["version"]}
    assert ada.get(f"{node.path}/automation") == two


def test_a_limit_of_temperature_can_be_switched_off(node: Node, ada: Person) -> None:
    assert _profile(node, ada, air_temperature_min_c=None)["air_temperature_min_c"] is None


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({"air_temperature_min_c": 30, "air_temperature_max_c": 20}, "air_temperature_min_c"),
        ({"air_temperature_min_c": 20, "air_temperature_max_c": 20}, "air_temperature_min_c"),
        ({"soil_moisture_min_percent": 98}, "soil_moisture_hysteresis_percent"),
        ({"soil_moisture_min_percent": -1}, "soil_moisture_min_percent"),
        ({"soil_moisture_min_percent": 101}, "soil_moisture_min_percent"),
        ({"soil_moisture_min_percent": "30"}, "soil_moisture_min_percent"),
        ({"soil_moisture_min_percent": None}, "soil_moisture_min_percent"),
        ({"soil_moisture_min_percent": True}, "soil_moisture_min_percent"),
        ({"dose_ms": -5_000}, "dose_ms"),
        ({"dose_ms": 0}, "dose_ms"),
        ({"dose_ms": 1.5}, "dose_ms"),
        ({"dose_ms": 30_001}, "dose_ms"),
        ({"dose_ms": 6_000, "daily_cap_ms": 5_000}, "dose_ms"),
        ({"dose_ms": 10**30}, "dose_ms"),
        ({"cooldown_s": 59}, "cooldown_s"),
        ({"cooldown_s": -1}, "cooldown_s"),
        ({"soak_s": -1}, "soak_s"),
        ({"daily_cap_ms": -1}, "daily_cap_ms"),
        ({"stale_after_s": 0}, "stale_after_s"),
        ({"stale_after_s": 10**9}, "stale_after_s"),
        ({"mode": "auto"}, "mode"),
        ({"mode": "ON"}, "mode"),
        ({"humidity_min_percent": 1}, "humidity_min_percent"),
        ({"version": 2}, "version"),
    ],
)
def test_a_profile_that_makes_no_sense_names_the_field_and_changes_nothing(
    node: Node, ada: Person, profile: JSON, field: str
) -> None:
    before = _profile(node, ada, mode="shadow")

    refused(ada.request("PUT", f"{node.path}/automation", json=profile), 422, "invalid_input", field)
    assert ada.get(f"{node.path}/automation") == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_profile_has_finite_numbers(node: Node, ada: Person, number: str) -> None:
    for field in ("soil_moisture_min_percent", "dose_ms", "air_temperature_max_c"):
        content = b'{"%s": %s}' % (field.encode(), number.encode())
        headers = {"content-type": "application/json"}
        answer = ada.request("PUT", f"{node.path}/automation", content=content, headers=headers)
        refused(answer, 422, "invalid_input", field)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"dose_ms":' + b"9" * 5000 + b"}"])
def test_a_profile_that_is_no_object_is_refused(node: Node, ada: Person, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = ada.request("PUT", f"{node.path}/automation", content=content, headers=headers)

    assert answer.status_code in (400, 422)
    refused(answer, answer.status_code, answer.json()["code"])


def test_a_node_that_lowers_its_limit_later_gets_no_dose_above_it(node: Node, ada: Person) -> None:
    _profile(node, ada, mode="on", dose_ms=20_000)
    pump = {"key": "pump", "kind": "pump", "limits": {"max_run_ms": 10_000}}
    node.sign_in(MANIFEST | {"actuators": [pump]})
    node.send(soil=[12, 12], tank=80)

    _decided(node, ada, "refused", "pump_limit")
    assert node.poll(after=0) == []


def _profile(node: Node, person: Person, **profile: Any) -> JSON:
    node.wait_for_first_look()
    answer: JSON = expect(200, person.request("PUT", f"{node.path}/automation", json=profile))
    return answer


def _decided(node: Node, person: Person, outcome: str | None, code: str | None = None) -> JSON:
    """Wait until the newest decision is this one."""

    def newest() -> JSON | None:
        decisions: list[JSON] = person.get(f"{node.path}/decisions")["decisions"]
        if not decisions:
            return None
        found = decisions[0]
        is_right = outcome in (None, found["outcome"]) and code in (None, found["reasons"][0]["code"])
        return found if is_right else None

    found: JSON = eventually(newest)
    return found


def test_a_lamp_is_lit_until_its_end_and_burns_on_its_own(node: Node, ada: Person) -> None:
    """Lights off schedule after a reboot: Mycodo #1181. The light is looked at, not waited for."""
    now = datetime.now(UTC)
    # Some hours of light around now, wherever in the day the test runs.
    hours = {"lamp_on_at": f"{now - timedelta(hours=2):%H:%M}", "lamp_off_at": f"{now + timedelta(hours=3):%H:%M}"}
    _profile(node, ada, mode="on", lamp_mode="fixed", **hours)
    (command,) = node.poll(after=0, wait=25)

    assert (command["actuator"], command["action"]) == ("lamp", "on")
    assert 2.9 * 3_600_000 < command["duration_ms"] <= 3 * 3_600_000
    assert "lamp_on" in {reason["code"] for reason in _decided(node, ada, None)["reasons"]}
    node.ack(command, "accepted")
    node.send(soil=60)
    assert node.poll(after=command["seq"]) == []
    node.ack(command, "interrupted", 3_000_000, "restart")
    (again,) = node.poll(after=command["seq"], wait=25)
    assert (again["actuator"], again["action"]) == ("lamp", "on")


def test_in_shadow_mode_no_lamp_is_lit(node: Node, ada: Person) -> None:
    now = datetime.now(UTC)
    hours = {"lamp_on_at": f"{now - timedelta(hours=2):%H:%M}", "lamp_off_at": f"{now + timedelta(hours=3):%H:%M}"}
    _profile(node, ada, mode="shadow", lamp_mode="fixed", **hours)
    assert _decided(node, ada, "would_switch")["command_id"] is None
    for _ in range(3):
        node.send(soil=60)
    assert node.poll(after=0) == []


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({"lamp_mode": "fixed"}, "lamp_on_at"),
        ({"lamp_mode": "sun", "latitude": 52.5}, "longitude"),
        ({"lamp_on_at": "06:00", "lamp_off_at": "06:00"}, "lamp_off_at"),
        ({"lamp_on_at": "06:00+02:00"}, "lamp_on_at"),
        ({"lamp_on_at": 21_600}, "lamp_on_at"),
        ({"lamp_on_at": "6 o'clock"}, "lamp_on_at"),
        ({"quiet_from": "25:00"}, "quiet_from"),
        ({"time_zone": "Europe/Nowhere"}, "time_zone"),
        ({"time_zone": "Europe"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"time_zone": "\u0000"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"latitude": 91}, "latitude"),
        ({"lamp_hours_min": 25}, "lamp_hours_min"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(node: Node, ada: Person, profile: JSON, field: str) -> None:
    refused(ada.request("PUT", f"{node.path}/automation", json=profile), 422, "invalid_input", field)


def test_derived_values_are_shown_and_null_without_their_sensors(node: Node, ada: Person) -> None:
    assert ada.get(node.path)["derived"] == {"vpd_kpa": None, "dli_mol_m2_d": None}
    more = [
        {"key": "damp", "kind": "air_humidity", "unit": "%"},
        {"key": "light", "kind": "illuminance", "unit": "lx"},
    ]
    node.sign_in(MANIFEST | {"sensors": [*MANIFEST["sensors"], *more]})
    node.send(air=25, damp=60)
    for hour in range(25):
        node.send(light=[10_000] * 60, age_ms=hour * 3_600_000)
    shown = ada.get(node.path)["derived"]
    assert shown["vpd_kpa"] == pytest.approx(1.267, abs=0.001)
    assert shown["dli_mol_m2_d"] == pytest.approx(15.98, abs=0.01)
    with ada.listen() as stream:
        (_, snapshot) = stream.take(2)
    (found,) = [each for each in snapshot.data["devices"] if each["id"] == node.device_id]
    assert found["derived"] == shown
