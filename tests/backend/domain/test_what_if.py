"""A simulation is the rules over what was recorded: the same profile gives what happened, and no other floods."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_backend.domain.alert import AlertKind
from plant_backend.domain.command import AckStatus, Origin
from plant_backend.domain.course import Run, refusals_of
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.model import Actuator, Mode, Profile, PumpLimits, Sensor
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.what_if import RUN_IN, Resolved, Simulated, Simulation

from tests.backend.domain.garden import Garden
from tests.builders import DAY, HOUR, MINUTE, NOW, SECOND

SENSORS = (Sensor(1, "soil", SensorKind.SOIL_MOISTURE, "%"), Sensor(2, "tank", SensorKind.RESERVOIR_LEVEL, "%"))
PUMP = Actuator(1, "pump", ActuatorKind.PUMP, PumpLimits(flow_ml_per_min=120))
PROFILE = Profile(mode=Mode.ON, stale_after_s=1_800)

Recorded = dict[str, dict[datetime, float]]


def simulate(recorded: Recorded, profile: Profile, **more: Any) -> Simulated:
    """Run a profile over readings, all of it told, and without a step."""
    instants = sorted({at for values in recorded.values() for at in values})
    given_: dict[str, Any] = {"runs": (), "resolved": (), "since": NOW, "step": SECOND} | more
    simulation = Simulation(profile, SENSORS, PUMP, **given_)
    for at in instants:
        simulation.feed(at, [recorded.get(sensor.key, {}).get(at) for sensor in SENSORS])
    return simulation.finish(instants[-1] + SECOND)


def series(values: Iterable[float], *, every: timedelta = 5 * MINUTE, begin: datetime = NOW) -> dict[datetime, float]:
    """Give values at even distances."""
    return {begin + place * every: value for place, value in enumerate(values)}


def lived(days: int, profile: Profile) -> Garden:
    """Let a pot dry and be watered by the real rules, with a reading every 5 minutes."""
    garden, soil, coming = Garden(profile), 36.0, 0.0
    for _ in range(days * 288):
        garden.wait(300)
        seep = min(coming, 0.5)
        soil, coming = soil - 0.06 + seep, coming - seep
        garden.report("soil", round(soil, 2))
        garden.report("tank", 80)
        if garden.look().doses:
            garden.finish(AckStatus.SUCCEEDED, 0, 1.0)
            coming += 4
    return garden


def test_the_profile_that_was_in_force_gives_the_doses_that_were_given() -> None:
    garden = lived(6, PROFILE)
    simulated = simulate(garden.readings, PROFILE)

    assert len(garden.runs) > 8
    assert len(simulated.course.doses) == len(garden.runs)
    for run, given_ in zip(simulated.course.doses, garden.runs, strict=True):
        # The simulation looks when the cooldown ends, the garden with its next reading.
        assert abs(run.at - given_.created_at) <= 10 * SECOND
    assert {run.volume_ml for run in simulated.course.doses} == {10}


def test_a_lower_minimum_waters_later_and_says_when_the_soil_became_too_dry() -> None:
    recorded = {"soil": series([40 - place * 0.05 for place in range(400)]), "tank": series([80] * 400)}
    before, after, never = (
        simulate(recorded, replace(PROFILE, soil_moisture_min_percent=limit)) for limit in (30, 25, 5)
    )
    assert before.dry_spells[0].began_at == before.course.doses[0].at == NOW + 201 * 5 * MINUTE
    assert after.dry_spells[0].began_at == after.course.doses[0].at == NOW + 301 * 5 * MINUTE
    assert (never.course.doses, never.dry_spells) == ((), ())


def test_shadow_counts_as_on_and_off_waters_nothing() -> None:
    recorded = {"soil": series([12] * 20), "tank": series([80] * 20)}
    on, shadow, off = (simulate(recorded, replace(PROFILE, mode=mode)) for mode in (Mode.ON, Mode.SHADOW, Mode.OFF))
    assert on.course.doses == shadow.course.doses
    assert len(on.course.doses) == 2
    assert off.course.doses == ()


def test_what_a_person_ran_counts_for_cooldown_and_cap_and_is_shown() -> None:
    recorded = {"soil": series([12] * 10), "tank": series([80] * 10)}
    by_hand = Run(NOW + MINUTE, NOW + MINUTE + 5 * SECOND, 5_000, 10, Origin.PERSON)
    simulated = simulate(recorded, PROFILE, runs=(by_hand,))

    assert simulated.course.doses == (by_hand,)
    assert [refusal.code for refusal in simulated.course.refusals] == [
        ReasonCode.COOLING_DOWN,
        ReasonCode.PROBE_UNSTEADY,
    ]


def test_the_run_in_gives_thirst_cap_and_cooldown_and_is_not_told() -> None:
    recorded = {"soil": series([12, 13] * 200, begin=NOW - RUN_IN), "tank": series([80] * 400, begin=NOW - RUN_IN)}
    simulated = simulate(recorded, PROFILE)

    assert all(run.at >= NOW for run in simulated.course.doses)
    assert simulated.dry_spells[0].began_at < NOW
    # The day before has used up the cap, and frees one dose an hour.
    assert simulated.course.doses[0].at > NOW
    assert simulated.course.refusals[0].code is ReasonCode.DAILY_CAP_REACHED


def test_alerts_open_once_close_again_and_stay_where_they_last() -> None:
    soil = series([40] * 60)
    tank = series([80] * 10 + [5] * 10 + [80] * 10 + [4] * 30)
    simulated = simulate({"soil": soil, "tank": tank}, PROFILE)

    assert [(alert.kind, alert.opened_at, alert.closed_at) for alert in simulated.course.alerts] == [
        (AlertKind.RESERVOIR_LOW, NOW + 50 * MINUTE, NOW + 100 * MINUTE),
        (AlertKind.RESERVOIR_LOW, NOW + 150 * MINUTE, None),
    ]


def test_an_alert_that_a_person_resolved_is_resolved_here_too() -> None:
    soil = series([60, 60, 60, *[20] * 40])
    recorded = {"soil": soil, "tank": series([80] * 43)}
    locked = simulate(recorded, PROFILE)
    resolved = Resolved(NOW + HOUR, AlertKind.PROBE_DROPPED, "soil")
    freed = simulate(recorded, PROFILE, resolved=(resolved,))

    assert locked.course.doses == ()
    assert freed.course.doses[0].at == NOW + HOUR
    assert freed.course.alerts[0].closed_at == NOW + HOUR


def test_a_probe_that_falls_silent_is_noticed_without_a_reading() -> None:
    recorded = {"soil": series([40] * 5), "tank": series([80] * 60)}
    simulated = simulate(recorded, PROFILE)

    (alert,) = simulated.course.alerts
    assert alert.kind is AlertKind.PROBE_STALE
    assert alert.opened_at == NOW + 20 * MINUTE + 1_801 * SECOND


def test_readings_of_one_moment_are_looked_at_together() -> None:
    """A batch has a soil value and, a few milliseconds later, a tank: the dose does not wait for the next one."""
    late = timedelta(milliseconds=40)
    tank = {at + late: 80.0 for at in series([0] * 10)}
    simulated = simulate({"soil": series([12] * 10), "tank": tank}, PROFILE)

    assert simulated.course.doses[0].at == NOW + 5 * MINUTE + late


def test_long_times_are_looked_at_in_steps() -> None:
    recorded = {"soil": series([12] * 600, every=5 * SECOND), "tank": series([80] * 600, every=5 * SECOND)}
    simulated = simulate(recorded, PROFILE, step=MINUTE)

    assert 45 <= simulated.looks <= 55
    assert simulated.course.doses[0].at <= NOW + 2 * MINUTE


@given(
    values=st.lists(st.floats(0, 60), min_size=30, max_size=200),
    cooldown_s=st.integers(60, 7_200),
    cap_ms=st.integers(5_000, 40_000),
    every_s=st.integers(20, 1_500),
    step_s=st.integers(1, 300),
)
def test_no_recording_makes_a_simulated_flood(
    values: list[float], cooldown_s: int, cap_ms: int, every_s: int, step_s: int
) -> None:
    recorded = {
        "soil": series(values, every=every_s * SECOND),
        "tank": series([80] * len(values), every=every_s * SECOND),
    }
    profile = replace(PROFILE, cooldown_s=cooldown_s, daily_cap_ms=cap_ms, soak_s=0)
    doses = simulate(recorded, profile, step=step_s * SECOND).course.doses

    assert all((after.at - before.at).total_seconds() >= cooldown_s for before, after in pairwise(doses))
    for place, last in enumerate(doses):
        day = [run.duration_ms for run in doses[: place + 1] if run.ended_at > last.at - DAY]
        assert sum(day) <= cap_ms


def test_refusals_add_up_by_reason_inside_the_time_asked_for() -> None:
    dry, low = Reason(ReasonCode.COOLING_DOWN, "a"), Reason(ReasonCode.RESERVOIR_LOW, "b")
    changes = [(NOW - HOUR, dry), (NOW + HOUR, low), (NOW + 2 * HOUR, None), (NOW + 3 * HOUR, dry)]
    found = refusals_of(changes, NOW, NOW + 5 * HOUR)

    assert [(refusal.code, refusal.spells, refusal.lasted_s) for refusal in found] == [
        (ReasonCode.COOLING_DOWN, 2, 3 * 3_600),
        (ReasonCode.RESERVOIR_LOW, 1, 3_600),
    ]
    assert (found[0].first_at, found[0].last_until) == (NOW, NOW + 5 * HOUR)


@pytest.mark.parametrize("repeats", [1, 5])
def test_a_refusal_that_is_written_every_hour_is_one_spell(repeats: int) -> None:
    reason = Reason(ReasonCode.RESERVOIR_LOW, "b")
    (found,) = refusals_of([(NOW + hour * HOUR, reason) for hour in range(repeats)], NOW, NOW + 8 * HOUR)
    assert (found.spells, found.lasted_s) == (1, 8 * 3_600)
