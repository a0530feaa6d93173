"""A refill is told from what gauges do by themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_backend.domain.refills import RISE_PERCENT, refills

START = datetime(2026, 7, 1, tzinfo=UTC)


def seen(levels: list[float]) -> list[int]:
    """Give at which of some levels, an hour apart, a refill was seen."""
    moments = [START + timedelta(hours=hour) for hour in range(len(levels))]
    return [moments.index(at) for at in refills(zip(moments, levels, strict=True))]


@pytest.mark.parametrize(
    ("levels", "at"),
    [
        ([], []),
        ([50], []),
        ([20, 90], [1]),
        ([20, 19, 90, 89, 88], [2]),
        ([20, 45, 70, 95, 94], [1]),
        ([20, 24, 28, 32, 36], [3]),
        ([20, 90, 80, 40, 15, 95], [1, 5]),
        ([50, 53, 47, 52, 48, 54], []),
        ([90, 60, 30], []),
        ([30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42], []),
    ],
    ids=["nothing", "one", "at once", "between readings", "in steps", "slowly", "twice", "noise", "use", "drift"],
)
def test_a_refill_is_seen_once_and_nothing_else_is_one(levels: list[float], at: list[int]) -> None:
    assert seen(levels) == at


@given(st.lists(st.floats(50 - RISE_PERCENT / 2 + 0.1, 50 + RISE_PERCENT / 2 - 0.1)))
def test_a_gauge_that_swings_by_less_fills_nothing(levels: list[float]) -> None:
    assert seen(levels) == []
