"""Whole weeks with something wrong: watering ends, nothing floods, and a plant without faults lives."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from plant_backend.domain.model import Profile

from tests.backend.weeks.faults import PROMISES, Fault
from tests.backend.weeks.week import FLOW_ML_PER_MIN, PROFILE, Week, live

EVERYDAY_SEEDS = (7,)
SLOW_SEEDS = range(100, 105)
HEALTHY_SEEDS = range(40)
CAP_ML = PROFILE.daily_cap_ms * FLOW_ML_PER_MIN / 60_000
DOCUMENT = Path(__file__).parents[3] / "docs" / "safety.md"

lived = cache(live)


def check(week: Week) -> None:
    """Hold a week to what was promised for its fault."""
    promise = PROMISES[week.fault]
    assert week.most_day_asked_ms <= PROFILE.daily_cap_ms, "no 24 hours of true time hold more than the cap"
    if week.fault is not Fault.PUMP_RUNS_ON:
        assert week.most_day_ml <= CAP_ML
    assert week.least_gap_s >= PROFILE.cooldown_s, "in true time, whatever the clock said"
    if promise.most_doses is not None:
        assert week.doses_after <= promise.most_doses
    if promise.is_survivable:
        assert week.dry_hours <= 6, "more than 10 points too dry for hours"


@pytest.mark.parametrize("seed", EVERYDAY_SEEDS)
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_ends_watering_and_none_floods(fault: Fault, seed: int) -> None:
    """GrowCube port #2 (unplugged probe waters for ever), garden-of-eden #83 (dry run), irrigation_unlimited #214
    (clogged and burst hoses), FarmBot forum 7912 (water kept running), OpenSprinkler-Firmware #396 (clocks)."""
    check(lived(seed, fault))


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
def test_a_hundred_more_weeks_of_faults(fault: Fault) -> None:
    for seed in SLOW_SEEDS:
        check(lived(seed, fault))


@pytest.mark.slow
def test_a_healthy_plant_is_never_locked_out() -> None:
    """Alerts flap (Olen #352): noise, wild values, lost readings, hours without a link and a watering can."""
    assert [week.seed for week in (lived(seed, Fault.NONE) for seed in HEALTHY_SEEDS) if week.lock_outs] == []


def test_clock_jumps_cost_a_plant_no_water_and_bring_none() -> None:
    calm, jumpy = lived(7, Fault.NONE), lived(7, Fault.CLOCK_JUMPS)
    assert abs(calm.doses - jumpy.doses) <= 3
    assert jumpy.least_gap_s >= PROFILE.cooldown_s


def test_even_rules_without_a_pause_keep_the_cap() -> None:
    """The shortest cooldown and no soak: the drifting probe is the one that nothing but the cap holds."""
    eager: Profile = replace(PROFILE, cooldown_s=60, soak_s=0, doses_without_effect_max=0, stuck_after_s=0)
    week = live(1, Fault.DRIFTING_PROBE, eager)
    assert week.most_day_asked_ms <= eager.daily_cap_ms
    assert week.most_day_ml <= CAP_ML


def test_every_fault_has_its_figures() -> None:
    text = DOCUMENT.read_text()
    assert [fault.value for fault in Fault if f"| {fault.value} |" not in text] == []
