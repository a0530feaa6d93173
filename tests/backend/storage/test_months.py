"""Readings by months on PostgreSQL: nothing is too late or too early for its month, and what has expired goes whole."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from plant_backend.storage.months import Month, make
from plant_backend.storage.postgres import PostgresDriver, connect
from plant_backend.storage.retention import Retention

from tests.backend.storage.conftest import Opened, SetClock, a_device, rows_of
from tests.backend.storage.test_rollups import WIDTHS, Reading, naive, raw_count, rollups
from tests.builders import DAY, HOUR, NOW, a_batch, to_ms

KEPT = Retention(32, 60)
SENT: list[Reading] = [(1, float(day), day * 86_400_000) for day in range(30)]
"""Of sensor 1, from the first of July (NOW) back into June."""


pytestmark = pytest.mark.postgresql_only


def months(url: str, table: str = "readings") -> list[str]:
    rows = rows_of(url, f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{table}'::regclass")
    return sorted(name.removeprefix(f"{table}_") for (name,) in rows)


@pytest.mark.parametrize(
    ("at", "month", "following"),
    [
        (datetime(2026, 7, 31, 23, 59, 59, 999_000, UTC), Month(2026, 7), Month(2026, 8)),
        (datetime(2026, 12, 1, tzinfo=UTC), Month(2026, 12), Month(2027, 1)),
        (datetime(1969, 12, 31, 23, 0, tzinfo=UTC), Month(1969, 12), Month(1970, 1)),
    ],
)
def test_a_month_is_one_of_utc(at: datetime, month: Month, following: Month) -> None:
    found = Month.of(to_ms(at))
    assert (found, found.next) == (month, following)
    assert found.begins_ms <= to_ms(at) < found.next.begins_ms
    assert Month.of(found.begins_ms - 1).next == found
    assert Month.of_partition(found.partition_of("rollups_5min")) == found


async def test_whatever_its_time_a_reading_comes_into_its_month(opened: Opened, database: str) -> None:
    """Late, early, and from a clock that has never been set."""
    async with opened() as storage:
        await a_device(storage)
        # A node may be 31 days late, and fast by a minute.
        batch: list[Reading] = [(1, 1.0, 31 * 86_400_000), (1, 2.0, 0), (2, 3.0, None)]
        first = datetime(1970, 1, 1, tzinfo=UTC) + HOUR
        sent = [(NOW, batch), (NOW + 31 * DAY, batch), (first, [(1, 5.0, 7_200_000), (1, 6.0, 0)])]
        for place, (received, readings) in enumerate(sent):
            await storage.append(a_batch(f"b-{place}", readings, received=received))
        await storage.compact()
        await storage.append(a_batch("b-9", [(1, 7.0, 1_000)], received=NOW))
        await storage.compact()
    assert raw_count(database) == 8, "two were of one instant"
    assert {"1969_12", "1970_01", "2026_05", "2026_07", "2026_08"} <= set(months(database))
    batches = [(to_ms(received), readings) for received, readings in sent] + [(to_ms(NOW), [(1, 7.0, 1_000)])]
    for table, width_ms in WIDTHS.items():
        assert rollups(database, table) == naive(batches, width_ms)


async def test_a_month_is_there_before_its_first_reading(opened: Opened, database: str) -> None:
    async with opened() as storage:
        await storage.compact()
    assert months(database) == months(database, "rollups_5min") == ["2026_07", "2026_08"]


async def test_the_next_month_is_there_also_where_it_is_shorter_than_this_one(
    opened: Opened, database: str, clock: SetClock
) -> None:
    clock.moment = datetime(2027, 1, 30, tzinfo=UTC)
    async with opened() as storage:
        await storage.compact()
    assert months(database) == ["2027_01", "2027_02"]


async def test_a_reading_that_comes_again_is_there_once_in_whichever_month(opened: Opened, database: str) -> None:
    async with opened() as storage:
        await a_device(storage)
        for name, value in (("b-1", 1.0), ("b-2", 2.0)):
            await storage.append(a_batch(name, [(1, value, 0), (1, value, 3 * 86_400_000)]))
            await storage.compact()
    assert rows_of(database, "SELECT value FROM readings") == [(1.0,), (1.0,)]


async def test_a_month_that_has_served_its_time_goes_whole_and_its_rollups_stay(
    opened: Opened, database: str, clock: SetClock
) -> None:
    """A disk that fills up: Mycodo #862. Raw 32 days or longer, 5 minutes as set, hours for ever."""
    async with opened(KEPT) as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", SENT))
        await storage.compact()
        june, july = months(database)[:2]
        assert (june, july) == ("2026_06", "2026_07")
        # All of June is 32 days old on the second of August.
        for days, left in ((31, 30), (32, 30), (33, 1), (62, 1), (63, 1), (64, 0)):
            clock.moment = NOW + days * DAY
            await storage.compact()
            assert raw_count(database) == left, days
            assert ("2026_06" in months(database)) == (days < 33)
        assert rows_of(database, "SELECT relname FROM pg_class WHERE relname LIKE '%expired%'") == []
        for table, width_ms in WIDTHS.items():
            if table == "rollups_1h":
                assert rollups(database, table) == naive([(to_ms(NOW), SENT)], width_ms)
        ((kept_from,),) = rows_of(database, "SELECT value FROM log_state WHERE key = 'readings_kept_from'")
        assert kept_from == Month(2026, 8).begins_ms
        # Whoever is later than the protocol allows is still not refused.
        await storage.append(a_batch("b-2", [(1, 9.0, 0)], received=NOW))
        await storage.compact()
        assert raw_count(database) == 1


@pytest.mark.parametrize("ahead", [4_000 * DAY, 40 * DAY])
async def test_a_clock_that_is_ahead_for_a_while_drops_nothing(
    opened: Opened, database: str, clock: SetClock, ahead: timedelta
) -> None:
    """A machine without a battery for its clock may believe for an hour that it is 2038."""
    async with opened(KEPT) as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", SENT))
        await storage.compact()
        for jump in (ahead, ahead + 23 * HOUR, timedelta(0), ahead, ahead + HOUR):
            clock.moment = NOW + jump
            await storage.compact()
    assert raw_count(database) == 30


async def test_who_reads_for_long_is_not_waited_for(opened: Opened, database: str, clock: SetClock) -> None:
    async with opened(KEPT) as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", SENT))
        await storage.compact()
        clock.moment = NOW + 40 * DAY
        await storage.compact()
        clock.moment = NOW + 42 * DAY
        with closing(connect(database)) as reader:
            reader.execute("SET idle_in_transaction_session_timeout = 0")
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM readings")
            await storage.compact()
            assert "2026_06" in months(database)
            # What shares a commit with the attempt is stored all the same.
            await storage.append(a_batch("b-2", [(1, 1.0, 0)], received=clock.moment))
            reader.execute("COMMIT")
        await storage.compact()
        assert "2026_06" not in months(database)


async def test_a_month_that_was_taken_out_and_not_dropped_is_dropped_later(
    opened: Opened, database: str, clock: SetClock
) -> None:
    """A process that dies in between, as far as the database can tell."""
    async with opened(KEPT) as storage:
        await a_device(storage)
        await storage.append(a_batch("b-1", SENT))
        await storage.compact()
        with closing(connect(database)) as other:
            other.execute("ALTER TABLE readings DETACH PARTITION readings_2026_06")
            other.execute("ALTER TABLE readings_2026_06 RENAME TO readings_2026_06_expired")
        await storage.append(a_batch("b-2", SENT, received=NOW + HOUR))
        await storage.compact()
    assert rows_of(database, "SELECT relname FROM pg_class WHERE relname LIKE '%expired%'") == []
    assert "2026_06" in months(database)


def test_nobody_who_reads_is_held_up_by_a_month_that_is_made(database: str) -> None:
    """An export may read for minutes. The limit is what would end the waiting."""
    with closing(connect(database)) as reader, closing(connect(database)) as writer:
        for connection in (reader, writer):
            connection.execute("SET lock_timeout = '5s'")
            connection.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings")
        make(PostgresDriver(writer), "readings", [0])
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (0,)
        writer.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (0,)
        reader.execute("COMMIT")
