"""The log of batches: what was accepted is never lost, and never taken twice."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from plant_backend.domain.errors import Conflict
from plant_backend.domain.telemetry import Receipt
from plant_backend.storage import compactor
from plant_backend.storage.batch_log import BatchLog
from plant_backend.storage.driver import raw
from plant_backend.storage.sqlite import sqlite_engine
from plant_backend.storage.store import SqlStorage

from tests.backend.storage.conftest import Opened, SetClock, a_device
from tests.builders import DAY, HOUR, MINUTE, NOW, a_batch, to_ms

FIRST, AGAIN = Receipt(2, is_duplicate=False), Receipt(2, is_duplicate=True)
BATCH = a_batch("b-2", [(1, 41.5, 1_000), (2, 80.0, 0)])
LATER = replace(BATCH, received_at_ms=BATCH.received_at_ms + 60_000, offsets_ms=[61_000, 60_000])
OTHERS = [
    replace(LATER, values=[41.5, 80.1]),
    replace(LATER, sensor_ids=[1, 3]),
    replace(LATER, boot_id="other"),
    replace(LATER, values=[41.5], sensor_ids=[1], offsets_ms=[0]),
]


async def assert_known(storage: SqlStorage) -> None:
    """The same again is a duplicate, and another content under the same id a conflict."""
    assert await storage.append(LATER) == AGAIN
    for other in OTHERS:
        with pytest.raises(Conflict) as conflict:
            await storage.append(other)
        assert conflict.value.code == "batch_conflict"
    logged = await storage.batches_after(0, 10)
    assert [entry.batch for entry in logged] == [BATCH]
    assert len(await history(storage)) == 1


async def history(storage: SqlStorage) -> list[tuple[int, float]]:
    found = await storage.read(lambda tx: tx.history.readings(1, NOW - 40 * DAY, NOW + DAY, 1_000))
    return [(to_ms(sample.ts), sample.value) for sample in found]


async def test_a_batch_sent_again_changes_nothing(storage: SqlStorage) -> None:
    """Wi-Fi loses answers, and a node sends until it has one (esphome/feature-requests #2628)."""
    await a_device(storage)
    assert await storage.append(BATCH) == FIRST
    await assert_known(storage)


async def test_nor_after_compaction(storage: SqlStorage) -> None:
    await a_device(storage)
    await storage.append(BATCH)
    await storage.compact()
    await assert_known(storage)


async def test_nor_after_a_restart(opened: Opened) -> None:
    async with opened() as storage:
        await a_device(storage)
        assert await storage.append(BATCH) == FIRST
    async with opened() as storage:
        await assert_known(storage)
        await storage.compact()
    async with opened() as storage:
        await assert_known(storage)


async def test_nor_within_one_commit(storage: SqlStorage) -> None:
    await a_device(storage)
    answers = await asyncio.gather(
        *(storage.append(batch) for batch in (BATCH, LATER, OTHERS[0], LATER)), return_exceptions=True
    )
    assert [answers[0], answers[1], answers[3]] == [FIRST, AGAIN, AGAIN]
    assert isinstance(answers[2], Conflict)
    await assert_known(storage)


async def test_a_batch_id_belongs_to_its_device(storage: SqlStorage) -> None:
    await a_device(storage)
    second = await a_device(storage, "d-2")
    assert await storage.append(BATCH) == FIRST
    await storage.compact()
    assert await storage.append(replace(BATCH, device_number=second.number)) == FIRST


async def test_ids_that_do_not_grow_are_known_as_well(storage: SqlStorage) -> None:
    await a_device(storage)
    names = ["m", "z", "a", "Z", "0", "y.y", "m-1"]
    for name in names:
        await storage.append(a_batch(name))
        await storage.compact()
    for name in names:
        assert (await storage.append(a_batch(name))).is_duplicate
    assert not (await storage.append(a_batch("n"))).is_duplicate


async def test_an_id_is_known_for_thirty_days(opened: Opened, clock: SetClock) -> None:
    async with opened() as storage:
        await a_device(storage)
        await storage.append(BATCH)
        await storage.compact()
        clock.moment = NOW + 30 * DAY
        await storage.compact()
        assert (await storage.append(LATER)).is_duplicate
        clock.moment = NOW + 32 * DAY
        await storage.compact()
    async with opened() as storage:
        assert not (await storage.append(LATER)).is_duplicate


@pytest.mark.sqlite_only
async def test_an_old_tail_is_known_in_the_commit_right_after_its_compaction(opened: Opened, path) -> None:  # type: ignore[no-untyped-def]
    """After two days off, compaction drops the old tail from the log at once; a repeat may be in the next commit."""
    async with opened() as storage:
        await a_device(storage)
        await storage.append(BATCH)
    engine = sqlite_engine(path)
    with engine.connect() as connection:
        log, below = BatchLog(), raw(connection)
        log.load(below, 0, 0)
        below.execute("BEGIN IMMEDIATE")
        tail = compactor.read_tail(connection)
        compactor.insert_readings(connection, tail.readings[:])
        compactor.finish(connection, tail, to_ms(NOW + 2 * DAY))
        below.execute("COMMIT")
        assert below.execute("SELECT count(*) FROM batches").fetchone() == (0,)

        (appended,) = log.append(below, [LATER], log.open_group())

        assert appended.result == AGAIN
    engine.dispose()


async def test_a_batch_that_cannot_be_stored_leaves_its_neighbours_alone(storage: SqlStorage) -> None:
    """One poisoned batch in a shared commit is refused alone, in every place of the group."""
    await a_device(storage)
    poison = replace(a_batch("p", [(1, 1.0, 0)]), received_at_ms=2**63)
    for number, place in enumerate((0, 3, 6)):
        batches = [a_batch(f"{number}-{name}", [(1, 1.0, number * 10 + name)]) for name in range(6)]
        batches.insert(place, poison)

        answers = await asyncio.gather(*(storage.append(batch) for batch in batches), return_exceptions=True)

        # Each database has its own word for a number that it has no room for.
        assert isinstance(answers.pop(place), OverflowError | psycopg.DataError)
        assert answers == [Receipt(1, is_duplicate=False)] * 6
    assert len(await history(storage)) == 18
    ids = [entry.log_id for entry in await storage.batches_after(0, 100)]
    assert len(ids) == 18
    # On SQLite without a gap; a sequence of PostgreSQL leaves one where an attempt was undone.
    assert ids == (sorted(set(ids)) if storage.is_shared else list(range(1, 19)))
    assert storage.log_bounds() == (0, ids[-1])


async def test_a_failing_transaction_leaves_its_neighbours_alone(storage: SqlStorage) -> None:
    device = await a_device(storage)

    def fail(tx):  # type: ignore[no-untyped-def]
        tx.devices.rename(device.number, "half")
        tx.events.add(device, "device", {}, NOW)
        raise ValueError("no")

    def count(tx):  # type: ignore[no-untyped-def]
        tx.events.add(device, "device", {"name": "kept"}, NOW)
        return "kept"

    answers = await asyncio.gather(
        storage.write(fail), storage.append(BATCH), storage.write(count), storage.write(fail), return_exceptions=True
    )

    assert [answers[1], answers[2]] == [FIRST, "kept"]
    assert all(isinstance(answers[place], ValueError) for place in (0, 3))
    found = await storage.read(lambda tx: (tx.devices.by_number(device.number).name, tx.events.after(0, 10)))
    assert found[0] == "Fern"
    assert [event.data for event in found[1]] == [{"name": "kept"}]


async def test_a_thousand_batches_at_once_are_each_stored_once(opened: Opened) -> None:
    async with opened() as storage:
        await a_device(storage)
        batches = [a_batch(f"b-{place:04}", [(1, place, place)]) for place in range(1_000)]
        answers = await asyncio.gather(*(storage.append(batch) for batch in (*batches, *batches)))
        assert [answer.is_duplicate for answer in answers] == [False] * 1_000 + [True] * 1_000
    async with opened() as storage:
        assert len(await history(storage)) == 1_000
        assert await storage.compact() == 1_000
        assert len(await history(storage)) == 1_000


async def test_the_log_is_kept_a_day_for_those_who_resume(storage: SqlStorage, clock: SetClock) -> None:
    await a_device(storage)
    for hour in (0, 12, 30):
        await storage.append(a_batch(f"b-{hour}", received=NOW + hour * HOUR))
    clock.moment = NOW + 30 * HOUR
    await storage.compact()
    assert storage.log_bounds() == (1, 3)
    assert [entry.log_id for entry in await storage.batches_after(1, 10)] == [2, 3]


async def test_log_ids_are_never_given_twice(opened: Opened, clock: SetClock) -> None:
    async with opened() as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1"))
        clock.moment = NOW + 3 * DAY
        await storage.compact()
    async with opened() as storage:
        await storage.append(a_batch("b-2", received=clock.moment))
        (entry,) = await storage.batches_after(0, 10)
        assert entry.log_id == 2
        assert storage.log_bounds() == (1, 2)


async def test_when_a_device_was_last_heard_survives_a_restart(opened: Opened) -> None:
    async with opened() as storage:
        device = await a_device(storage)
        await storage.append(a_batch("b-1", received=NOW + MINUTE))
        await storage.append(a_batch("b-2", received=NOW))
        assert storage.last_seen(device.number) == NOW + MINUTE
    async with opened() as storage:
        assert storage.last_seen(device.number) == NOW + MINUTE
        await storage.compact()
    async with opened() as storage:
        assert storage.last_seen(device.number) == NOW + MINUTE


async def test_a_batch_from_when_the_clock_was_ahead_does_not_keep_the_log_for_ever(
    storage: SqlStorage, clock: SetClock
) -> None:
    """A Pi without a clock of its own starts anywhere (OpenSprinkler-Firmware #396): one batch is dated next year."""
    await a_device(storage)
    await storage.append(replace(a_batch("a"), received_at_ms=to_ms(NOW + 300 * DAY)))
    await storage.append(a_batch("b"))
    await storage.compact()
    assert [entry.batch.batch_id for entry in await storage.batches_after(0, 10)] == ["b"]

    clock.moment = NOW + 2 * DAY
    await storage.append(replace(a_batch("c"), received_at_ms=to_ms(clock.moment)))
    await storage.compact()
    assert [entry.batch.batch_id for entry in await storage.batches_after(0, 10)] == ["c"]


async def test_a_clock_that_is_behind_drops_nothing(storage: SqlStorage, clock: SetClock) -> None:
    await a_device(storage)
    await storage.append(a_batch("a"))
    clock.moment = NOW - 300 * DAY
    await storage.compact()
    assert [entry.batch.batch_id for entry in await storage.batches_after(0, 10)] == ["a"]


async def test_a_device_that_is_deleted_in_mid_compaction_leaves_no_readings(storage: SqlStorage) -> None:
    gone, kept = await a_device(storage), await a_device(storage, "d-2")
    for device in (gone, kept):
        await storage.append(a_batch("a", [(device.sensors[0].id, 41.5, 0)], device=device.number))
    tail = compactor.read_tail(storage._writer.connection)
    await storage.write(lambda tx: tx.devices.delete(gone.number))
    storage.forget(gone.number, [sensor.id for sensor in gone.sensors])
    # A sensor that comes meanwhile must not get the number of one that went.
    await a_device(storage, "d-3")
    await storage._compact_pass(tail)

    below = raw(storage._writer.connection)
    for table in ("readings", "rollups_5min", "rollups_1h"):
        assert below.execute(f"SELECT DISTINCT sensor_id FROM {table}").fetchall() == [(kept.sensors[0].id,)]
    assert below.execute("SELECT DISTINCT device_number FROM accepted_batches").fetchall() == [(kept.number,)]
