"""A plant that is dry and gets no water for hours: somebody hears of it, whatever the reason."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from plant_backend.domain.alert import AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import Mode, PlantSnapshot, SensorState
from plant_backend.domain.reason import ReasonCode
from plant_backend.domain.rules import decide
from plant_backend.domain.silence import TOLD_AFTER

from tests.builders import HOUR, MINUTE, NOW, SECOND, a_plant, a_pump, a_sensor, some_samples

LONG_AGO = NOW - TOLD_AFTER


def told(plant: PlantSnapshot, now: datetime = NOW) -> RaiseAlert | ClearAlert | None:
    found = [change for change in decide(plant, now).alerts if change.kind is AlertKind.NOT_WATERING]
    return found[0] if found else None


def held_back(since: datetime | None = LONG_AGO, **plant: Any) -> PlantSnapshot:
    return replace(a_plant(is_thirsty=True, **plant), held_back_since=since)


NO_TANK = SensorState("tank", SensorKind.RESERVOIR_LEVEL)


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        (ReasonCode.PROBE_UNSTEADY, held_back(soil=[29, 12])),
        (ReasonCode.RESERVOIR_UNKNOWN, held_back(reservoir=None, more=(NO_TANK,))),
        (ReasonCode.NO_FLOW_RATE, held_back(dose_ml=50)),
    ],
)
def test_what_keeps_water_from_a_dry_plant_for_hours_is_told(code: ReasonCode, plant: PlantSnapshot) -> None:
    change, reason = told(plant), decide(plant, NOW).reasons[0]
    assert reason.code is code
    assert isinstance(change, RaiseAlert)
    assert change.severity is Severity.CRITICAL
    assert reason.text in change.message


@pytest.mark.parametrize(("failed_at", "code"), [(NOW - MINUTE, ReasonCode.BACKING_OFF), (NOW - HOUR, ReasonCode.DRY)])
def test_orders_that_come_to_nothing_are_no_water(failed_at: datetime, code: ReasonCode) -> None:
    plant = held_back(pump=a_pump(failed_at=failed_at))
    change, decision = told(plant), decide(plant, NOW)
    assert (decision.reasons[0].code, decision.held_back_since) == (code, LONG_AGO)
    assert isinstance(change, RaiseAlert)
    assert "comes to nothing" in change.message


def test_while_a_command_is_under_way_nothing_is_said_and_nothing_forgotten() -> None:
    plant = held_back(pump=a_pump(is_busy=True))
    assert told(plant) is None
    assert decide(plant, NOW).held_back_since == LONG_AGO
    assert decide(replace(plant, held_back_since=None), NOW).held_back_since is None


def test_not_a_second_before() -> None:
    assert told(held_back(LONG_AGO + SECOND, dose_ml=50)) is None


def test_it_counts_from_the_first_refusal_on_whatever_comes_between() -> None:
    """A node that speaks too seldom is unsteady, then stale, then unsteady again: all the while nothing is watered."""
    first = decide(replace(held_back(None, soil=[12]), is_thirsty=True), NOW)
    assert first.held_back_since == NOW
    later = NOW + HOUR
    stale = decide(held_back(first.held_back_since, soil=[12]), later)
    assert (stale.reasons[0].code, stale.held_back_since) == (ReasonCode.PROBE_STALE, NOW)


@pytest.mark.parametrize(
    "plant",
    [
        held_back(soil=12),
        held_back(soil=60),
        held_back(soil=[29, 12], mode=Mode.OFF),
        held_back(soil=[29, 12], mode=Mode.SHADOW),
        held_back(pump=a_pump(started_at=NOW - MINUTE, ended_at=NOW - MINUTE)),
    ],
)
def test_a_dose_enough_water_and_a_wait_that_somebody_wants_end_it(plant: PlantSnapshot) -> None:
    opened = replace(plant, open_alerts=frozenset({("not_watering", "")}))
    assert decide(opened, NOW).held_back_since is None
    assert isinstance(told(opened), ClearAlert)


def test_a_plant_that_is_not_dry_waits_for_nothing() -> None:
    plant = replace(a_plant(soil=[29, 60]), held_back_since=None)
    assert decide(plant, NOW).held_back_since is None


@pytest.mark.parametrize("is_calibrated", [True, False])
def test_a_probe_that_never_told_whether_the_soil_is_dry_is_told_of(is_calibrated: bool) -> None:
    probe = SensorState("soil", SensorKind.SOIL_MOISTURE, is_calibrated=is_calibrated)
    plant = replace(a_plant(soil=None, more=(probe,)), held_back_since=LONG_AGO)
    change = told(plant)
    assert isinstance(change, RaiseAlert)
    assert (change.severity, "Nobody knows" in change.message) == (Severity.WARNING, True)


def test_what_has_an_alert_of_its_own_is_not_told_twice() -> None:
    assert told(held_back(reservoir=5)) is None


def test_the_rules_look_again_when_it_is_time_to_tell() -> None:
    plant = held_back(NOW - 2 * HOUR, dose_ml=50, stale_after_s=86_400)
    assert decide(plant, NOW).wake_at == NOW + 2 * HOUR


def test_a_node_that_speaks_too_seldom_is_told_what_to_set() -> None:
    quarter = some_samples([12, 12, 12, 12], every=15 * MINUTE)
    soil = SensorState("soil", SensorKind.SOIL_MOISTURE, quarter)
    decision = decide(a_plant(soil=None, more=(soil,), stale_after_s=890), NOW)
    assert decision.reasons[0].code is ReasonCode.PROBE_UNSTEADY
    assert "every 900 s" in decision.reasons[0].text
    assert "stale_after_s to 2250" in decision.reasons[0].text

    stale = decide(a_plant(soil=None, more=(soil,), stale_after_s=890), NOW + 15 * MINUTE)
    messages = [change.message for change in stale.alerts if change.channel == "soil"]
    assert "stale_after_s to 2250" in messages[0]
    enough = decide(a_plant(soil=None, more=(soil,), stale_after_s=2_250), NOW)
    assert enough.reasons[0].code is ReasonCode.DRY


def test_a_node_that_just_fell_silent_gets_no_such_advice() -> None:
    plant = a_plant(soil=None, more=(a_sensor("soil", SensorKind.SOIL_MOISTURE, [12] * 5),))
    (change,) = [change for change in decide(plant, NOW + HOUR).alerts if change.channel == "soil"]
    assert "stale_after_s" not in change.message
