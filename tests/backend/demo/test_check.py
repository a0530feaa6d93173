"""The judge of the demonstration finds what it is there to find."""

from typing import Any

import pytest
from plant_backend.demo.check import PlantDay, judge
from plant_backend.demo.plants import PLANTS


def at(hour: float) -> str:
    return f"2026-07-01T{int(hour):02}:{int(hour % 1 * 60):02}:00Z"


def reading(hour: float, value: float) -> dict[str, Any]:
    return {"ts": at(hour), "value": value}


def dose(number: int, hour: float, **more: Any) -> dict[str, Any]:
    return {"id": number, "state": "succeeded", "created_at": at(hour), "ran_ms": 20_000, **more}


def a_good_day() -> PlantDay:
    """Give a day of the plant whose reservoir runs low."""
    return PlantDay(
        PLANTS[1],
        soil=[reading(0, 33), reading(1, 31), reading(2, 29), reading(2.5, 33), reading(5, 29), reading(5.5, 33)],
        reservoir=[reading(0, 40), reading(3, 20), reading(6, 7)],
        commands=[dose(2, 5), dose(1, 2)],
        decisions=[
            {"outcome": "refused", "command_id": None, "reasons": [{"code": "reservoir_low"}]},
            {"outcome": "watered", "command_id": 2, "reasons": [{"code": "dry"}]},
            {"outcome": "watered", "command_id": 1, "reasons": [{"code": "dry"}]},
        ],
        alerts=[{"kind": "reservoir_low", "severity": "critical", "state": "open", "first_seen_at": at(6)}],
    )


def failures(day: PlantDay) -> list[str]:
    judge(day)
    return day.failures


def test_a_good_day_passes() -> None:
    assert failures(a_good_day()) == []


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        ({"commands": []}, "no dose was given"),
        ({"soil": [reading(0, 29), reading(1, 30), reading(2.5, 33)]}, "the soil did not dry"),
        ({"soil": [reading(0, 33), reading(1, 29), reading(2.5, 29)]}, "the soil did not get wetter"),
        (
            {"decisions": [{"outcome": "refused", "command_id": None, "reasons": [{"code": "reservoir_low"}]}]},
            "no decision",
        ),
        ({"commands": [dose(2, 3), dose(1, 2)]}, "apart"),
        ({"commands": [dose(2, 5), dose(1, 2, ran_ms=20_001)]}, "longer than asked"),
        ({"commands": [dose(2, 5), dose(1, 2, state="timed_out")]}, "timed_out"),
        ({"reservoir": [reading(0, 40), reading(6, 20)]}, "did not run low"),
        ({"alerts": []}, "no critical alert"),
        ({"commands": [dose(3, 9), dose(2, 5), dose(1, 2)]}, "though the reservoir was low"),
    ],
)
def test_a_bad_day_fails(change: dict[str, Any], failure: str) -> None:
    day = a_good_day()
    for name, value in change.items():
        setattr(day, name, value)
    assert any(failure in text for text in failures(day)), day.failures
