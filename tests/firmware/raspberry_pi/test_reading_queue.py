"""Readings wait on the disk, with ages that stay right, in batches that stay the same."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from plant_node import database
from plant_node.envelope import DAY_MS
from plant_node.lived import LivedClock
from plant_node.reading_queue import MAX_BATCH, BatchGone, ReadingQueue, new_boot_id

from tests.firmware.raspberry_pi.builders import HandClock, open_queue
from tests.firmware.raspberry_pi.fake_backend import content_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


def sent(queue: ReadingQueue) -> dict[str, Any]:
    """What the next request would hold."""
    batch = queue.next_batch()
    assert batch is not None
    return queue.payload(batch)


def test_a_batch_has_the_wire_form(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    queue.add("soil", 41.5, clock.mono)
    clock.turn(1200)
    assert sent(queue) == {
        "batch_id": f"{queue.boot_id}-00000001",
        "boot_id": queue.boot_id,
        "readings": [{"sensor": "soil", "value": 41.5, "age_ms": 1200}],
    }


def test_a_resend_is_the_same_batch_even_after_a_crash(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    for number in range(5):
        queue.add("soil", number / 3, clock.mono)
        clock.turn(100)
    first = sent(queue)
    queue.add("soil", 99.0, clock.mono)
    queue.flush()
    assert sent(queue)["batch_id"] == first["batch_id"]
    clock.turn(5000)
    again = sent(open_queue(file, clock))
    assert again["batch_id"] == first["batch_id"]
    assert content_of(again) == content_of(first)
    assert [
        late["age_ms"] - early["age_ms"] for early, late in zip(first["readings"], again["readings"], strict=True)
    ] == [5000] * 5


def test_what_the_backend_takes_at_once_is_never_written(file: Path) -> None:
    """Three SD cards killed in a year: Mycodo #709."""
    clock = HandClock()
    queue = open_queue(file, clock)
    before = file.with_name(file.name + "-wal").stat().st_size
    for _ in range(9):
        queue.add("soil", 1.0, clock.mono)
        queue.flush_if_due()
        batch = queue.next_batch()
        assert batch is not None
        assert queue.remove(batch) == 1
        clock.turn(60_000)
    assert queue.depth() == 0
    assert file.with_name(file.name + "-wal").stat().st_size == before


def test_the_clock_is_written_down_all_the_same(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    clock.turn(600_000)
    queue.flush_if_due()
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT mono_ms FROM lived").fetchone() == (clock.mono,)
    other.close()


def test_a_batch_that_was_tried_keeps_its_id_on_the_disk_and_no_later_one_gets_it(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    for value in (1.0, 2.0):
        queue.add("soil", value, clock.mono)
        batch = queue.next_batch()
        assert batch is not None
        if value == 1.0:
            queue.remove(batch)
    # The second was tried in vain, and a third reading came meanwhile.
    queue.add("soil", 3.0, clock.mono)
    queue.flush()
    later = open_queue(file, clock)
    again = later.next_batch()
    assert again == batch
    assert [reading["value"] for reading in later.payload(again)["readings"]] == [2.0]
    later.remove(again)
    rest = later.next_batch()
    assert rest is not None
    assert (rest.boot_id, rest.batch_id) == (queue.boot_id, f"{queue.boot_id}-00000003")
    assert [reading["value"] for reading in later.payload(rest)["readings"]] == [3.0]


def test_a_batch_in_memory_whose_readings_were_dropped_is_gone(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock, max_readings=2)
    queue.add("soil", 1.0, clock.mono)
    batch = queue.next_batch()
    assert batch is not None
    for value in (2.0, 3.0):
        queue.add("soil", value, clock.mono)
    with pytest.raises(BatchGone):
        queue.payload(batch)
    assert queue.remove(batch) == 0
    other = sent(queue)
    assert other["batch_id"] != batch.batch_id
    assert [reading["value"] for reading in other["readings"]] == [2.0, 3.0]


def test_ages_stay_right_when_only_the_process_restarts(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    queue.add("soil", 1.0, clock.mono)
    queue.close()
    clock.turn(7000)
    clock.wall = 0
    later = open_queue(file, clock)
    assert sent(later)["readings"][0]["age_ms"] == 7000


def test_after_a_reboot_without_a_clock_the_age_is_unknown(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    queue.add("soil", 1.0, clock.mono)
    queue.close()
    clock.reboot("boot-2")
    assert sent(open_queue(file, clock))["readings"] == [{"sensor": "soil", "value": 1.0}]


def test_after_a_reboot_a_clock_that_was_right_dates_the_reading(file: Path) -> None:
    clock = HandClock(wall_ms=1_795_464_000_000)
    queue = open_queue(file, clock)
    queue.add("soil", 1.0, clock.mono)
    clock.turn(10_000)
    # The time service answers only now: the reading from before is dated all the same.
    clock.trusted = True
    queue.add("soil", 2.0, clock.mono)
    queue.close()
    clock.reboot("boot-2")
    clock.trusted = False
    assert sent(open_queue(file, clock))["readings"] == [
        {"sensor": "soil", "value": 1.0, "measured_at": "2026-11-23T20:00:00.000Z"},
        {"sensor": "soil", "value": 2.0, "measured_at": "2026-11-23T20:00:10.000Z"},
    ]


def test_a_batch_holds_readings_of_one_start_only(file: Path) -> None:
    clock = HandClock()
    first = open_queue(file, clock)
    first.add("soil", 1.0, clock.mono)
    first.close()
    second = open_queue(file, clock)
    second.add("soil", 2.0, clock.mono)
    batch = second.next_batch()
    assert batch is not None
    assert (batch.boot_id, [reading["value"] for reading in second.payload(batch)["readings"]]) == (
        first.boot_id,
        [1.0],
    )
    assert second.remove(batch) == 1
    assert sent(second)["boot_id"] == second.boot_id


def test_ids_sort_in_the_order_they_are_made(file: Path) -> None:
    clock = HandClock()
    ids = []
    for start in range(3):
        queue = open_queue(file, clock)
        for _ in range(2):
            queue.add("soil", 1.0, clock.mono)
            batch = queue.next_batch()
            assert batch is not None
            ids.append(batch.batch_id)
            queue.remove(batch)
        queue.close()
        clock.turn(1000 * start)
        # A clock set back must not bring an id back.
        clock.wall = 1_600_000_000_000
    assert ids == sorted(ids)
    assert len(set(ids)) == 6


def test_boot_ids_grow_with_time() -> None:
    early, late = new_boot_id(1_795_464_000_000, None), new_boot_id(1_795_464_000_000 + 1_100_000, None)
    assert len(early) == len(late) == 8
    assert early < late
    assert new_boot_id(0, late) > late


def test_at_most_500_readings_a_batch(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    for _ in range(MAX_BATCH + 3):
        queue.add("soil", 1.0, clock.mono)
    batch = queue.next_batch()
    assert batch is not None
    assert len(queue.payload(batch)["readings"]) == MAX_BATCH
    queue.remove(batch)
    assert len(sent(queue)["readings"]) == 3


def test_a_split_gives_two_batches_with_new_ids_and_the_same_readings(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    for number in range(5):
        queue.add("soil", float(number), clock.mono)
    whole = queue.next_batch()
    assert whole is not None
    assert queue.split(whole)
    values, ids = [], [whole.batch_id]
    for _ in range(2):
        half = queue.next_batch()
        assert half is not None
        ids.append(half.batch_id)
        values += [reading["value"] for reading in queue.payload(half)["readings"]]
        queue.remove(half)
    assert values == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert ids == sorted(set(ids))
    assert queue.next_batch() is None
    queue.add("soil", 1.0, clock.mono)
    single = queue.next_batch()
    assert single is not None
    assert not queue.split(single)


def test_a_full_queue_drops_the_oldest_and_says_so_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    queue = open_queue(file, clock, max_readings=10)
    with caplog.at_level(logging.WARNING, logger="plant_node"):
        for number in range(25):
            queue.add("soil", float(number), clock.mono)
            queue.flush()
    assert queue.depth() == 10
    assert [reading["value"] for reading in sent(queue)["readings"]] == [float(number) for number in range(15, 25)]
    assert len([record for record in caplog.records if "full" in record.message]) == 1


def test_a_batch_on_its_way_is_dropped_whole_or_not_at_all(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock, max_readings=10)
    for number in range(8):
        queue.add("soil", float(number), clock.mono)
    on_its_way = queue.next_batch()
    assert on_its_way is not None
    queue.flush()
    for number in range(8, 11):
        queue.add("soil", float(number), clock.mono)
    queue.flush()
    with pytest.raises(BatchGone):
        queue.payload(on_its_way)
    assert queue.remove(on_its_way) == 0
    assert [reading["value"] for reading in sent(queue)["readings"]] == [8.0, 9.0, 10.0]


def test_readings_over_31_days_are_dropped_with_a_word(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    queue.add("soil", 1.0, clock.mono)
    clock.turn(20 * DAY_MS)
    queue.add("soil", 2.0, clock.mono)
    batch = queue.next_batch()
    assert batch is not None
    clock.turn(11 * DAY_MS)
    with pytest.raises(BatchGone):
        queue.payload(batch)
    queue.dissolve(batch)
    with caplog.at_level(logging.WARNING, logger="plant_node"):
        assert [reading["value"] for reading in sent(queue)["readings"]] == [2.0]
    assert "dropped 1 readings older than 31 days" in caplog.text
    assert queue.depth() == 1


def test_readings_reach_the_disk_30_seconds_later_at_most(file: Path) -> None:
    clock = HandClock()
    queue = open_queue(file, clock)
    queue.add("soil", 1.0, clock.mono)
    queue.flush_if_due()
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT count(*) FROM readings").fetchone() == (0,)
        clock.turn(30_000)
        queue.flush_if_due()
        assert other.execute("SELECT count(*) FROM readings").fetchone() == (1,)
    other.close()
    assert queue.depth() == 1


class Card(sqlite3.Connection):
    """A card that can be full when a write is to be made sure of."""

    is_full = False

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if self.is_full and sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *arguments)


def on_a_card(file: Path, clock: HandClock) -> tuple[ReadingQueue, Card]:
    database.prepare(file)
    card = sqlite3.connect(file, isolation_level=None, factory=Card)
    return ReadingQueue(card, clock, LivedClock.resume(card, clock), max_readings=1000), card


def test_a_clock_that_a_full_card_did_not_take_is_written_down_later(file: Path) -> None:
    clock = HandClock(wall_ms=1_795_464_000_000)
    clock.trusted = True
    queue, card = on_a_card(file, clock)
    queue.add("soil", 1.0, clock.mono)
    card.is_full = True
    with pytest.raises(sqlite3.Error):
        queue.flush()
    card.is_full = False
    queue.flush()
    clock.reboot("boot-2")
    assert sent(open_queue(file, clock))["readings"] == [
        {"sensor": "soil", "value": 1.0, "measured_at": "2026-11-23T20:00:00.000Z"}
    ]


def test_what_a_full_card_did_not_let_go_is_counted_and_sent_on(file: Path) -> None:
    clock = HandClock()
    queue, card = on_a_card(file, clock)
    queue.add("soil", 1.0, clock.mono)
    clock.turn(20 * DAY_MS)
    for value in (2.0, 3.0):
        queue.add("soil", value, clock.mono)
        queue.flush()
    clock.turn(11 * DAY_MS)
    card.is_full = True
    with pytest.raises(sqlite3.Error):
        queue.next_batch()
    assert queue.depth() == 3, "one is too old"
    card.is_full = False
    batch = queue.next_batch()
    assert batch is not None
    card.is_full = True
    with pytest.raises(sqlite3.Error):
        queue.remove(batch)
    assert queue.depth() == 2
    card.is_full = False
    queue.add("soil", 4.0, clock.mono)
    queue.flush()
    assert [reading["value"] for reading in sent(queue)["readings"]] == [2.0, 3.0]
    assert queue.remove(batch) == 2
    assert [reading["value"] for reading in sent(queue)["readings"]] == [4.0]
