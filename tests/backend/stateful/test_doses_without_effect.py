"""Doses that raise nothing block the pump, whatever else is asked of it meanwhile."""

from plant_backend.domain.alert import AlertKind, AlertState
from plant_backend.domain.command import AckStatus
from plant_backend.domain.reason import ReasonCode
from plant_backend.services.replay import Replay

from tests.backend.stateful.bench import PROFILE, TTL_MS, Backend, Node


async def look(backend: Backend, node: Node) -> int:
    """Look at a dry plant, and run what is ordered. Gives how many doses that was."""
    backend.clock.wait(PROFILE.cooldown_s)
    await backend.tell(12.0 + backend.clock.true_ms % 7 / 100)
    await backend.evaluate()
    ran = [node.obey(*handed_out, AckStatus.SUCCEEDED) for handed_out in await backend.poll(node.last_seq)]
    backend.clock.wait(10)
    await backend.acknowledge(node.ready_acks())
    node.said(node.ready_acks())
    return sum(ran)


async def test_a_run_by_hand_that_comes_to_nothing_lifts_no_block(backend: Backend) -> None:
    node = Node(backend.clock)
    assert [await look(backend, node) for _ in range(3)] == [1, 1, 1]
    backend.clock.wait(PROFILE.soak_s)
    await backend.dose(1_000, is_forced=True)
    backend.clock.wait(TTL_MS / 1000)
    await backend.sweep()

    assert await look(backend, node) == 0
    last = await backend.storage.read(lambda tx: tx.automation.last(backend.device.number))
    assert last is not None
    assert last.reasons[0].code is ReasonCode.WATERING_WITHOUT_EFFECT
    alerts = await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 10)
    assert AlertKind.WATERING_WITHOUT_EFFECT in [alert.kind for alert in alerts]
    assert [again.difference async for again in Replay(backend.storage).all()] == [None] * 4
