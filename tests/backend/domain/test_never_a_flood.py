"""Random histories in which every decision is carried out: what the rules may never do, they never do."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plant_backend.domain.command import AckStatus
from plant_backend.domain.model import Mode, Profile, PumpLimits

from tests.backend.domain.garden import Garden, with_mode
from tests.builders import HOUR, MINUTE, NOW

OUTCOMES = [
    AckStatus.SUCCEEDED,
    AckStatus.FAILED,
    AckStatus.REJECTED,
    AckStatus.INTERRUPTED,
    AckStatus.EXPIRED,
    AckStatus.DUPLICATE,
    None,
]

profiles = st.builds(
    Profile,
    mode=st.sampled_from([Mode.ON, Mode.ON, Mode.ON, Mode.SHADOW, Mode.OFF]),
    soil_moisture_min_percent=st.sampled_from([30.0, 60.0]),
    soil_moisture_hysteresis_percent=st.sampled_from([0.0, 5.0, 20.0]),
    dose_ms=st.sampled_from([1_000, 5_000, 60_000]),
    cooldown_s=st.sampled_from([60, 600, 3_600, 100_000]),
    soak_s=st.sampled_from([0, 60, 900]),
    daily_cap_ms=st.sampled_from([0, 12_000, 60_000, 130_000]),
    reservoir_min_percent=st.sampled_from([0.0, 10.0]),
    stale_after_s=st.sampled_from([120, 900]),
)
limits = st.builds(
    PumpLimits,
    max_run_ms=st.sampled_from([None, None, 1_000, 60_000]),
    max_day_ms=st.sampled_from([None, None, 0, 20_000]),
)
gardens = st.builds(Garden, profile=profiles, limits=limits, has_reservoir=st.booleans())

waits = st.sampled_from([0, 1, 30, 61, 240, 901, 3_600, 7_201, 43_200])
dry = st.sampled_from([0.0, 5.0, 12.0, 14.0, 29.9])
soil = st.one_of(dry, dry, dry, st.floats(0, 100), st.sampled_from([-40.0, 100.1, 250.0]))
level = st.one_of(st.just(80.0), st.just(80.0), st.sampled_from([0.0, 9.9, 12.0, 15.0, -1.0, 101.0]))

report = st.tuples(st.just("report"), soil, level, st.booleans())
thirst = st.tuples(st.just("thirst"), dry, level)
backfill = st.tuples(st.just("backfill"), soil, st.integers(60, 200_000))
outcome = st.tuples(
    st.just("outcome"), st.sampled_from(OUTCOMES), st.integers(0, 119), st.sampled_from([None, 0.0, 0.3, 1.0])
)
mode = st.tuples(st.just("mode"), st.sampled_from(Mode))
clock = st.tuples(st.just("clock"), st.sampled_from([-86_400, -3_600, -61, -30, 30, 61, 3_600, 86_400, 1_000_000]))

STEADY_EVENTS = st.one_of(thirst, thirst, thirst, report, backfill, outcome, outcome, outcome, mode)
EVENTS = st.one_of(STEADY_EVENTS, STEADY_EVENTS, clock)


def play(garden: Garden, events: list[tuple[int, tuple[Any, ...]]]) -> None:
    """Let things happen, and look after each."""
    for seconds, (what, *details) in events:
        garden.wait(seconds)
        if what == "thirst":
            for _ in range(2):
                garden.wait(20)
                garden.report("soil", details[0])
                garden.report("tank", details[1])
        elif what == "report":
            garden.report("soil", details[0])
            if details[2]:
                garden.report("tank", details[1])
        elif what == "backfill":
            garden.report("soil", details[0], age_s=details[1])
        elif what == "outcome":
            garden.finish(*details)
        elif what == "mode":
            with_mode(garden, details[0])
        else:
            garden.step_clock(details[0])
        garden.look()


@settings(max_examples=250)
@given(gardens, st.lists(st.tuples(waits, EVENTS), max_size=60))
def test_no_history_of_faults_and_clock_steps_makes_a_wrong_dose(
    garden: Garden, events: list[tuple[int, tuple[Any, ...]]]
) -> None:
    """Stuck relays, lost links, wild probes and clocks of 1970, in any order.

    FarmBot forum 7912; GrowCube port #2; garden-of-eden #83; OpenSprinkler-Firmware #396. See `Garden.look`.
    """
    play(garden, events)


@settings(max_examples=250)
@given(gardens, st.lists(st.tuples(waits, STEADY_EVENTS), max_size=60))
def test_no_24_hours_hold_more_water_than_the_cap(garden: Garden, events: list[tuple[int, tuple[Any, ...]]]) -> None:
    """Measured at the pump and in true time, wherever the 24 hours begin: midnight doubles nothing."""
    play(garden, events)
    caps = [garden.profile.daily_cap_ms, garden.limits.max_day_ms]
    assert garden.most_water_in_24_hours_ms() <= min(cap for cap in caps if cap is not None)


@settings(max_examples=150)
@given(gardens, st.lists(st.tuples(waits, STEADY_EVENTS), max_size=60))
def test_between_two_starts_lies_the_cooldown(garden: Garden, events: list[tuple[int, tuple[Any, ...]]]) -> None:
    """Measured at the pump: what a command waited in the queue does not shorten it."""
    play(garden, events)
    starts = [run.water_from for run in garden.runs if run.water_from and run.counted_ms]
    cooldowns = [later - earlier for earlier, later in pairwise(starts)]
    assert all(gap.total_seconds() >= garden.profile.cooldown_s for gap in cooldowns)


@settings(max_examples=100)
@given(gardens, st.lists(st.tuples(waits, STEADY_EVENTS), max_size=30), soil, st.integers(1_000, 40 * 24 * 3600), waits)
def test_backfill_never_changes_a_decision(
    garden: Garden, events: list[tuple[int, tuple[Any, ...]]], value: float, age_s: int, seconds: int
) -> None:
    """Offline gaps are filled in (esphome/feature-requests #2628), and what is old decides nothing."""
    play(garden, events)
    for place in range(5):
        garden.report("soil", 12.0, age_s=5 - place)
    garden.wait(seconds)
    before = garden.snapshot()
    assume(before.sensors[0].samples[-1].ts <= garden.now)

    garden.report("soil", value, age_s=seconds + age_s)

    assert garden.snapshot() == before


@pytest.mark.parametrize("has_reservoir", [False, True])
def test_a_garden_without_faults_gets_its_water(has_reservoir: bool) -> None:
    """Never to water would be safe too: a dry pot gets a dose each cooldown until the cap, and again a day later."""
    garden = Garden(Profile(mode=Mode.ON), has_reservoir=has_reservoir)
    hours = 0
    while garden.true_now < NOW + 48 * HOUR:
        garden.report("soil", 12.0)
        garden.report("tank", 80.0)
        garden.look()
        garden.finish(AckStatus.SUCCEEDED, 1, 1.0)
        garden.wait(300)
        hours += 1
    assert len(garden.runs) in range(20, 25)
    assert garden.most_water_in_24_hours_ms() == 60_000


def test_a_node_that_always_refuses_is_not_asked_without_a_pause() -> None:
    garden = Garden(Profile(mode=Mode.ON))
    for _ in range(60):
        garden.report("soil", 12.0)
        garden.report("tank", 80.0)
        garden.look()
        garden.finish(AckStatus.REJECTED, 0, None)
        garden.true_now += MINUTE
    assert 10 <= len(garden.runs) <= 12
