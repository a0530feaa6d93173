"""A database from yesterday does not know today's doses. The node does, and they count."""

import pytest
from plant_backend.domain.alert import AlertKind, AlertState
from plant_backend.domain.command import AckStatus, Command, CommandState
from plant_backend.domain.errors import WateringRefused
from plant_backend.domain.reason import ReasonCode

from tests.backend.stateful.bench import CAP_MS, PROFILE, Backend, Node

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
