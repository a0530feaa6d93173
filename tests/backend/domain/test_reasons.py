"""Each answer to "why did it, or did it not, water?", by example."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from plant_backend.domain.kinds import MEASURES, SensorKind
from plant_backend.domain.model import DoseEffect, Mode, PlantSnapshot, PumpLimits, Sample, SensorState
from plant_backend.domain.reason import ReasonCode
from plant_backend.domain.rules import Decision, Dose, decide

from tests.builders import DAY, HOUR, MINUTE, NOW, SECOND, a_plant, a_pump, a_sensor, some_samples

OF_THE_LAMP = {code for code in ReasonCode if code.startswith("lamp_")} | {ReasonCode.CLOCK_WRONG}
"""These have their examples in `test_lamp.py`."""


def the_code(decision: Decision) -> ReasonCode:
    """Give the one reason of a decision, which waters exactly when that reason is `dry`."""
    (reason,) = decision.reasons
    assert reason.text
    assert bool(decision.doses) is (reason.code is ReasonCode.DRY)
    return reason.code


def a_stuck_probe(stuck_for: timedelta) -> SensorState:
    return replace(a_sensor("soil", SensorKind.SOIL_MOISTURE, 12), unchanged_since=NOW - stuck_for)


def a_second_probe(soil: object) -> SensorState:
    return a_sensor("soil_2", SensorKind.SOIL_MOISTURE, soil)  # type: ignore[arg-type]


def test_a_dry_plant_gets_one_dose() -> None:
    decision = decide(a_plant(soil=12, dose_ms=7_000), NOW)
    assert the_code(decision) is ReasonCode.DRY
    assert decision.doses == (Dose("pump", 7_000),)
    assert decision.is_thirsty


def test_a_dose_carries_its_own_end() -> None:
    """ "On" without its own off-time floods when the next message is lost: irrigation_unlimited #217."""
    (dose,) = decide(a_plant(dose_ms=100), NOW).doses
    assert dose.duration_ms == 100


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        (ReasonCode.MOIST, a_plant(soil=45)),
        (ReasonCode.AUTOMATION_OFF, a_plant(mode=Mode.OFF)),
        (ReasonCode.NO_PUMP, a_plant(pump=None)),
        (ReasonCode.NO_SOIL_PROBE, a_plant(soil=None)),
        (ReasonCode.NO_READING, a_plant(soil=())),
        (ReasonCode.PROBE_STALE, a_plant(heard=NOW - 16 * MINUTE)),
        (ReasonCode.PROBE_STALE, a_plant(heard=NOW + 61 * SECOND)),
        (ReasonCode.PROBE_IMPLAUSIBLE, a_plant(soil=-0.1)),
        (ReasonCode.PROBE_IMPLAUSIBLE, a_plant(soil=100.1, is_thirsty=True)),
        (ReasonCode.PROBE_UNSTEADY, a_plant(soil=[12])),
        (ReasonCode.PROBE_UNSTEADY, a_plant(soil=[29, 12])),
        (ReasonCode.PROBE_UNSTEADY, a_plant(soil=[-5, 2])),
        (ReasonCode.RESERVOIR_LOW, a_plant(reservoir=9.9)),
        (ReasonCode.RESERVOIR_UNKNOWN, a_plant(reservoir=())),
        (ReasonCode.RESERVOIR_UNKNOWN, a_plant(reservoir=101)),
        (ReasonCode.PUMP_BUSY, a_plant(pump=a_pump(is_busy=True))),
        (ReasonCode.COOLING_DOWN, a_plant(pump=a_pump(started_at=NOW - 59 * MINUTE, ended_at=NOW - 59 * MINUTE))),
        (ReasonCode.SOAKING, a_plant(pump=a_pump(started_at=NOW - HOUR, ended_at=NOW - 14 * MINUTE))),
        (ReasonCode.BACKING_OFF, a_plant(pump=a_pump(failed_at=NOW - 4 * MINUTE))),
        (ReasonCode.DAILY_CAP_REACHED, a_plant(pump=a_pump(used_ms=55_001))),
        (ReasonCode.PUMP_LIMIT, a_plant(pump=a_pump(limits=PumpLimits(max_run_ms=4_999)))),
        (
            ReasonCode.PROBE_UNCALIBRATED,
            a_plant(soil=None, more=(SensorState("soil", SensorKind.SOIL_MOISTURE, is_calibrated=False),)),
        ),
        (ReasonCode.PROBE_DROPPED, a_plant(soil=[45, 45, 5, 5])),
        (ReasonCode.PROBE_DROPPED, a_plant(soil=12, alerts=[("probe_dropped", "soil")])),
        (ReasonCode.PROBE_STUCK, a_plant(soil=None, more=(a_stuck_probe(DAY),))),
        (ReasonCode.PROBES_DISAGREE, a_plant(more=(a_second_probe(30),), probe_pair_tolerance_percent=15)),
        (ReasonCode.PROBES_DISAGREE, a_plant(more=(a_second_probe(()),), probe_pair_tolerance_percent=15)),
        (ReasonCode.QUIET_HOURS, a_plant(quiet_from=time(11), quiet_until=time(13))),
        (ReasonCode.NO_FLOW_RATE, a_plant(dose_ml=50)),
        (
            ReasonCode.WATERING_WITHOUT_EFFECT,
            a_plant(effect=DoseEffect(3, 12.0, is_blocked=True), alerts=[("watering_without_effect", "pump")]),
        ),
    ],
)
def test_no_water_and_the_reason_why(code: ReasonCode, plant: PlantSnapshot) -> None:
    """ "No watering and no visible reason": HAsmartirrigation #841."""
    assert the_code(decide(plant, NOW)) is code


def test_every_reason_has_its_example() -> None:
    examples = test_no_water_and_the_reason_why.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {code for code, _ in examples} | {ReasonCode.DRY} == set(ReasonCode) - OF_THE_LAMP


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        (ReasonCode.DRY, a_plant(soil=29.9)),
        (ReasonCode.MOIST, a_plant(soil=30)),
        (ReasonCode.DRY, a_plant(soil=34.9, is_thirsty=True)),
        (ReasonCode.MOIST, a_plant(soil=35, is_thirsty=True)),
        (ReasonCode.MOIST, a_plant(soil=34.9)),
        (ReasonCode.DRY, a_plant(soil=0)),
        (ReasonCode.DRY, a_plant(soil=[22, 12])),
        (ReasonCode.DRY, a_plant(heard=NOW - 14 * MINUTE)),
        (ReasonCode.DRY, a_plant(heard=NOW + 60 * SECOND)),
        (ReasonCode.DRY, a_plant(reservoir=10)),
        (ReasonCode.DRY, a_plant(reservoir=None)),
        (ReasonCode.DRY, a_plant(pump=a_pump(started_at=NOW - HOUR, ended_at=NOW - 16 * MINUTE))),
        (ReasonCode.DRY, a_plant(pump=a_pump(failed_at=NOW - 5 * MINUTE))),
        (ReasonCode.DRY, a_plant(pump=a_pump(used_ms=55_000))),
        (ReasonCode.DRY, a_plant(pump=a_pump(limits=PumpLimits(max_run_ms=5_000)))),
        (ReasonCode.DRY, a_plant(soil=[37, 37, 12, 12])),
        (ReasonCode.DRY, a_plant(soil=None, more=(a_stuck_probe(DAY - SECOND),))),
        (ReasonCode.DRY, a_plant(soil=None, more=(a_stuck_probe(DAY),), stuck_after_s=0)),
        (ReasonCode.DRY, a_plant(more=(a_second_probe(27),), probe_pair_tolerance_percent=15)),
        (ReasonCode.DRY, a_plant(more=(a_second_probe(90),))),
        (ReasonCode.DRY, a_plant(quiet_from=time(10), quiet_until=time(12))),
        (ReasonCode.QUIET_HOURS, a_plant(quiet_from=time(12), quiet_until=time(10))),
        (ReasonCode.DRY, a_plant(dose_ml=50, pump=a_pump(limits=PumpLimits(flow_ml_per_min=100)))),
    ],
)
def test_each_limit_ends_exactly_where_it_says(code: ReasonCode, plant: PlantSnapshot) -> None:
    assert the_code(decide(plant, NOW)) is code


def test_shadow_decides_as_on_does() -> None:
    """A trial on paper is worth something only when it says what the real thing would do."""
    on, shadow = decide(a_plant(), NOW), decide(a_plant(mode=Mode.SHADOW), NOW)
    assert replace(on, effect=shadow.effect) == shadow
    assert (on.effect.doses, shadow.effect.doses) == (1, 0)


def test_percent_means_percent() -> None:
    """A zone silently never watered because of percent against fraction: NeverDry #170."""
    assert MEASURES[SensorKind.SOIL_MOISTURE].unit == "%"
    decision = decide(a_plant(soil=0.29), NOW)
    assert the_code(decision) is ReasonCode.DRY
    assert "0.29 %" in decision.reasons[0].text


def test_a_probe_that_fell_out_of_the_pot_does_not_water_for_ever() -> None:
    """Unplugged probe waters for ever: GrowCube port #2. The cap of 24 hours ends it, and somebody is told."""
    used_ms, doses, alerts = 0, 0, []
    for hour in range(24):
        at = NOW + hour * HOUR
        plant = a_plant(soil=0, heard=at, is_thirsty=True, pump=a_pump(started_at=at - HOUR, used_ms=used_ms))
        decision = decide(plant, at)
        doses += len(decision.doses)
        used_ms += sum(dose.duration_ms for dose in decision.doses)
        alerts += decision.alerts
    assert (doses, used_ms) == (12, 60_000)
    assert {alert.kind for alert in alerts} == {"daily_cap_reached"}


def test_the_dry_run_guard_holds_whoever_asks() -> None:
    """Dry-run guard "regardless of how the pump is called": garden-of-eden #83, #33."""
    for empty in (a_plant(reservoir=0), a_plant(reservoir=0, is_thirsty=True), a_plant(reservoir=0, mode=Mode.SHADOW)):
        assert the_code(decide(empty, NOW)) is ReasonCode.RESERVOIR_LOW


def test_one_empty_reservoir_of_two_is_enough_to_refuse() -> None:
    second = a_sensor("barrel", SensorKind.RESERVOIR_LEVEL, 3)
    assert the_code(decide(a_plant(more=(second,)), NOW)) is ReasonCode.RESERVOIR_LOW


def test_a_refilled_reservoir_counts_only_above_its_hysteresis() -> None:
    low = [("reservoir_low", "tank")]
    assert the_code(decide(a_plant(reservoir=14.9, alerts=low), NOW)) is ReasonCode.RESERVOIR_LOW
    assert the_code(decide(a_plant(reservoir=15, alerts=low), NOW)) is ReasonCode.DRY


def test_the_nodes_own_daily_limit_holds_where_it_is_lower() -> None:
    limits = PumpLimits(max_day_ms=8_000)
    assert the_code(decide(a_plant(pump=a_pump(limits=limits, used_ms=3_000)), NOW)) is ReasonCode.DRY
    assert the_code(decide(a_plant(pump=a_pump(limits=limits, used_ms=3_001)), NOW)) is ReasonCode.DAILY_CAP_REACHED
    nothing = PumpLimits(max_day_ms=0)
    assert the_code(decide(a_plant(pump=a_pump(limits=nothing)), NOW)) is ReasonCode.DAILY_CAP_REACHED


def test_a_sample_from_before_the_soak_does_not_confirm_one_from_after() -> None:
    """The probe hangs above the wet spot: only what it says after the soak may ask for more water."""
    pump = a_pump(started_at=NOW - 2 * HOUR, ended_at=NOW - 15 * MINUTE - 30 * SECOND)
    before = a_plant(soil=12, pump=pump)
    assert the_code(decide(before, NOW)) is ReasonCode.PROBE_UNSTEADY
    assert (
        the_code(decide(replace(before, sensors=a_plant(heard=NOW + MINUTE).sensors), NOW + MINUTE)) is ReasonCode.DRY
    )


def test_a_clock_that_wakes_in_1970_does_not_water() -> None:
    """1970 after failed NTP stops or starts programs: OpenSprinkler-Firmware #396. Here it refuses and says so."""
    epoch = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    assert the_code(decide(a_plant(), epoch)) is ReasonCode.PROBE_STALE
    cooling = a_plant(heard=epoch, pump=a_pump(started_at=NOW, ended_at=NOW))
    assert the_code(decide(cooling, epoch)) is ReasonCode.COOLING_DOWN


def test_the_hour_that_daylight_saving_repeats_is_an_hour_like_any_other() -> None:
    """Daylight saving doubles or drops a watering: TerrariumPI #745. All rules count in UTC."""
    before = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    pump = a_pump(started_at=before, ended_at=before)
    for minutes, code in ((59, ReasonCode.COOLING_DOWN), (60, ReasonCode.DRY)):
        at = before + minutes * MINUTE
        assert the_code(decide(a_plant(heard=at, pump=pump), at)) is code


def test_a_waiting_decision_says_until_when_and_wakes_then() -> None:
    pump = a_pump(started_at=NOW - 50 * MINUTE, ended_at=NOW - 50 * MINUTE)
    decision = decide(a_plant(pump=pump), NOW)
    assert decision.reasons[0].until == NOW + 10 * MINUTE
    assert decision.wake_at == NOW + 10 * MINUTE


def test_a_quiet_probe_is_looked_at_again_when_it_turns_stale() -> None:
    """A dead probe says nothing that could wake anybody: NeverDry #234."""
    decision = decide(a_plant(soil=50, reservoir=None), NOW)
    assert decision.wake_at == NOW + timedelta(seconds=901)
    later = decide(a_plant(soil=50, reservoir=None), NOW + timedelta(seconds=901))
    assert [(alert.kind, alert.channel) for alert in later.alerts] == [("probe_stale", "soil")]


def test_a_device_without_sensors_has_nothing_to_wake_for() -> None:
    assert decide(PlantSnapshot(a_plant().profile), NOW).wake_at is None


def test_thirst_outlives_silence_and_nonsense_and_ends_when_wet() -> None:
    assert decide(a_plant(soil=50, is_thirsty=True, heard=NOW - DAY), NOW).is_thirsty
    assert decide(a_plant(soil=150, is_thirsty=True), NOW).is_thirsty
    assert not decide(a_plant(soil=5, heard=NOW - DAY), NOW).is_thirsty
    assert not decide(a_plant(soil=50, is_thirsty=True), NOW).is_thirsty


def test_the_first_soil_probe_is_the_one_that_waters() -> None:
    wet_first = (a_sensor("a", SensorKind.SOIL_MOISTURE, 60), a_sensor("b", SensorKind.SOIL_MOISTURE, 5))
    assert the_code(decide(a_plant(soil=None, more=wet_first), NOW)) is ReasonCode.MOIST
    assert the_code(decide(a_plant(soil=None, more=wet_first[::-1]), NOW)) is ReasonCode.DRY


def test_a_grow_light_that_shifts_a_reading_does_not_water() -> None:
    """A grow light shifts a reading by 25 %: SoMoSe #25. The jump is not believed until it is said twice."""
    lit = SensorState("soil", SensorKind.SOIL_MOISTURE, some_samples([45, 45, 20]))
    assert the_code(decide(a_plant(soil=None, more=(lit,)), NOW)) is ReasonCode.PROBE_UNSTEADY
    steady = replace(lit, samples=(*lit.samples, Sample(NOW + MINUTE, 21)))
    assert the_code(decide(a_plant(soil=None, more=(steady,)), NOW + MINUTE)) is ReasonCode.DRY
