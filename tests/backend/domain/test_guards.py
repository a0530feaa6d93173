"""What keeps a pump off when a person asks: the same guards, and `force` skips the cooldown alone."""

import pytest
from plant_backend.domain.guards import daily_cap_ms, reservoir_refusal, run_refusal
from plant_backend.domain.model import PlantSnapshot, Profile, PumpLimits, PumpState
from plant_backend.domain.reason import ReasonCode

from tests.builders import HOUR, MINUTE, NOW, SECOND, a_plant, a_pump

PROFILE = Profile()


def refusal(pump: PumpState, duration_ms: int = 5_000, *, is_forced: bool = False) -> ReasonCode | None:
    found = run_refusal(PROFILE, pump, duration_ms, NOW, is_forced=is_forced)
    return found and found.code


def test_force_skips_the_cooldown() -> None:
    pump = a_pump(started_at=NOW - MINUTE, ended_at=NOW - MINUTE, used_ms=5_000)
    assert refusal(pump) is ReasonCode.COOLING_DOWN
    assert refusal(pump, is_forced=True) is None


@pytest.mark.parametrize(
    ("code", "pump", "duration_ms"),
    [
        (ReasonCode.PUMP_LIMIT, a_pump(limits=PumpLimits(max_run_ms=4_999)), 5_000),
        (ReasonCode.PUMP_BUSY, a_pump(is_busy=True), 5_000),
        (ReasonCode.DAILY_CAP_REACHED, a_pump(used_ms=55_001), 5_000),
        (ReasonCode.DAILY_CAP_REACHED, a_pump(), 60_001),
        (ReasonCode.DAILY_CAP_REACHED, a_pump(limits=PumpLimits(max_day_ms=4_999)), 5_000),
    ],
)
@pytest.mark.parametrize("is_forced", [False, True])
def test_force_skips_nothing_else(code: ReasonCode, pump: PumpState, duration_ms: int, is_forced: bool) -> None:
    assert refusal(pump, duration_ms, is_forced=is_forced) is code


@pytest.mark.parametrize(
    ("code", "plant"),
    [
        (ReasonCode.RESERVOIR_LOW, a_plant(reservoir=9.9)),
        (ReasonCode.RESERVOIR_LOW, a_plant(reservoir=12, alerts=[("reservoir_low", "tank")])),
        (ReasonCode.RESERVOIR_UNKNOWN, a_plant(reservoir=())),
        (ReasonCode.RESERVOIR_UNKNOWN, a_plant(reservoir=float("nan"))),
        (ReasonCode.RESERVOIR_UNKNOWN, a_plant(reservoir=80, heard=NOW - 901 * SECOND)),
        (ReasonCode.RESERVOIR_UNKNOWN, a_plant(reservoir=80, heard=NOW + 61 * SECOND)),
        (None, a_plant(reservoir=10)),
        (None, a_plant(reservoir=None)),
    ],
)
def test_nobody_runs_the_pump_dry(code: ReasonCode | None, plant: PlantSnapshot) -> None:
    """Dry-run guard "regardless of how the pump is called": garden-of-eden #83, #33. It takes no `force` at all."""
    found = reservoir_refusal(plant, NOW)
    assert (found and found.code) is code


def test_the_cooldown_ends_on_the_second() -> None:
    assert refusal(a_pump(started_at=NOW - HOUR + SECOND)) is ReasonCode.COOLING_DOWN
    assert refusal(a_pump(started_at=NOW - HOUR)) is None


def test_a_run_from_the_future_keeps_the_pump_off() -> None:
    """After the clock stepped back (OpenSprinkler-Firmware #396) the last run seems to lie ahead."""
    assert refusal(a_pump(started_at=NOW + HOUR)) is ReasonCode.COOLING_DOWN


def test_a_refusal_says_when_to_ask_again() -> None:
    found = run_refusal(PROFILE, a_pump(started_at=NOW), 5_000, NOW, is_forced=False)
    assert found is not None
    assert found.until == NOW + HOUR


@pytest.mark.parametrize(("limit", "cap_ms"), [(None, 60_000), (90_000, 60_000), (8_000, 8_000), (0, 0)])
def test_the_lower_of_two_caps_holds(limit: int | None, cap_ms: int) -> None:
    assert daily_cap_ms(PROFILE, a_pump(limits=PumpLimits(max_day_ms=limit))) == cap_ms
