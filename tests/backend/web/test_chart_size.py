"""A year of one-minute readings is a small answer."""

from datetime import UTC, datetime, timedelta

import pytest
from plant_backend.domain.history import Bucket, BucketSeries
from plant_backend.web.chart_data import with_gaps
from plant_backend.web.sparkline import sparkline

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def buckets(*minutes: int) -> tuple[Bucket, ...]:
    return tuple(Bucket(START + minute * MINUTE, 40, 41, 40.5, 5, 40.2) for minute in minutes)


def test_a_bucket_that_is_missing_is_a_hole_and_no_more() -> None:
    series = BucketSeries(300_000, buckets(0, 5, 10, 30, 35))
    values = [bucket for _, bucket in with_gaps(series, 15 * MINUTE)]
    assert [value is None for value in values] == [False, False, False, True, False, False]


def test_single_readings_are_joined_as_long_as_they_are_not_stale() -> None:
    series = BucketSeries(None, buckets(0, 10, 40))
    assert [bucket is None for _, bucket in with_gaps(series, 15 * MINUTE)] == [False, False, True, False]


@pytest.mark.parametrize("minutes", [(), (0,)])
def test_a_line_needs_two_points(minutes: tuple[int, ...]) -> None:
    assert sparkline(buckets(*minutes), START + timedelta(hours=1), 30) is None


def test_a_small_line_has_the_same_holes() -> None:
    line = sparkline(buckets(0, 5, 10, 200, 205), START + timedelta(hours=4), 30)
    assert line is not None
    assert len(line.lines) == 2
