"""Rollups equal what anybody would work out from all readings, however and whenever those came."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plant_backend.storage import compactor, retention
from plant_backend.storage.migrate import alembic_config, migrate
from plant_backend.storage.retention import Retention
from plant_backend.storage.sqlite import sqlite_engine
from plant_backend.storage.store import SqliteStorage, SqlStorage

from tests.backend.storage.conftest import Database, Opened, SetClock, a_device, rows_of
from tests.builders import DAY, HOUR, MINUTE, NOW, a_batch, to_ms

Reading = tuple[int, float, int | None]
Rollup = tuple[float, float, float, int, float, int]
WIDTHS = {"rollups_5min": 300_000, "rollups_1h": 3_600_000}


def rollups(database: Database, table: str) -> dict[tuple[int, int], Rollup]:
    rows = rows_of(database, f"SELECT sensor_id, ts, lowest, highest, total, count, last, last_ts FROM {table}")
    return {(row[0], row[1]): row[2:] for row in rows}


def raw_count(database: Database) -> int:
    ((count,),) = rows_of(database, "SELECT count(*) FROM readings")
    return int(count)


def naive(batches: list[tuple[int, list[Reading]]], width_ms: int) -> dict[tuple[int, int], Rollup]:
    """Work the rollups out from all batches, given as (ms when received, readings): the first value stays."""
    first: dict[tuple[int, int], tuple[float, bool]] = {}
    for received_ms, batch in batches:
        for place, (sensor, value, age_ms) in enumerate(batch):
            ts = received_ms + (place + 1 if age_ms is None else -age_ms)
            first.setdefault((sensor, ts), (value, age_ms is not None))
    spans: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for (sensor, ts), (value, is_known) in sorted(first.items()):
        if is_known:
            spans.setdefault((sensor, ts // width_ms * width_ms), []).append((ts, value))
    return {
        key: (
            min(value for _, value in held),
            max(value for _, value in held),
            sum(value for _, value in held),
            len(held),
            held[-1][1],
            held[-1][0],
        )
        for key, held in spans.items()
    }


# Whole numbers, so that sums are exact in any order; ages that meet in the same instants and spans again and again.
ages = st.one_of(
    st.none(),
    st.integers(0, 40).map(lambda number: number * 30_000),
    st.integers(0, 31 * 24).map(lambda number: number * 3_600_000),
)
readings = st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(-9, 9).map(float), ages), min_size=1, max_size=8)
steps = st.one_of(
    st.tuples(st.just("batch"), readings),
    st.tuples(st.just("compact"), st.none()),
    st.tuples(st.just("crash"), st.integers(0, 6)),
    st.tuples(st.just("pass"), st.sampled_from([30, 60, 1_800, 86_400, 20 * 86_400])),
)


class PowerCut(Exception):
    """The process ends here."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=14), st.integers(1, 4), st.integers(2, 9))
async def test_rollups_equal_the_naive_ones_whatever_happens(
    tmp_path_factory: Any, happenings: list[tuple[str, Any]], slice_size: int, pass_size: int
) -> None:
    """Backfill, doubles, compactions and power cuts at any slice, while raw readings expire.

    Long-term statistics that miss what came late: home-assistant/core #108444.
    """
    path, clock = tmp_path_factory.mktemp("rollups") / "plants.db", SetClock()
    migrate(path)
    batches: list[tuple[int, list[Reading]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compactor, "SLICE", slice_size)
        patch.setattr(compactor, "PASS", pass_size)
        patch.setattr(retention, "SLICE", slice_size)
        storage = SqliteStorage(path, clock)
        await storage.open()
        await a_device(storage)
        for place, (what, given_) in enumerate([*happenings, ("compact", None)]):
            if what == "pass":
                clock.moment += timedelta(seconds=given_)
            elif what == "batch":
                batches.append((to_ms(clock.moment), given_))
                await storage.append(a_batch(f"b-{place:03d}", given_, received=clock.moment))
            elif what == "compact":
                await storage.compact()
            else:
                await compact_until_a_power_cut(storage, given_)
                await storage.close()
                storage = SqliteStorage(path, clock)
                await storage.open()
        await storage.close()
    for table, width_ms in WIDTHS.items():
        assert rollups(path, table) == naive(batches, width_ms)


async def compact_until_a_power_cut(storage: SqlStorage, writes: int) -> None:
    """Let a compaction do so many writes and no more."""
    lane, left = storage._lane, [writes]
    real = lane.write

    def write(work: Any) -> Any:
        if left[0] == 0:
            raise PowerCut
        left[0] -= 1
        return real(work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane, "write", write)
        with suppress(PowerCut):
            await storage.compact()


async def test_a_late_value_changes_the_span_that_it_belongs_to(opened: Opened, database: Database) -> None:
    async with opened() as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", [(1, 40.0, 0), (1, 50.0, 60_000)], received=NOW + 2 * MINUTE))
        await storage.compact()
        start = to_ms(NOW)
        assert rollups(database, "rollups_1h") == {(1, start): (40.0, 50.0, 90.0, 2, 40.0, start + 120_000)}
        await storage.append(a_batch("b-2", [(1, 10.0, 3 * 3_600_000)], received=NOW + 3 * HOUR))
        await storage.compact()
    assert rollups(database, "rollups_5min") == {(1, start): (10.0, 50.0, 100.0, 3, 40.0, start + 120_000)}
    assert rollups(database, "rollups_1h") == {(1, start): (10.0, 50.0, 100.0, 3, 40.0, start + 120_000)}


async def test_impossible_values_show_and_unknown_ages_do_not(opened: Opened, database: Database) -> None:
    """A probe that reads 4095 % is seen in the chart; a value whose time nobody knows has no place in it."""
    async with opened() as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", [(1, 4_095.0, 0), (1, 5.0, None), (1, 7.0, 1_000), (2, 1.0, None)]))
        await storage.compact()
    assert {row[:4] for row in rollups(database, "rollups_1h").values()} == {
        (7.0, 7.0, 7.0, 1),
        (4_095.0, 4_095.0, 4_095.0, 1),
    }
    assert raw_count(database) == 4, "a value of unknown age hides no other"


async def test_the_largest_numbers_do_not_stop_the_compactor(opened: Opened, database: Database) -> None:
    """One poisoned reading must not keep all others from being compacted for ever."""
    huge = 1.7e308
    async with opened() as storage:
        await a_device(storage)
        rows = [(1, value, place * 1_000) for place, value in enumerate([huge, huge, -huge, -huge, huge])]
        await storage.append(a_batch("b-1", rows, received=NOW + MINUTE))
        assert await storage.compact() == 5
        assert await storage.compact() == 0
    assert [row[3] for row in rollups(database, "rollups_5min").values()] == [5]


@pytest.mark.sqlite_only
async def test_raw_readings_expire_and_their_rollups_stay(
    opened: Opened, database: Database, clock: SetClock, monkeypatch: Any
) -> None:
    """A disk that fills up: Mycodo #862. Raw 32 days, 5 minutes as set, hours for ever, dropped a day at a time."""
    monkeypatch.setattr(retention, "SLICE", 7)
    async with opened(Retention(32, 60)) as storage:
        await a_device(storage)
        batches = []
        for day in range(3):
            batch: list[Reading] = [(1, float(hour), hour * 3_600_000) for hour in range(24)]
            batches.append((to_ms(NOW + day * DAY), batch))
            await storage.append(a_batch(f"b-{day}", batch, received=NOW + day * DAY))
        await storage.compact()
        assert raw_count(database) == 72
        clock.moment = NOW + 34 * DAY
        await storage.compact()
        assert raw_count(database) == 72 - 11, "what lies before the first midnight"
        await storage.compact()
        assert raw_count(database) == 72 - 11 - 24
        for table, width_ms in WIDTHS.items():
            assert rollups(database, table) == naive(batches, width_ms)
        clock.moment = NOW + 100 * DAY
        for _ in range(5):
            await storage.compact()
        assert raw_count(database) == 0
        assert rollups(database, "rollups_5min") == {}
        assert rollups(database, "rollups_1h") == naive(batches, WIDTHS["rollups_1h"])


@pytest.mark.sqlite_only
async def test_a_clock_that_jumps_ahead_does_not_empty_the_history(
    opened: Opened, database: Database, clock: SetClock
) -> None:
    """A machine without a battery for its clock may believe for a minute that it is 2038."""
    async with opened() as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", [(1, 1.0, day * 86_400_000) for day in range(30)]))
        await storage.compact()
        clock.moment = NOW + 4_000 * DAY
        await storage.compact()
    assert raw_count(database) == 29
    assert len(rollups(database, "rollups_1h")) == 30


async def test_a_long_tail_is_compacted_in_passes(opened: Opened, database: Database, monkeypatch: Any) -> None:
    """After a week without power the tail may be long, and the machine small."""
    monkeypatch.setattr(compactor, "PASS", 20)
    async with opened() as storage:
        await a_device(storage)
        for number in range(10):
            await storage.append(a_batch(f"b-{number}", [(1, 1.0, (number * 9 + place) * 1_000) for place in range(9)]))
        tail = compactor.read_tail(storage._writer.connection)
        assert (len(tail.readings), tail.is_cut) == (27, True)
        assert await storage.compact() == 90
    assert raw_count(database) == 90


async def test_a_deleted_device_leaves_no_rollups(storage: SqlStorage, database: Database) -> None:
    device = await a_device(storage)
    await storage.append(a_batch("b-1", [(1, 1.0, 0)]))
    await storage.compact()
    await storage.append(a_batch("b-2", [(1, 1.0, 0)], received=NOW + MINUTE))
    await storage.write(lambda tx: tx.devices.delete(device.number))
    await storage.compact()
    assert [rollups(database, table) for table in WIDTHS] == [{}, {}]


async def test_an_upgrade_rolls_up_the_readings_that_are_there(tmp_path: Path, clock: SetClock) -> None:
    """A database from before the rollups gets them at once, and not only for what comes next."""
    path = tmp_path / "plants.db"
    batches = []
    migrate(path)
    storage = SqliteStorage(path, clock)
    await storage.open()
    await a_device(storage)
    for place in range(20):
        batch: list[Reading] = [(1 + place % 2, float(place), 45_000), (1, 3.0, None), (2, -4.0, place * 777_000)]
        batches.append((to_ms(NOW + place * 13 * MINUTE), batch))
        await storage.append(a_batch(f"b-{place:02d}", batch, received=NOW + place * 13 * MINUTE))
    await storage.compact()
    await storage.close()
    engine = sqlite_engine(path)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.downgrade(alembic_config(connection), "0001")
        connection.exec_driver_sql("COMMIT")
    engine.dispose()

    assert migrate(path)[0] == "0001"

    for table, width_ms in WIDTHS.items():
        assert rollups(path, table) == naive(batches, width_ms)
