"""What is written down survives, and what nobody knows counts in full."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from plant_node import database
from plant_node.envelope import DAY_MS, Limits, Reason, judge
from plant_node.ledger import Ledger, Outcome, Status

from tests.firmware.raspberry_pi.builders import HandClock, an_off, an_on, open_ledger

DONE = Outcome(Status.SUCCEEDED, 8000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


def reopened(file: Path, clock: HandClock) -> Ledger:
    ledger, _, _ = open_ledger(file, clock)
    return ledger


def test_the_pragma_that_survives_a_power_cut_is_set(file: Path) -> None:
    _, _, connection = open_ledger(file, HandClock())
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_seq_and_outcome_survive_a_restart(file: Path) -> None:
    clock = HandClock()
    ledger = reopened(file, clock)
    run = ledger.begin_run(an_on(17, 8000), 8000)
    ledger.end_run(run, 17, DONE, off_at_mono_ms=clock.mono)
    again = reopened(file, clock)
    assert again.last_seq() == 17
    assert again.outcome_of(17) == DONE
    assert again.outcome_of(16) is None
    assert [ack.wire() for ack in again.acks_to_send()] == [
        {"id": 4017, "seq": 17, "status": "succeeded", "ran_ms": 8000, "reason": None}
    ]


def test_a_confirmed_ack_is_not_sent_again_until_asked(file: Path) -> None:
    ledger = reopened(file, HandClock())
    ledger.record(an_off(3), Outcome(Status.SUCCEEDED, 0))
    ledger.acked(ledger.acks_to_send())
    assert ledger.acks_to_send() == []
    ledger.ack_again(3)
    assert [ack.seq for ack in ledger.acks_to_send()] == [3]


def test_confirming_accepted_does_not_confirm_the_outcome_that_came_meanwhile(file: Path) -> None:
    clock = HandClock()
    ledger = reopened(file, clock)
    run = ledger.begin_run(an_on(1), 8000)
    on_the_way = ledger.acks_to_send()
    ledger.end_run(run, 1, DONE, off_at_mono_ms=clock.mono)
    ledger.acked(on_the_way)
    assert [ack.outcome.status for ack in ledger.acks_to_send()] == [Status.SUCCEEDED]


def test_a_run_cut_off_by_a_crash_counts_in_full_and_says_that_it_does_not_know(file: Path) -> None:
    clock = HandClock()
    reopened(file, clock).begin_run(an_on(5, 20_000), 20_000)
    clock.turn(3000)
    ledger = reopened(file, clock)
    assert [(run.actuator, run.seq, run.planned_ms) for run in ledger.recover()] == [("pump", 5, 20_000)]
    assert ledger.recover() == []
    assert [ack.wire() for ack in ledger.acks_to_send()] == [
        {"id": 4005, "seq": 5, "status": "interrupted", "reason": "reboot"}
    ]
    (past,) = ledger.past_runs("pump")
    assert past.counted_ms == 20_000
    assert past.ended_ms == 3000, "it ends when someone is sure that it is over"


@pytest.mark.parametrize("wall_ms", [0, 1_795_464_000_000, 4_000_000_000_000])
def test_no_clock_jump_across_a_power_cut_shortens_a_pause_or_a_day(file: Path, wall_ms: int) -> None:
    """Clocks that come back in 1970 (OpenSprinkler-Firmware #396) or in the future."""
    clock = HandClock()
    limits = Limits(max_run_ms=30_000, min_off_ms=60_000, max_day_ms=30_000)
    ledger = reopened(file, clock)
    run = ledger.begin_run(an_on(1), 30_000)
    clock.turn(30_000)
    ledger.end_run(run, 1, Outcome(Status.SUCCEEDED, 30_000), off_at_mono_ms=clock.mono)

    clock.reboot("boot-2", uptime_ms=59_000, wall_ms=wall_ms)
    ledger, lived, _ = open_ledger(file, clock)

    def verdict(**changes: int) -> Reason | None:
        fitting = Limits(**{"max_run_ms": 30_000, "min_off_ms": 60_000, "max_day_ms": 30_000} | changes)
        return judge(fitting, ledger.past_runs("pump"), [], now_ms=lived.now(), wanted_ms=1000).reason

    assert verdict() is Reason.MIN_OFF
    clock.turn(1000)
    assert verdict(max_day_ms=60_000) is None
    assert verdict() is Reason.MAX_DAY
    clock.turn(DAY_MS)
    assert judge(limits, ledger.past_runs("pump"), [], now_ms=lived.now(), wanted_ms=1000).reason is None


def test_a_pause_longer_than_a_day_is_kept_too(file: Path) -> None:
    clock = HandClock()
    ledger, lived, _ = open_ledger(file, clock)
    limits = Limits(min_off_ms=3 * DAY_MS)
    run = ledger.begin_run(an_on(1), 8000)
    ledger.end_run(run, 1, DONE, off_at_mono_ms=clock.mono)
    clock.turn(2 * DAY_MS)
    past = ledger.past_runs("pump", within_ms=limits.min_off_ms)
    assert judge(limits, past, [], now_ms=lived.now(), wanted_ms=1000).reason is Reason.MIN_OFF


def test_a_run_that_never_moved_the_pin_costs_nothing(file: Path) -> None:
    ledger = reopened(file, HandClock())
    run = ledger.begin_run(an_on(1), 8000)
    ledger.cancel_run(run, 1, Outcome(Status.EXPIRED, 0))
    assert ledger.past_runs("pump") == []
    assert ledger.outcome_of(1) == Outcome(Status.EXPIRED, 0)


def test_one_seq_has_one_run(file: Path) -> None:
    ledger = reopened(file, HandClock())
    ledger.begin_run(an_on(1), 8000)
    with pytest.raises(Exception, match="UNIQUE"):
        ledger.begin_run(an_on(1), 8000)


def test_old_confirmed_commands_are_forgotten_and_what_is_still_needed_is_not(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plant_node.ledger._KEEP_COMMANDS", 10)
    ledger = reopened(file, HandClock())
    for seq in range(1, 31):
        ledger.record(an_off(seq), Outcome(Status.SUCCEEDED, 0))
    ledger.acked([ack for ack in ledger.acks_to_send() if ack.seq != 2])
    ledger.recover()
    assert ledger.outcome_of(1) is None
    assert ledger.outcome_of(21) is not None
    assert ledger.last_seq() == 30
    assert [ack.seq for ack in ledger.acks_to_send()] == [2], "an outcome that nobody confirmed waits for ever"


def test_a_new_device_counts_from_the_start_and_inherits_the_envelope(file: Path) -> None:
    """Else the first thousand commands of a re-registered node would pass for duplicates."""
    clock = HandClock()
    ledger = reopened(file, clock)
    ledger.belong_to("one")
    run = ledger.begin_run(an_on(17), 8000)
    ledger.end_run(run, 17, DONE, off_at_mono_ms=clock.mono)
    again = reopened(file, clock)
    again.belong_to("one")
    assert again.last_seq() == 17
    again.belong_to("other")
    assert (again.last_seq(), again.acks_to_send()) == (0, [])
    assert [past.counted_ms for past in again.past_runs("pump")] == [8000]
    again.begin_run(an_on(17), 8000)


def test_a_damaged_state_file_is_set_aside_and_said(file: Path) -> None:
    assert database.prepare(file)
    with contextlib.closing(database.connect(file, synchronous="FULL")):
        pass
    file.write_bytes(b"this is no database at all" * 400)
    assert database.prepare(file) is False
    assert database.prepare(file) is True
    assert file.with_name("node.db.damaged-1").exists()


def test_after_a_lost_ledger_no_pump_runs_for_a_day(file: Path) -> None:
    clock = HandClock()
    ledger, lived, _ = open_ledger(file, clock)
    ledger.assume_ran("pump", 300_000)
    clock.turn(DAY_MS - 1)
    assert judge(Limits(), ledger.past_runs("pump"), [], now_ms=lived.now(), wanted_ms=1).reason is Reason.MAX_DAY
    clock.turn(1)
    assert judge(Limits(), ledger.past_runs("pump"), [], now_ms=lived.now(), wanted_ms=1).reason is None


def test_a_state_file_of_the_future_is_left_alone(file: Path) -> None:
    database.prepare(file)
    with contextlib.closing(database.connect(file, synchronous="FULL")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(database.StateDamaged, match="newer"):
        database.prepare(file)
