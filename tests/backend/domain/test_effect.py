"""Watering that does nothing ends in a blocked pump and a critical alert, until a person resolves it."""

from dataclasses import replace
from datetime import datetime, timedelta

from plant_backend.domain.alert import AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.model import DoseEffect, Mode, PlantSnapshot
from plant_backend.domain.reason import ReasonCode
from plant_backend.domain.rules import Decision, decide

from tests.builders import HOUR, MINUTE, NOW, a_plant, a_pump

BLOCK = (AlertKind.WATERING_WITHOUT_EFFECT, "pump")


def after_doses(doses: int, soil: float | list[float], *, baseline: float = 12.0, **more: object) -> PlantSnapshot:
    """Give a dry plant whose last dose has soaked in."""
    pump = a_pump(started_at=NOW - 2 * HOUR, ended_at=NOW - 2 * HOUR)
    return a_plant(soil=soil, pump=pump, effect=DoseEffect(doses, baseline), **more)


def kinds(decision: Decision, change: type[RaiseAlert] | type[ClearAlert]) -> set[str]:
    return {str(item.kind) for item in decision.alerts if isinstance(item, change)}


def test_the_pump_is_blocked_after_three_doses_without_effect() -> None:
    """Alert when watering does not raise moisture: IrrigationPi #11. Hoses clog unseen: irrigation_unlimited #214."""
    decision = decide(after_doses(3, soil=12.5), NOW)
    assert not decision.doses
    assert decision.reasons[0].code is ReasonCode.WATERING_WITHOUT_EFFECT
    assert decision.effect.is_blocked
    (alert,) = (item for item in decision.alerts if isinstance(item, RaiseAlert))
    assert (alert.kind, alert.channel, alert.severity) == (*BLOCK, Severity.CRITICAL)


def test_two_doses_without_effect_are_not_enough() -> None:
    decision = decide(after_doses(2, soil=12.5), NOW)
    assert len(decision.doses) == 1
    assert decision.effect == DoseEffect(3, 12.0)


def test_a_rise_forgets_the_doses_before_it() -> None:
    decision = decide(after_doses(3, soil=13.0), NOW)
    assert len(decision.doses) == 1
    assert decision.effect == DoseEffect(1, 13.0)


def test_one_high_value_among_noisy_ones_is_no_rise() -> None:
    """Hoses clog unseen (irrigation_unlimited #214): of a dozen noisy values between two doses, one is always high."""
    assert decide(after_doses(3, soil=[12.1, 13.4, 11.8, 12.4, 13.1]), NOW).effect.is_blocked


def test_one_low_value_does_not_hide_a_rise() -> None:
    assert not decide(after_doses(3, soil=[14.2, 1.0, 13.8, 14.4, 14.1]), NOW).effect.is_blocked


def test_nothing_is_judged_before_the_water_has_soaked_in() -> None:
    plant = after_doses(3, soil=12.5)
    assert plant.pump is not None
    soaking = replace(plant, pump=replace(plant.pump, ended_at=NOW - 14 * MINUTE))
    decision = decide(soaking, NOW)
    assert decision.reasons[0].code is ReasonCode.SOAKING
    assert not decision.effect.is_blocked


def test_only_a_person_ends_the_block() -> None:
    blocked = replace(after_doses(3, soil=12.5), effect=DoseEffect(3, 12.0, is_blocked=True))
    held = replace(blocked, open_alerts=frozenset([(BLOCK[0].value, BLOCK[1])]))
    assert decide(held, NOW).effect.is_blocked
    wet = replace(held, sensors=after_doses(3, soil=90).sensors)
    assert decide(wet, NOW).effect.is_blocked
    resolved = decide(blocked, NOW)
    assert len(resolved.doses) == 1
    assert resolved.effect == DoseEffect(1, 12.5)


def test_a_dose_that_never_ran_is_not_counted() -> None:
    plant = after_doses(2, soil=12.0)
    assert plant.pump is not None
    failed = replace(plant, pump=replace(plant.pump, failed_at=NOW - HOUR))
    assert decide(failed, NOW).effect.doses == 2
    assert not decide(replace(failed, effect=DoseEffect(3, 12.0)), NOW).effect.is_blocked


def test_a_run_by_hand_that_came_to_nothing_says_nothing_of_the_doses() -> None:
    plant = after_doses(3, soil=12.0)
    assert plant.pump is not None
    by_hand = replace(plant, pump=replace(plant.pump, failed_at=NOW - HOUR, has_dose_failed=False))
    assert decide(by_hand, NOW).effect.is_blocked
    assert decide(replace(by_hand, effect=DoseEffect(2, 12.0)), NOW).effect.doses == 3


def test_a_dose_that_never_ran_is_not_counted_though_a_run_by_hand_did() -> None:
    plant = after_doses(3, soil=12.0)
    assert plant.pump is not None
    failed = replace(plant, pump=replace(plant.pump, has_dose_failed=True))
    assert not decide(failed, NOW).effect.is_blocked
    assert decide(failed, NOW).effect.doses == 3


def test_shadow_never_blocks() -> None:
    plant = a_plant(mode=Mode.SHADOW)
    for hour in range(10):
        decision = decide(plant, NOW)
        assert decision.doses, hour
        plant = replace(plant, effect=decision.effect)


def test_the_watch_can_be_switched_off() -> None:
    decision = decide(after_doses(50, soil=12.0, doses_without_effect_max=0), NOW)
    assert len(decision.doses) == 1
    open_alert = after_doses(50, soil=12.0, doses_without_effect_max=0, alerts=[(BLOCK[0].value, BLOCK[1])])
    assert kinds(decide(open_alert, NOW), ClearAlert) == {"watering_without_effect"}


def test_a_clogged_hose_gets_three_doses_and_no_more() -> None:
    """A whole week of a plant whose water never arrives: three doses, one alert, silence."""
    plant, doses, alerts = a_plant(soil=12), 0, set[tuple[str, str]]()
    for hour in range(7 * 24):
        at = NOW + hour * HOUR
        decision = decide(_at(plant, at), at)
        doses += len(decision.doses)
        alerts |= {(item.kind, item.channel) for item in decision.alerts if isinstance(item, RaiseAlert)}
        pump = plant.pump
        if decision.doses and pump is not None:
            pump = replace(pump, started_at=at, ended_at=at + timedelta(seconds=5))
        plant = replace(plant, pump=pump, effect=decision.effect, open_alerts=frozenset(alerts), is_thirsty=True)
    assert doses == 3
    assert alerts == {BLOCK}


def _at(plant: PlantSnapshot, now: datetime) -> PlantSnapshot:
    return replace(plant, sensors=a_plant(soil=12, heard=now).sensors)
