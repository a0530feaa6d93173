"""A database from yesterday does not know today's doses. The node does, and they count."""

from pathlib import Path

import pytest
from plant_backend.domain.alert import AlertKind, AlertState
from plant_backend.domain.command import AckStatus, Action, Command, CommandState
from plant_backend.domain.errors import WateringRefused
from plant_backend.domain.reason import ReasonCode

from tests.backend.stateful.bench import CAP_MS, PROFILE, TTL_MS, Backend, Node

DRY = 12.0


@pytest.fixture
def node(backend: Backend) -> Node:
    return Node(backend.clock)


async def obey(backend: Backend, node: Node) -> list[Command]:
    """Poll, run what comes, and tell. Gives what ran."""
    ran = [
        command
        for command, left_ms in await backend.poll(node.last_seq)
        if node.obey(command, left_ms, AckStatus.SUCCEEDED)
    ]
    backend.clock.wait(30)
    acks = node.ready_acks()
    if acks:
        await backend.acknowledge(acks)
        node.said(acks)
    return ran


async def a_dry_look(backend: Backend, node: Node, soil: float = DRY) -> list[Command]:
    await backend.tell(soil)
    await backend.evaluate()
    return await obey(backend, node)


async def reason(backend: Backend) -> ReasonCode:
    last = await backend.storage.read(lambda tx: tx.automation.last(backend.device.number))
    assert last is not None
    return last.reasons[0].code


@pytest.mark.parametrize("polls_first", [True, False])
async def test_a_dose_that_the_restored_database_forgot_still_cools_down(
    backend: Backend, node: Node, polls_first: bool
) -> None:
    kept = backend.backup()
    assert len(await a_dry_look(backend, node)) == 1
    await backend.restore(kept)
    if polls_first:
        assert await obey(backend, node) == []

    assert await a_dry_look(backend, node) == [], "the rules may order before the node has said what it knows"
    assert await a_dry_look(backend, node) == []
    # A pump without a longest run may have used up its day with one command.
    assert await reason(backend) is ReasonCode.DAILY_CAP_REACHED
    with pytest.raises(WateringRefused):
        await backend.dose(1_000, is_forced=True)
    backend.clock.wait(24 * 3_600)
    assert len(await a_dry_look(backend, node, DRY - 1)) == 1


async def test_any_24_hours_stay_inside_the_cap_whatever_was_restored(backend: Backend, node: Node) -> None:
    kept = backend.backup()
    runs = 0
    for _ in range(40):
        runs += len(await a_dry_look(backend, node))
        backend.clock.wait(PROFILE.cooldown_s)
    assert runs > 1
    await backend.restore(kept)
    for _ in range(40):
        await a_dry_look(backend, node)
        backend.clock.wait(PROFILE.cooldown_s)

    assert node.most_in_24_hours_ms() <= CAP_MS
    assert await reason(backend) is ReasonCode.DAILY_CAP_REACHED


async def test_what_is_unknown_is_told(backend: Backend, node: Node) -> None:
    kept = backend.backup()
    await a_dry_look(backend, node)
    await backend.restore(kept)
    await obey(backend, node)

    (command,) = await backend.commands()
    assert (command.state, command.requested_by) == (CommandState.TIMED_OUT, "unknown")
    assert "restore from a backup" in (command.reason or "")
    alerts = await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 10)
    assert AlertKind.COMMAND_TIMED_OUT in [alert.kind for alert in alerts]
    assert await obey(backend, node) == []
    assert len(await backend.commands()) == 1, "it is said once"


async def test_a_restore_that_forgot_nothing_keeps_no_plant_waiting(backend: Backend, node: Node) -> None:
    assert len(await a_dry_look(backend, node)) == 1
    kept = backend.backup()
    backend.clock.wait(PROFILE.cooldown_s)
    await backend.restore(kept)
    await obey(backend, node)

    assert len(await a_dry_look(backend, node)) == 1


async def unfetched_orders(backend: Backend, count: int) -> None:
    """Ask for the lamp, again and again, while the node is away."""
    for _ in range(count):
        await backend.services.commands.request(backend.who, backend.device.id, "lamp", Action.ON, 1_000)
        backend.clock.wait(TTL_MS / 1000)
        await backend.sweep()


async def are_runs_unknown(backend: Backend) -> bool:
    alerts = await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 10)
    return AlertKind.COMMAND_TIMED_OUT in [alert.kind for alert in alerts]


@pytest.mark.parametrize("orders", [1, 2, 3, 5])
async def test_orders_that_took_the_numbers_of_unknown_runs_hide_none(
    backend: Backend, node: Node, orders: int
) -> None:
    """After the restore the node stays away, and orders meanwhile go by numbers that it knows already."""
    kept = backend.backup()
    for _ in range(3):
        assert len(await a_dry_look(backend, node)) == 1
        backend.clock.wait(PROFILE.cooldown_s)
    assert node.last_seq == 3
    await backend.restore(kept)
    await unfetched_orders(backend, orders)

    assert await obey(backend, node) == []
    assert await are_runs_unknown(backend)
    assert await a_dry_look(backend, node) == []
    assert await reason(backend) is ReasonCode.DAILY_CAP_REACHED
    assert "3 commands" in ((await backend.commands())[0].reason or "")


async def test_what_was_over_in_the_backup_is_no_unknown_run(
    backend: Backend, node: Node, database: Path | str
) -> None:
    """A dump of PostgreSQL's own is put back by nobody who notes what was over: as many are unknown as could be."""
    await unfetched_orders(backend, 5)
    kept = backend.backup()
    for unknown in (1 if isinstance(database, Path) else 6, 1):
        assert len(await a_dry_look(backend, node)) == 1
        await backend.restore(kept)
        await obey(backend, node)

        (told, *_) = await backend.commands()
        assert told.requested_by == "unknown"
        assert (told.reason or "").startswith(f"The node knows {unknown} command")
        kept = backend.backup()
        backend.clock.wait(24 * 3_600)


async def test_a_dose_that_was_fetched_after_the_backup_counts_though_the_restored_one_expired(
    backend: Backend, node: Node
) -> None:
    await backend.tell(DRY)
    await backend.evaluate()
    kept = backend.backup()
    assert len(await obey(backend, node)) == 1
    backend.clock.wait(TTL_MS / 1000)
    await backend.restore(kept)
    await backend.sweep()
    assert [command.state for command in await backend.commands()] == [CommandState.EXPIRED]

    assert await a_dry_look(backend, node) == []
    assert await a_dry_look(backend, node) == []
    assert await are_runs_unknown(backend)


async def test_a_dose_that_was_let_through_when_nothing_was_known_is_taken_back(backend: Backend, node: Node) -> None:
    kept = backend.backup()
    await a_dry_look(backend, node)
    await backend.restore(kept)
    await unfetched_orders(backend, 1)
    await backend.tell(DRY)
    dose = await backend.dose()
    assert dose.seq > node.last_seq

    assert await obey(backend, node) == []
    taken_back = (await backend.commands())[1]
    assert (taken_back.id, taken_back.state) == (dose.id, CommandState.CANCELLED)
    assert await are_runs_unknown(backend)


async def test_a_run_that_is_under_way_hides_no_unknown_one(backend: Backend, node: Node) -> None:
    """The backup caught a dose at the node; nobody knows of those that came after it."""
    await backend.tell(DRY)
    await backend.evaluate()
    for command, left_ms in await backend.poll(node.last_seq):
        assert node.obey(command, left_ms, AckStatus.SUCCEEDED)
    kept = backend.backup()
    backend.clock.wait(30)
    await obey(backend, node)
    backend.clock.wait(PROFILE.cooldown_s)
    assert len(await a_dry_look(backend, node)) == 1
    await backend.restore(kept)

    await obey(backend, node)
    assert await are_runs_unknown(backend)
    backend.clock.wait(PROFILE.cooldown_s)
    await backend.sweep()
    assert await a_dry_look(backend, node) == []
    assert await reason(backend) is ReasonCode.DAILY_CAP_REACHED


async def test_an_outcome_that_comes_before_the_first_poll_hides_no_unknown_run(backend: Backend, node: Node) -> None:
    """What the node says of a command that is gone may fit another one by its numbers."""
    kept = backend.backup()
    await backend.tell(DRY)
    await backend.evaluate()
    for command, left_ms in await backend.poll(node.last_seq):
        assert node.obey(command, left_ms, AckStatus.SUCCEEDED)
    await backend.restore(kept)
    backend.clock.wait(30)
    await backend.services.commands.request(backend.who, backend.device.id, "lamp", Action.ON, 1_000)
    await backend.acknowledge(node.acks)

    await obey(backend, node)
    assert await are_runs_unknown(backend)
    assert await a_dry_look(backend, node) == []


async def test_what_a_node_never_fetched_is_no_unknown_run(backend: Backend, node: Node) -> None:
    """Expired, taken back, overtaken, fetched by an answer that was lost: in ordinary operation nothing is unknown."""
    commands = backend.services.commands

    async def ask(action: Action, duration_ms: int | None = None) -> Command:
        return await commands.request(backend.who, backend.device.id, "lamp", action, duration_ms)

    await unfetched_orders(backend, 2)
    await ask(Action.ON, 60_000)
    await ask(Action.OFF)
    await obey(backend, node)
    await ask(Action.ON, 60_000)
    # The answer with it is lost, and its life is over before the next poll.
    assert len(await backend.poll(node.last_seq)) == 1
    backend.clock.wait(TTL_MS / 1000)
    await backend.sweep()
    await obey(backend, node)
    await backend.tell(DRY)
    dose = await backend.dose()
    await backend.off()
    await obey(backend, node)
    assert dose.id not in [run.command.id for run in node.runs]
    # A node that has lost its ledger, and one whose ledger was copied long ago.
    for after in (0, *(command.seq for command in await backend.commands() if command.delivered_at)):
        await backend.poll(after)
    await backend.crash()
    await obey(backend, node)

    assert "unknown" not in [command.requested_by for command in await backend.commands()]
    backend.clock.wait(PROFILE.cooldown_s)
    assert len(await a_dry_look(backend, node)) == 1
