"""The command queue: what must not happen twice is refused by the statement itself."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plant_backend.domain.command import Ack, AckStatus, Action, Command, CommandState, Origin, apply_ack
from plant_backend.domain.model import Actuator, Device
from plant_backend.storage.driver import raw
from plant_backend.storage.migrate import migrate
from plant_backend.storage.sqlite import sqlite_engine
from plant_backend.storage.store import SqlStorage
from plant_backend.storage.transaction import SqlTransaction

from tests.backend.storage.conftest import Database, Opened, a_device, engine_of
from tests.builders import DAY, HOUR, MINUTE, NOW, SECOND, a_manifest, a_principal

TTL_MS = 120_000


@dataclass(frozen=True)
class Guard:
    cap_ms: int = 60_000
    cooldown_s: int = 3_600


def claim(
    tx: Any,
    device: Device,
    now: datetime = NOW,
    *,
    guard: Guard | None = Guard(),
    actuator: Actuator | None = None,
    action: Action = Action.ON,
    duration_ms: int | None = 5_000,
    origin: Origin = Origin.RULE,
) -> Command | None:
    return tx.commands.claim(  # type: ignore[no-any-return]
        device,
        actuator or device.actuators[0],
        action,
        duration_ms=duration_ms,
        ttl_ms=TTL_MS,
        origin=origin,
        is_forced=False,
        requested_by=None,
        guard=guard,
        now=now,
    )


def settle(tx: Any, command: Command, status: AckStatus, ran_ms: int | None, now: datetime) -> Command:
    outcome = apply_ack(command, Ack(command.id, command.seq, status, ran_ms))
    assert outcome.is_change
    return tx.commands.record_outcome(command, outcome, ran_ms, None, now)  # type: ignore[no-any-return]


@pytest.fixture
def tx(database: Database) -> Iterator[SqlTransaction]:
    """Give one transaction with one device in it, undone at the end."""
    engine = engine_of(database)
    with engine.connect() as connection:
        raw(connection).execute("BEGIN")
        yield a_transaction(connection)
        raw(connection).execute("ROLLBACK")
    engine.dispose()


def a_transaction(connection: Any) -> SqlTransaction:
    tx = SqlTransaction(connection)
    user = tx.users.add("ada", "hash", NOW)
    device = tx.devices.add(a_principal(user.id), "d-1", "Fern", b"\1" * 32, NOW)
    tx.devices.register(device.number, a_manifest(), NOW)
    return tx


@pytest.fixture
def device(tx: SqlTransaction) -> Device:
    found = tx.devices.by_number(1)
    assert found is not None
    return found


async def test_two_hundred_who_see_one_dry_plant_give_one_dose(storage: SqlStorage) -> None:
    """Two workers, a person and Home Assistant at once: FarmBot forum 7912 is what a second run looks like."""
    device = await a_device(storage)
    claims = await asyncio.gather(*(storage.write(lambda tx: claim(tx, device)) for _ in range(200)))
    assert [command.seq for command in claims if command] == [1]
    everything = await storage.read(lambda tx: tx.commands.all(device.number, None, 500))
    assert len(everything) == 1


async def test_nor_when_the_first_dose_is_over_before_the_last_asks(storage: SqlStorage) -> None:
    """The live index does not hold then; the cooldown inside the statement does."""
    device = await a_device(storage)

    def claim_and_finish(tx: Any) -> Command | None:
        command = claim(tx, device)
        return command and settle(tx, command, AckStatus.SUCCEEDED, 5_000, NOW)

    claims = await asyncio.gather(*(storage.write(claim_and_finish) for _ in range(50)))
    assert len([command for command in claims if command]) == 1


def test_the_cooldown_is_refused_inside_the_statement(tx: SqlTransaction, device: Device) -> None:
    first = claim(tx, device)
    assert first
    settle(tx, first, AckStatus.SUCCEEDED, 5_000, NOW + 10 * SECOND)
    assert claim(tx, device, NOW + HOUR + 9 * SECOND) is None
    assert claim(tx, device, NOW + HOUR + 10 * SECOND)


def test_a_forced_run_skips_the_cooldown_and_not_the_cap(tx: SqlTransaction, device: Device) -> None:
    forced = Guard(cooldown_s=0)
    for place in range(12):
        command = claim(tx, device, NOW + place * MINUTE, guard=forced)
        assert command
        settle(tx, command, AckStatus.SUCCEEDED, 5_000, NOW + place * MINUTE)
    assert claim(tx, device, NOW + 13 * MINUTE, guard=forced) is None
    assert claim(tx, device, NOW + 13 * MINUTE, guard=forced, duration_ms=1) is None
    assert tx.commands.pump_state(device.actuators[0], NOW + 13 * MINUTE).used_ms == 60_000
    assert claim(tx, device, NOW + DAY, guard=forced)


def test_the_cap_counts_what_ran_and_what_may_have_run(tx: SqlTransaction, device: Device) -> None:
    at, guard, pump = NOW, Guard(cap_ms=60_000, cooldown_s=0), device.actuators[0]
    used_ms = 0
    for status, ran_ms, counted_ms in (
        (AckStatus.SUCCEEDED, 4_000, 4_000),
        (AckStatus.FAILED, None, 5_000),
        (AckStatus.REJECTED, 0, 0),
        (AckStatus.EXPIRED, None, 0),
        (AckStatus.INTERRUPTED, 1_500, 1_500),
        (AckStatus.DUPLICATE, None, 5_000),
    ):
        at += MINUTE
        command = claim(tx, device, at, guard=guard)
        assert command
        settle(tx, command, status, ran_ms, at)
        used_ms += counted_ms
        assert tx.commands.pump_state(pump, at).used_ms == used_ms
    command = claim(tx, device, at, guard=guard)
    assert command
    tx.commands.mark_delivered([command.id], at)
    tx.commands.finish(command, CommandState.TIMED_OUT, "maybe ran", at + 5 * MINUTE)
    assert tx.commands.pump_state(pump, at + 5 * MINUTE).used_ms == used_ms + 5_000
    assert claim(tx, device, at + HOUR, guard=Guard(cap_ms=used_ms + 9_999, cooldown_s=0)) is None
    assert claim(tx, device, at + HOUR, guard=Guard(cap_ms=used_ms + 10_000, cooldown_s=0))


def test_a_command_that_timed_out_counts_as_water(tx: SqlTransaction, device: Device) -> None:
    """Water kept running in about 2 of 50 runs (FarmBot forum 7912): what is not known is counted as run."""
    command = claim(tx, device)
    assert command
    tx.commands.mark_delivered([command.id], NOW)
    assert tx.commands.overdue(NOW + 3 * MINUTE) == []
    late = NOW + 3 * MINUTE + 5 * SECOND
    ((number, overdue),) = tx.commands.overdue(late)
    assert (number, overdue.id) == (device.number, command.id)
    tx.commands.finish(overdue, CommandState.TIMED_OUT, "no outcome", late)

    assert claim(tx, device, late + 59 * MINUTE) is None
    state = tx.commands.pump_state(device.actuators[0], late)
    assert (state.is_busy, state.used_ms, state.failed_at) == (False, 5_000, None)
    assert state.started_at
    assert state.ended_at
    assert state.ended_at >= NOW + timedelta(milliseconds=TTL_MS + 5_000)


def test_a_late_outcome_is_kept_beside_the_state_and_moves_no_end(tx: SqlTransaction, device: Device) -> None:
    command = claim(tx, device)
    assert command
    given_up = tx.commands.finish(command, CommandState.TIMED_OUT, "no outcome", NOW + 4 * MINUTE)
    late = settle(tx, given_up, AckStatus.SUCCEEDED, 3_000, NOW + 9 * HOUR)
    assert (late.state, late.late_status, late.counted_ms) == (CommandState.TIMED_OUT, AckStatus.SUCCEEDED, 3_000)
    assert late.finished_at == NOW + 4 * MINUTE
    assert claim(tx, device, NOW + 9 * HOUR)


def test_the_clock_jumping_ahead_over_a_live_dose_does_not_give_a_second(tx: SqlTransaction, device: Device) -> None:
    """A Pi without a clock jumps a day ahead when it hears the time (OpenSprinkler-Firmware #396), in mid-run."""
    command = claim(tx, device)
    assert command
    tx.commands.mark_delivered([command.id], NOW)
    tomorrow = NOW + DAY + HOUR
    ((_, overdue),) = tx.commands.overdue(tomorrow)
    tx.commands.finish(overdue, CommandState.TIMED_OUT, "no outcome", tomorrow)
    assert claim(tx, device, tomorrow + MINUTE) is None
    assert tx.commands.pump_state(device.actuators[0], tomorrow).used_ms == 5_000


def test_the_clock_stepping_back_does_not_give_a_second_dose(tx: SqlTransaction, device: Device) -> None:
    command = claim(tx, device)
    assert command
    settle(tx, command, AckStatus.SUCCEEDED, 5_000, NOW - 300 * DAY)
    assert claim(tx, device, NOW + MINUTE) is None
    assert claim(tx, device, NOW - 300 * DAY + MINUTE) is None


@pytest.mark.parametrize(
    ("status", "ran_ms"),
    [(AckStatus.REJECTED, 0), (AckStatus.EXPIRED, 0), (AckStatus.FAILED, 0), (AckStatus.FAILED, 5_000),
     (AckStatus.INTERRUPTED, 0)],
)  # fmt: skip
def test_a_run_that_came_to_nothing_is_not_tried_again_at_once(
    tx: SqlTransaction, device: Device, status: AckStatus, ran_ms: int
) -> None:
    command = claim(tx, device)
    assert command
    settle(tx, command, status, ran_ms, NOW + SECOND)
    assert tx.commands.pump_state(device.actuators[0], NOW + MINUTE).failed_at == NOW + SECOND


def test_only_what_the_rules_asked_for_is_a_dose_that_failed(tx: SqlTransaction, device: Device) -> None:
    pump = device.actuators[0]
    assert tx.commands.pump_state(pump, NOW).has_dose_failed is False
    dose = claim(tx, device)
    assert dose
    assert tx.commands.pump_state(pump, NOW).has_dose_failed is False
    settle(tx, dose, AckStatus.REJECTED, 0, NOW + SECOND)
    assert tx.commands.pump_state(pump, NOW + SECOND).has_dose_failed is True
    by_hand = claim(tx, device, NOW + MINUTE, origin=Origin.PERSON)
    assert by_hand
    assert tx.commands.pump_state(pump, NOW + MINUTE).has_dose_failed is True
    settle(tx, by_hand, AckStatus.REJECTED, 0, NOW + MINUTE)
    dose = claim(tx, device, NOW + 2 * MINUTE)
    assert dose
    settle(tx, dose, AckStatus.SUCCEEDED, 5_000, NOW + 3 * MINUTE)
    by_hand = claim(tx, device, NOW + 3 * HOUR, origin=Origin.PERSON)
    assert by_hand
    settle(tx, by_hand, AckStatus.REJECTED, 0, NOW + 3 * HOUR)
    state = tx.commands.pump_state(pump, NOW + 3 * HOUR)
    assert (state.failed_at, state.has_dose_failed) == (NOW + 3 * HOUR, False)


def test_a_run_that_claims_to_have_succeeded_in_no_time_counts_in_full(tx: SqlTransaction, device: Device) -> None:
    """Else a node that always says so would be handed dose after dose, past cooldown and cap."""
    command = claim(tx, device)
    assert command
    settle(tx, command, AckStatus.SUCCEEDED, 0, NOW + SECOND)
    state = tx.commands.pump_state(device.actuators[0], NOW + MINUTE)
    assert (state.used_ms, state.failed_at) == (command.duration_ms, None)
    assert claim(tx, device, NOW + MINUTE) is None


def test_one_live_run_for_each_actuator_and_off_always_passes(tx: SqlTransaction, device: Device) -> None:
    pump, lamp = device.actuators
    assert claim(tx, device)
    assert claim(tx, device, guard=Guard(cooldown_s=0)) is None
    assert claim(tx, device, guard=None, actuator=lamp, duration_ms=None)
    assert claim(tx, device, guard=None, actuator=lamp, duration_ms=None) is None
    for _ in range(3):
        assert claim(tx, device, guard=None, actuator=pump, action=Action.OFF, duration_ms=None)
    assert [command.seq for command in tx.commands.live(device.number)] == [1, 2, 3, 4, 5]


def test_a_refused_claim_takes_no_number(tx: SqlTransaction, device: Device) -> None:
    assert claim(tx, device, duration_ms=60_001) is None
    command = claim(tx, device)
    assert command
    assert command.seq == 1


def test_a_command_is_handed_out_inside_its_life_only(tx: SqlTransaction, device: Device) -> None:
    """A pump starts on reconnect, hours later: HA-NeoPool-MQTT-Package #21."""
    command = claim(tx, device)
    assert command

    def waiting(after: int | None, now: datetime) -> list[int]:
        return [found.seq for found in tx.commands.deliverable(device.number, after, now, 8)]

    assert waiting(None, NOW) == waiting(0, NOW) == [1]
    assert waiting(1, NOW) == []
    tx.commands.mark_delivered([command.id], NOW)
    assert waiting(None, NOW) == []
    assert waiting(0, NOW) == [1]
    assert waiting(0, command.expires_at) == []
    accepted = settle(tx, command, AckStatus.ACCEPTED, None, NOW)
    assert (accepted.accepted_at, accepted.finished_at) == (NOW, None)
    assert waiting(0, NOW) == []


async def test_a_queued_dose_survives_a_restart_and_is_still_one(opened: Opened) -> None:
    """Restarts in mid-run leave relays on: irrigation_unlimited #35, Irrigation-V5 #214."""
    async with opened() as storage:
        device = await a_device(storage)
        command = await storage.write(lambda tx: claim(tx, device))
    async with opened() as storage:
        assert await storage.read(lambda tx: list(tx.commands.live(device.number))) == [command]
        assert await storage.write(lambda tx: claim(tx, device, NOW + 2 * HOUR)) is None


ENDS = st.sampled_from([AckStatus.SUCCEEDED, AckStatus.INTERRUPTED, AckStatus.FAILED, AckStatus.DUPLICATE, None])


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("queue") / "plants.db"
    migrate(path)
    return path


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 60, 600, 3_600, 20_000, 86_270, 86_400]),
            st.sampled_from([1_000, 5_000, 20_000]),
            st.integers(0, 119),
            ENDS,
            st.sampled_from([0, 5, 4_000]),
        ),
        max_size=40,
    ),
    st.sampled_from([60, 3_600]),
)
def test_no_24_hours_at_the_pump_hold_more_than_the_cap(
    shared_path: Path, story: list[tuple[int, int, int, AckStatus | None, int]], cooldown_s: int
) -> None:
    """Measured at the pump, with each command starting anywhere in its life and each answer coming late or never."""
    engine = sqlite_engine(shared_path)
    water: list[tuple[datetime, datetime]] = []
    with engine.connect() as connection:
        raw(connection).execute("BEGIN IMMEDIATE")
        tx = a_transaction(connection)
        device = tx.devices.all(a_principal())[0]
        now = NOW
        for wait_s, duration_ms, start_s, status, answer_s in story:
            now += wait_s * SECOND
            command = claim(tx, device, now, guard=Guard(30_000, cooldown_s), duration_ms=duration_ms)
            if command is None:
                continue
            start = now + start_s * SECOND
            now = start + timedelta(milliseconds=duration_ms)
            water.append((start, now))
            now += answer_s * SECOND
            if status is None:
                now = max(now, command.expires_at + timedelta(milliseconds=duration_ms) + MINUTE)
                tx.commands.finish(command, CommandState.TIMED_OUT, "no outcome", now)
            else:
                settle(tx, command, status, None if status is AckStatus.DUPLICATE else duration_ms, now)
        raw(connection).execute("ROLLBACK")
    engine.dispose()
    for _, end in water:
        inside = [max(timedelta(0), min(until, end) - max(since, end - DAY)) for since, until in water]
        assert sum(inside, timedelta(0)) <= timedelta(milliseconds=30_000)
    for (earlier, _), (later, _) in pairwise(water):
        assert later - earlier >= cooldown_s * SECOND
