"""Why a plant cannot be watered by hand is said before anybody tries."""

import gettext
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from plant_backend.domain.alert import Alert, AlertKind, AlertState, Severity
from plant_backend.domain.command import Action, Command, CommandState, Origin
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.ledger import DecisionOutcome, DecisionRecord
from plant_backend.domain.model import Actuator, Device, Mode, Profile, Sample, Sensor
from plant_backend.domain.outcome import outcome_of
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.rules import Decision
from plant_backend.services.devices import DeviceStatus
from plant_backend.web.obstacles import why_not
from plant_backend.web.plant_view import Plant
from plant_backend.web.presence import Presence
from plant_backend.wording.formats import Formats
from plant_backend.wording.language import locale

from tests import builders
from tests.builders import NOW, SECOND

DEVICE = Device(
    1,
    "d",
    1,
    "Basil",
    NOW,
    sensors=(Sensor(1, "soil", SensorKind.SOIL_MOISTURE, "%"), Sensor(2, "tank", SensorKind.RESERVOIR_LEVEL, "%")),
    actuators=(Actuator(3, "pump", ActuatorKind.PUMP),),
)
PROFILE = Profile(mode=Mode.ON, stale_after_s=900, cooldown_s=3600, reservoir_min_percent=10)


def a_plant(*, age_s: float = 10, tank: float = 50, **changes: object) -> Plant:
    """Give a plant that may be watered, unless told otherwise."""
    at = NOW - age_s * SECOND
    latest = {"soil": Sample(at, 40.0), "tank": Sample(at, tank)}
    plant = Plant(DeviceStatus(DEVICE, at, latest), PROFILE, 1, NOW, (), (), None)
    return replace(plant, **changes)


def a_run(state: CommandState, ago_s: float = 60) -> Command:
    """Give a run of the pump that began some time ago."""
    at = NOW - ago_s * SECOND
    return Command(1, "d", 1, "pump", Action.ON, 5000, state, Origin.PERSON, False, at, at, counted_ms=5000)


def said(plant: Plant) -> str | None:
    """Give what stands against it."""
    return why_not(plant, lambda text, /, **values: gettext.gettext(text) % values if values else text, formats())


def formats() -> Formats:
    """Give how an English person in UTC reads."""
    return Formats(locale("en"), ZoneInfo("UTC"), NOW)


def test_nothing_stands_against_a_plant_that_is_fine() -> None:
    assert said(a_plant()) is None


@pytest.mark.parametrize(
    ("age_s", "presence"),
    [(10, Presence.FRESH), (900, Presence.FRESH), (901, Presence.STALE), (2701, Presence.OFFLINE)],
)
def test_a_node_that_is_silent_is_not_told_to_pump(age_s: float, presence: Presence) -> None:
    plant = a_plant(age_s=age_s)
    assert plant.presence is presence
    assert (said(plant) is None) is (presence is Presence.FRESH)


def test_a_node_that_was_never_seen_is_not_told_to_pump() -> None:
    assert said(a_plant(status=DeviceStatus(DEVICE, None, {}))) == "The node was never seen."


def test_an_empty_reservoir_is_an_obstacle() -> None:
    assert said(a_plant(tank=9.9)) == "The reservoir is too low."
    assert said(a_plant(tank=-1)) == "The reservoir gives no value to trust."


def test_a_run_under_way_and_the_pause_after_it_are_obstacles() -> None:
    assert said(a_plant(commands=[a_run(CommandState.ACCEPTED)])) == "A run is under way."
    ended = said(a_plant(commands=[a_run(CommandState.SUCCEEDED)]))
    assert ended is not None
    assert ended.startswith("Cooling down until ")
    assert said(a_plant(commands=[a_run(CommandState.SUCCEEDED, 3601)])) is None
    assert said(a_plant(commands=[a_run(CommandState.EXPIRED)])) is None


@pytest.mark.parametrize("state", [CommandState.ACCEPTED, CommandState.SUCCEEDED])
def test_a_pump_keeps_its_runs_under_a_new_name(state: CommandState) -> None:
    """The guards count them too, and "not watered yet" would have somebody water twice."""
    old, new = replace(DEVICE.actuators[0], retired_at=NOW), Actuator(4, "pump_left", ActuatorKind.PUMP)
    lamp = Actuator(5, "pump_lamp", ActuatorKind.LAMP, retired_at=NOW)
    second = Actuator(6, "pump_right", ActuatorKind.PUMP)
    device = replace(DEVICE, actuators=(old, new, lamp, second))
    run = a_run(state)
    plant = a_plant(
        status=DeviceStatus(device, NOW, a_plant().status.latest),
        commands=[replace(run, id=3, actuator="pump_lamp"), replace(run, id=2, actuator="pump_right"), run],
    )
    assert plant.runs == [run]
    assert plant.watered_ms_since(NOW - timedelta(hours=1)) == 5000
    assert (said(plant) or "").startswith("A run is under way" if plant.live else "Cooling down until ")


def test_a_blocked_pump_is_an_obstacle() -> None:
    alert = Alert(
        1,
        "d",
        AlertKind.WATERING_WITHOUT_EFFECT,
        "pump",
        Severity.CRITICAL,
        AlertState.OPEN,
        "",
        1,
        NOW,
        NOW,
        None,
        None,
        None,
    )
    assert "Blocked" in (said(a_plant(alerts=[alert])) or "")


def test_the_next_watering_is_guessed_from_how_the_soil_dries() -> None:
    from plant_backend.domain.history import Bucket

    def drying(percent_per_h: float) -> list[Bucket]:
        points = [(NOW - timedelta(hours=hour), 40 + hour * percent_per_h) for hour in (4, 3, 2, 1, 0)]
        return [Bucket(at, value, value, value, 1, value) for at, value in points]

    assert a_plant(soil_trace=drying(2)).due_at == NOW + timedelta(hours=5)
    assert a_plant(soil_trace=drying(0)).due_at is None
    assert a_plant(soil_trace=drying(-1)).due_at is None
    assert a_plant(soil_trace=drying(2), profile=replace(PROFILE, mode=Mode.OFF)).due_at is None


@pytest.mark.parametrize(
    ("codes", "holds_water"),
    [
        ([ReasonCode.MOIST, ReasonCode.LAMP_SKIPPED], False),
        ([ReasonCode.MOIST, ReasonCode.LAMP_BACKING_OFF], False),
        ([ReasonCode.RESERVOIR_LOW, ReasonCode.LAMP_ON], True),
        ([ReasonCode.QUIET_HOURS], True),
    ],
)
def test_what_holds_back_the_lamp_alone_holds_back_no_water(codes: list[ReasonCode], holds_water: bool) -> None:
    reasons, inputs = tuple(Reason(code, "x") for code in codes), builders.a_plant()
    outcome = outcome_of(inputs, Decision((), (), reasons, is_thirsty=False, wake_at=None))
    assert outcome is DecisionOutcome.REFUSED
    plant = a_plant(decision=DecisionRecord(1, "d", NOW, Mode.ON, outcome, reasons, inputs, None))
    assert plant.held_back == (reasons[0] if holds_water else None)
    assert list(plant.why) == [reasons[0] if holds_water else reasons[1]]
