"""Records that have served their time go, a day of them a run; what still counts stays, however old it is."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from plant_backend.domain.alert import AlertKind, AlertState, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.command import Action, CommandState, Origin
from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.domain.model import Device
from plant_backend.domain.notification import Change, TargetSettings
from plant_backend.ports import Transaction
from plant_backend.storage import pruning
from plant_backend.storage.driver import raw
from plant_backend.storage.pruning import EVERY_MS, KEPT_COMMANDS, surplus
from plant_backend.storage.retention import Retention
from plant_backend.storage.store import SqlStorage

from tests.backend.storage.conftest import Opened, SetClock, a_device
from tests.builders import DAY, HOUR, NOW, a_batch, a_plant, a_principal

LOW = RaiseAlert(AlertKind.RESERVOIR_LOW, Severity.CRITICAL, "low", "tank")
KEPT = Retention(decision_days=40, record_days=60)


@pytest.fixture
async def storage(opened: Opened) -> AsyncIterator[SqlStorage]:
    async with opened(KEPT) as storage:
        yield storage


async def run(storage: SqlStorage, clock: SetClock, times: int = 1) -> None:
    """Let the hours of so many runs pass."""
    for _ in range(times):
        clock.moment += HOUR
        await storage.compact()


def count(storage: SqlStorage, table: str) -> int:
    return int(raw(storage._writer.connection).execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def decide(storage: SqlStorage, device: Device, days_ago: float) -> None:
    at = NOW - days_ago * DAY
    await storage.write(
        lambda tx: tx.automation.record(device.number, at, DecisionOutcome.REFUSED, (), a_plant(), None)
    )


async def command(
    storage: SqlStorage,
    device: Device,
    days_ago: float,
    *,
    key: str = "pump",
    action: Action = Action.ON,
    end: bool = True,
) -> Any:
    at = NOW - days_ago * DAY
    actuator = next(known for known in device.actuators if known.key == key)

    def work(tx: Any) -> Any:
        made = tx.commands.claim(
            device,
            actuator,
            action,
            duration_ms=5_000 if action is Action.ON else None,
            ttl_ms=120_000,
            origin=Origin.PERSON,
            is_forced=False,
            requested_by=None,
            guard=None,
            now=at,
        )
        return tx.commands.finish(made, CommandState.EXPIRED, "", at) if end else made

    return await storage.write(work)


async def test_old_decisions_go_a_day_a_run_and_the_last_word_stays(storage: SqlStorage, clock: SetClock) -> None:
    device, silent = await a_device(storage), await a_device(storage, "d-2")
    for days_ago in (50, 49.5, 48.5, 45, 39, 1):
        await decide(storage, device, days_ago)
    for days_ago in (300, 299):
        await decide(storage, silent, days_ago)

    await run(storage, clock)
    assert count(storage, "decisions") == 5  # of each its first day: two, and one
    await run(storage, clock, 8)
    kept = await storage.read(lambda tx: tx.automation.decisions(device.number, None, 10))
    assert [record.at for record in kept] == [NOW - DAY, NOW - 39 * DAY]
    (last,) = await storage.read(lambda tx: tx.automation.decisions(silent.number, None, 10))
    assert last.at == NOW - 299 * DAY


async def test_open_alerts_and_live_commands_stay_for_ever(storage: SqlStorage, clock: SetClock) -> None:
    device = await a_device(storage)
    long_ago = NOW - 900 * DAY
    await storage.write(lambda tx: tx.alerts.apply(device.number, LOW, long_ago))
    resolved = RaiseAlert(AlertKind.PROBE_STALE, Severity.WARNING, "", "soil")
    await storage.write(lambda tx: tx.alerts.apply(device.number, resolved, long_ago))
    await storage.write(lambda tx: tx.alerts.apply(device.number, ClearAlert(resolved.kind, "soil"), long_ago))
    await command(storage, device, 900, end=False)
    for _ in range(KEPT_COMMANDS + 5):
        await command(storage, device, 899, action=Action.OFF)
    await run(storage, clock, 3)

    (alert,) = await storage.read(lambda tx: tx.alerts.all(a_principal(), None, None, 10))
    assert (alert.kind, alert.state) == (AlertKind.RESERVOIR_LOW, AlertState.OPEN)
    assert len(await storage.read(lambda tx: tx.commands.live(device.number))) == 1
    assert count(storage, "commands") == KEPT_COMMANDS + 6  # the last ones are of one moment


async def test_an_actuator_s_last_commands_stay_and_older_ones_go(storage: SqlStorage, clock: SetClock) -> None:
    device = await a_device(storage)
    for place in range(KEPT_COMMANDS + 10):
        await command(storage, device, 700 - place)
    await command(storage, device, 900, key="lamp")
    await run(storage, clock, 12)

    commands = await storage.read(lambda tx: tx.commands.all(device.number, None, 1_000))
    assert sum(known.actuator == "pump" for known in commands) == KEPT_COMMANDS
    assert sum(known.actuator == "lamp" for known in commands) == 1
    # Numbers go on from where they were.
    assert (await command(storage, device, 0)).seq == KEPT_COMMANDS + 12


async def test_batch_ids_are_known_for_a_month_and_then_forgotten(storage: SqlStorage, clock: SetClock) -> None:
    device = await a_device(storage)
    for days_ago in (40, 33, 30):
        received = NOW - days_ago * DAY
        await storage.append(a_batch(f"b-{days_ago}", [(1, 1.0, 0)], device=device.number, received=received))
    await run(storage, clock, 3)

    assert [row[0] for row in raw(storage._writer.connection).execute("SELECT batch_id FROM accepted_batches")] == [
        "b-30"
    ]
    again = a_batch("b-30", [(1, 1.0, 0)], device=device.number, received=NOW - 30 * DAY)
    assert (await storage.append(again)).is_duplicate


async def test_a_clock_that_is_years_ahead_for_an_hour_takes_a_day_at_most(
    storage: SqlStorage, clock: SetClock
) -> None:
    device = await a_device(storage)
    for days_ago in range(30):
        await decide(storage, device, 30 - days_ago)
    clock.moment += timedelta(days=4_000)
    await storage.compact()
    await storage.compact()
    assert count(storage, "decisions") >= 28


async def test_it_looks_once_an_hour(storage: SqlStorage, clock: SetClock) -> None:
    device = await a_device(storage)
    await storage.compact()
    for days_ago in (50, 1):
        await decide(storage, device, days_ago)
    clock.moment += timedelta(milliseconds=EVERY_MS // 2)
    await storage.compact()
    assert count(storage, "decisions") == 2
    await run(storage, clock)
    assert count(storage, "decisions") == 1


async def test_the_audit_log_goes_by_real_time(storage: SqlStorage, clock: SetClock) -> None:
    await a_device(storage)
    for at_ms in (0, 2**53):
        await storage.write(lambda tx, at_ms=at_ms: tx.audit.add(1, "ada", "x", "", "", at_ms))
    await run(storage, clock)
    assert count(storage, "audit") == 1


async def test_a_run_takes_many_portions_of_batch_ids_and_still_one_day_at_most(
    storage: SqlStorage, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fleet leaves more behind in an hour than is looked for at once."""
    monkeypatch.setattr(pruning, "MAX_ROWS", 3)
    monkeypatch.setattr(pruning, "PORTIONS", 4)
    device = await a_device(storage)
    for days_ago in (40, 38.5):
        received = NOW - days_ago * DAY
        for number in range(10 if days_ago == 40 else 14):
            batch_id = f"b-{days_ago}-{number:02}"
            await storage.append(a_batch(batch_id, [(1, 1.0, 0)], device=device.number, received=received))
    await run(storage, clock)
    assert count(storage, "accepted_batches") == 14
    await run(storage, clock)
    assert count(storage, "accepted_batches") == 2
    await run(storage, clock)
    assert count(storage, "accepted_batches") == 0


async def test_what_may_go_is_dropped_in_slices(storage: SqlStorage) -> None:
    device = await a_device(storage)
    below = raw(storage._writer.connection)
    rows = ((device.number, f"b-{number:05}", number, 1, b"") for number in range(2_500))
    below.executemany("INSERT INTO accepted_batches VALUES (?, ?, ?, ?, ?)", rows)
    (found,) = surplus(storage._writer.connection, KEPT, int(NOW.timestamp()) * 1000)
    assert [len(rows) for rows in found.slices()] == [1_000, 1_000, 500]


async def test_what_was_told_goes_after_a_week_unless_the_alert_is_still_open(
    storage: SqlStorage, clock: SetClock
) -> None:
    device = await a_device(storage)
    long_ago = datetime.now(UTC) - 30 * DAY

    def tell(tx: Transaction) -> None:
        target = tx.notifications.add(1, TargetSettings("Phone"), "ntfy", "ntfys://…", b"", long_ago)
        for channel in ("tank", "barrel"):
            alert = tx.alerts.apply(device.number, replace(LOW, channel=channel), NOW)
            assert alert is not None
            tx.notifications.put(target.id, alert, Change.OPENED, long_ago, long_ago, None)
        tx.notifications.mark_sent([1, 2], long_ago)
        tx.alerts.apply(device.number, ClearAlert(LOW.kind, "barrel"), NOW)

    await storage.write(tell)
    await run(storage, clock)
    assert count(storage, "notification_messages") == 1
    assert await storage.read(lambda tx: tx.notifications.told(1, 1)) == {Change.OPENED}


async def test_what_cannot_be_pruned_is_tried_again_after_an_hour_and_not_with_each_compaction(
    storage: SqlStorage, clock: SetClock
) -> None:
    """With 10,000 devices there is a compaction each half a minute, and millions of records to look through."""
    await storage.write(lambda tx: raw(tx.connection).execute("ALTER TABLE audit RENAME TO away"))
    with pytest.raises(Exception, match="audit"):
        await storage.compact()
    await storage.compact()
    clock.moment += HOUR
    with pytest.raises(Exception, match="audit"):
        await storage.compact()
    await storage.write(lambda tx: raw(tx.connection).execute("ALTER TABLE away RENAME TO audit"))
    await run(storage, clock)
