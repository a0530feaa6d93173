"""Buckets equal what anybody would work out from all readings, wherever the compactor stands."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from plant_backend.domain.history import Bucket, BucketSeries
from plant_backend.storage import compactor
from plant_backend.storage.bucket_reader import width_for
from plant_backend.storage.migrate import migrate
from plant_backend.storage.retention import Retention
from plant_backend.storage.store import SqliteStorage, SqlStorage

from tests.backend.storage.conftest import Database, Opened, SetClock, a_device
from tests.backend.storage.test_rollups import Reading, naive, readings
from tests.builders import DAY, HOUR, MINUTE, NOW, SECOND, a_batch, to_ms

FIVE_MINUTES_MS, HOUR_MS = 300_000, 3_600_000


async def buckets(storage: SqlStorage, since: Any, until: Any, points: int, sensor: int = 1) -> BucketSeries:
    return await storage.read(lambda tx: tx.history.buckets(sensor, since, until, points))


def expected(batches: list[tuple[int, list[Reading]]], since: Any, until: Any, width_ms: int | None) -> list[Bucket]:
    """Work the buckets out from all batches: of the level's whole spans that begin before the end of the range."""
    level_ms = 1 if width_ms is None else HOUR_MS if width_ms % HOUR_MS == 0 else FIVE_MINUTES_MS
    first = to_ms(since) // level_ms * level_ms
    grouped: dict[int, list[Any]] = {}
    for (sensor, ts), held in sorted(naive(batches, level_ms).items()):
        if sensor == 1 and first <= ts < to_ms(until):
            grouped.setdefault(ts // (width_ms or 1) * (width_ms or 1), []).append(held)
    return [
        Bucket(
            NOW + timedelta(milliseconds=ts - to_ms(NOW)),
            min(held[0] for held in span),
            max(held[1] for held in span),
            pytest.approx(sum(held[2] for held in span) / sum(held[3] for held in span)),
            sum(held[3] for held in span),
            span[-1][4],
        )
        for ts, span in sorted(grouped.items())
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(readings, min_size=1, max_size=6),
    st.sets(st.integers(0, 6)),
    st.integers(0, 4),
    st.sampled_from([2, 3, 5, 20, 300]),
    st.sampled_from([31 * DAY, 3 * DAY, 7 * HOUR + 7 * MINUTE, 11 * MINUTE + SECOND]),
    st.sampled_from([0 * MINUTE, 13 * MINUTE, 4 * HOUR]),
)
async def test_buckets_equal_the_naive_ones_wherever_the_compactor_stands(
    tmp_path_factory: Any,
    given_batches: list[list[Reading]],
    compact_after: set[int],
    slices: int,
    points: int,
    span: timedelta,
    until_ago: timedelta,
) -> None:
    """Also while a compaction is half done: some of the tail is then in the tables and still in the log."""
    path = tmp_path_factory.mktemp("buckets") / "plants.db"
    migrate(path)
    storage = SqliteStorage(path, SetClock())
    await storage.open()
    try:
        await a_device(storage)
        batches = []
        for place, batch in enumerate(given_batches):
            received = NOW + place * 4 * MINUTE
            batches.append((to_ms(received), batch))
            await storage.append(a_batch(f"b-{place}", batch, received=received))
            if place in compact_after:
                await storage.compact()
        tail = compactor.read_tail(storage._writer.connection)
        half = tail.readings[:slices]
        await storage.write(lambda _: compactor.insert_readings(storage._writer.connection, half))
        until = NOW + HOUR - until_ago
        for _ in range(2):
            series = await buckets(storage, until - span, until, points)
            assert len(series.buckets) <= points
            assert list(series.buckets) == expected(batches, until - span, until, series.width_ms)
            await storage.compact()
    finally:
        await storage.close()


@given(
    st.integers(0, 10**12), st.integers(0, 10**12), st.integers(2, 5_000), st.sampled_from([FIVE_MINUTES_MS, HOUR_MS])
)
@example(0, 10**12, 2, FIVE_MINUTES_MS)
def test_a_width_never_gives_more_buckets_than_asked_for(first: int, length: int, points: int, step: int) -> None:
    width = width_for(first, first + length, points, step)
    assert width % step == 0
    assert (first + length) // width - first // width + 1 <= points
    assert width == step or length / width > (points - 1) / 2 - 1, "and not far fewer"


async def test_the_finest_level_that_fits_is_used(storage: SqlStorage) -> None:
    await a_device(storage)
    for part in range(3):
        rows = [(1, float(minute % 7), minute * 60_000) for minute in range(part * 480, part * 480 + 480)]
        await storage.append(a_batch(f"b-{part}", rows))
    for _ in range(2):
        widths = {}
        for points in (1_440, 1_439, 289, 288, 25, 9):
            series = await buckets(storage, NOW - DAY, NOW + MINUTE, points)
            widths[points] = series.width_ms
            assert len(series.buckets) <= points
            assert sum(bucket.count for bucket in series.buckets) == 1_440
        assert widths == {
            1_440: None,
            1_439: FIVE_MINUTES_MS,
            289: FIVE_MINUTES_MS,
            288: 2 * FIVE_MINUTES_MS,
            25: HOUR_MS,
            9: 3 * HOUR_MS,
        }
        await storage.compact()


async def test_gaps_stay_gaps(storage: SqlStorage) -> None:
    """A line drawn through a night without readings is a lie: grafana-style charts of core #108444."""
    await a_device(storage)
    rows = [(1, 1.0, minute * 60_000) for minute in [*range(30), *range(600, 630)]]
    await storage.append(a_batch("b-1", rows))
    for _ in range(2):
        series = await buckets(storage, NOW - DAY, NOW + MINUTE, 50)
        assert series.width_ms == 3 * FIVE_MINUTES_MS
        gaps = [after.ts - before.ts for before, after in zip(series.buckets, series.buckets[1:], strict=False)]
        assert max(gaps) > 9 * HOUR
        await storage.compact()


async def test_the_range_is_that_of_the_values(storage: SqlStorage) -> None:
    """Who asks since 1970 does not get one bucket for it all."""
    await a_device(storage)
    await storage.append(a_batch("b-1", [(1, 1.0, minute * 60_000) for minute in range(400)]))
    for _ in range(2):
        series = await buckets(storage, NOW - 20_000 * DAY, NOW + 1_000 * DAY, 100)
        assert series.width_ms == FIVE_MINUTES_MS
        assert (await buckets(storage, NOW - 400 * DAY, NOW - 300 * DAY, 100)).buckets == ()
        await storage.compact()


async def test_what_expired_is_read_from_the_level_that_still_has_it(
    opened: Opened, database: Database, clock: SetClock
) -> None:
    # PostgreSQL drops whole months, each a day after it was seen to be expired.
    looked_at = (0, 40, 70) if isinstance(database, Path) else (0, 70, 100)
    async with opened(Retention(32, 60)) as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", [(1, float(minute), minute * 60_000) for minute in range(120)]))
        await storage.compact()
        widths = []
        for days in looked_at:
            for day in (days, days + 1):
                clock.moment = NOW + day * DAY
                await storage.compact()
            series = await buckets(storage, NOW - 3 * HOUR, NOW + MINUTE, 1_000)
            widths.append(series.width_ms)
            assert sum(bucket.count for bucket in series.buckets) == 120
            assert {(min(b.min for b in series.buckets), max(b.max for b in series.buckets))} == {(0.0, 119.0)}
            assert series.buckets[-1].last == 0.0
        assert widths == [None, FIVE_MINUTES_MS, HOUR_MS]
