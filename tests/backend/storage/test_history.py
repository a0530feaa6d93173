"""History and latest values: the same before and after compaction, under late data, and after a crash."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plant_backend.domain.model import SAMPLES_KEPT as KEPT
from plant_backend.domain.model import Sample
from plant_backend.storage import compactor
from plant_backend.storage.driver import Driver, raw
from plant_backend.storage.postgres_store import PostgresStorage
from plant_backend.storage.store import SqliteStorage, SqlStorage

from tests.backend.storage.conftest import Opened, SetClock, a_device
from tests.builders import DAY, MINUTE, NOW, SECOND, a_batch, to_ms

Reading = tuple[int, float, int | None]
ages = st.one_of(st.none(), st.integers(-5, 20).map(lambda number: number * 1_000), st.integers(0, 30 * 86_400_000))
readings = st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 9).map(float), ages), min_size=1, max_size=6)


def first_accepted(batches: list[list[Reading]]) -> dict[int, dict[int, float]]:
    """Say what history must hold: of each sensor and instant the first value."""
    found: dict[int, dict[int, float]] = {1: {}, 2: {}}
    for place, batch in enumerate(batches):
        for index, (sensor, value, age) in enumerate(batch):
            ts = to_ms(NOW) + place * 1_000 + (index + 1 if age is None else -age)
            found[sensor].setdefault(ts, value)
    return found


async def all_of(storage: SqlStorage, sensor: int, limit: int = 1_000, **kwargs: Any) -> list[tuple[int, float]]:
    found = await storage.read(lambda tx: tx.history.readings(sensor, NOW - 40 * DAY, NOW + DAY, limit, **kwargs))
    return [(to_ms(sample.ts), sample.value) for sample in found]


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(readings, max_size=8), st.integers(0, 8), st.integers(1, 5))
async def test_tail_and_compacted_make_one_history(
    tmp_path_factory: Any, batches: list[list[Reading]], compact_after: int, limit: int
) -> None:
    """Wherever the compactor stands, nothing is missing, nothing is there twice, and the first value stays.

    Offline gaps are filled in: esphome/feature-requests #2628, core #108444.
    """
    from plant_backend.storage.migrate import migrate

    from tests.backend.storage.conftest import SetClock

    path = tmp_path_factory.mktemp("history") / "plants.db"
    migrate(path)
    storage = SqliteStorage(path, SetClock())
    await storage.open()
    await a_device(storage)
    expected = first_accepted(batches)
    for place, batch in enumerate(batches):
        await storage.append(a_batch(f"b-{place}", batch, received=NOW + place * SECOND))
        if place == compact_after:
            await storage.compact()
    before = {sensor: await all_of(storage, sensor) for sensor in (1, 2)}
    latest = {sensor: storage.latest(sensor) for sensor in (1, 2)}
    await storage.compact()
    await storage.close()
    reopened = SqliteStorage(path, SetClock())
    await reopened.open()
    try:
        for sensor, values in expected.items():
            ordered = sorted(values.items())
            assert before[sensor] == ordered
            assert await all_of(reopened, sensor) == ordered
            assert await all_of(reopened, sensor, limit) == ordered[:limit]
            assert await all_of(reopened, sensor, limit, newest_first=True) == ordered[::-1][:limit]
            if not any(age is None for batch in batches for _, _, age in batch):
                newest = [(to_ms(sample.ts), sample.value) for sample in latest[sensor]]
                assert newest == ordered[-KEPT:]
                assert reopened.latest(sensor) == latest[sensor]
    finally:
        await reopened.close()


async def test_late_data_does_not_change_the_latest_value(storage: SqlStorage) -> None:
    """ "Latest" is wrong after late data: thingsboard #1769, #3119, #4432."""
    await a_device(storage)
    await storage.append(a_batch("b-1", [(1, 40.0, age * 1_000) for age in range(KEPT)]))
    before = storage.latest(1)
    await storage.append(a_batch("b-2", [(1, 99.0, 3_600_000), (1, 98.0, None), (1, 97.0, 0)], received=NOW))
    assert storage.latest(1) == before
    assert before[-1] == Sample(NOW, 40.0)


async def test_latest_values_are_the_same_after_a_restart(opened: Opened) -> None:
    """Entities unknown after a restart: Olen #445, core #18574."""
    async with opened() as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", [(1, value, value * 60_000) for value in range(4)]))
        await storage.compact()
        await storage.append(a_batch("b-2", [(1, 50.0, 30_000), (1, 51.0, 7_000_000), (2, 80.0, 0)]))
        before = storage.latest(1), storage.latest(2)
    async with opened() as storage:
        assert (storage.latest(1), storage.latest(2)) == before
        await storage.compact()
    async with opened() as storage:
        assert (storage.latest(1), storage.latest(2)) == before


async def test_a_value_of_unknown_age_is_history_and_never_the_latest(opened: Opened) -> None:
    """A node without a clock woke in 1970 (OpenSprinkler-Firmware #396): its value is kept and not acted on."""
    async with opened() as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", [(1, 5.0, None)]))
        assert storage.latest(1) == ()
        assert await all_of(storage, 1) == [(to_ms(NOW) + 1, 5.0)]
        await storage.compact()
    async with opened() as storage:
        assert storage.latest(1) == ()
        assert await all_of(storage, 1) == [(to_ms(NOW) + 1, 5.0)]


async def test_a_crash_in_the_middle_of_a_compaction_loses_and_doubles_nothing(
    opened: Opened, monkeypatch: Any
) -> None:
    """Three SD cards killed in a year (Mycodo #709): the power may go between any two slices."""
    monkeypatch.setattr(compactor, "SLICE", 7)
    expected = [(to_ms(NOW) - age * 1_000, float(age)) for age in reversed(range(50))]
    async with opened() as storage:
        await a_device(storage)
        for place in range(10):
            rows = [(1, float(age), age * 1_000) for age in range(place * 5, place * 5 + 5)]
            await storage.append(a_batch(f"b-{place}", rows))
    for slices in (1, 3, 7):
        async with opened() as storage:
            connection = storage._writer.connection
            tail = compactor.read_tail(connection)
            for start in range(0, slices * 7, 7):
                rows = tail.readings[start : start + 7]
                await storage.write(lambda _, rows=rows, on=connection: compactor.insert_readings(on, rows))
            assert await all_of(storage, 1) == expected
        async with opened() as storage:
            assert await all_of(storage, 1) == expected
            assert storage.latest(1)[-1] == Sample(NOW, 0.0)
    async with opened() as storage:
        assert await storage.compact() == 50
        assert await all_of(storage, 1) == expected
        assert (await storage.append(a_batch("b-0", [(1, float(age), age * 1_000) for age in range(5)]))).is_duplicate


async def test_times_come_back_to_the_millisecond(opened: Opened) -> None:
    odd = NOW + timedelta(milliseconds=123)
    async with opened() as storage:
        device = await a_device(storage)
        await storage.append(a_batch("b-1", [(1, 1 / 3, 1), (1, 2.0, 0)], received=odd))
        assert storage.latest(1) == (Sample(odd - timedelta(milliseconds=1), 1 / 3), Sample(odd, 2.0))
        await storage.compact()
    async with opened() as storage:
        assert storage.latest(1) == (Sample(odd - timedelta(milliseconds=1), 1 / 3), Sample(odd, 2.0))
        assert storage.last_seen(device.number) == odd
        found = await storage.read(lambda tx: tx.history.readings(1, odd, odd + timedelta(milliseconds=1), 10))
        assert found == [Sample(odd, 2.0)]
        found = await storage.read(lambda tx: tx.history.readings(1, NOW, odd, 10))
        assert [sample.value for sample in found] == [1 / 3]


async def test_each_sensor_has_its_own_history(storage: SqlStorage) -> None:
    await a_device(storage)
    other = await a_device(storage, "d-2")
    await storage.append(a_batch("b-1", [(1, 1.0, 0), (2, 2.0, 0)]))
    await storage.append(a_batch("b-1", [(other.sensors[0].id, 3.0, 0)], device=other.number, received=NOW + MINUTE))
    for _ in range(2):
        assert [value for _, value in await all_of(storage, 1)] == [1.0]
        assert [value for _, value in await all_of(storage, other.sensors[0].id)] == [3.0]
        assert await all_of(storage, 999) == []
        await storage.compact()


async def test_after_a_restart_it_is_known_since_when_a_value_is_what_it_is(opened: Opened) -> None:
    """A probe that is stuck must not look fresh whenever the backend is updated."""
    same: list[Any] = [(1, 7.0, hours * 3_600_000) for hours in reversed(range(100))]
    async with opened() as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", [(1, 8.0, 100 * 3_600_000), *same, (2, 1.0, 60_000), (2, 2.0, 0)]))
        before = [(storage.latest(sensor), storage.unchanged_since(sensor)) for sensor in (1, 2, 3)]
        await storage.compact()
    async with opened() as storage:
        assert [(storage.latest(sensor), storage.unchanged_since(sensor)) for sensor in (1, 2, 3)] == before
        assert storage.unchanged_since(1) == NOW - timedelta(hours=99)


@pytest.mark.postgresql_only
async def test_a_start_takes_the_time_that_it_takes(database: str, clock: SetClock) -> None:
    """Thousands of gauges that have stood still for two months are more than a minute's look back."""
    limits = ("statement_timeout", "idle_in_transaction_session_timeout")

    class Started(PostgresStorage):
        while_loading: Sequence[str] = ()

        def _load_samples(self, below: Driver) -> None:
            self.while_loading = [below.execute(f"SHOW {limit}").fetchone()[0] for limit in limits]
            super()._load_samples(below)

    storage = Started(database, clock)  # type: ignore[arg-type]
    await storage.open()
    try:
        assert storage.while_loading == ["0", "0"]
        usual = await storage.write(
            lambda tx: [raw(tx.connection).execute(f"SHOW {limit}").fetchone()[0] for limit in limits]
        )
        assert usual == ["1min", "10s"], "a write holds up the others"
    finally:
        await storage.close()
