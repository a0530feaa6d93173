"""Over hours, on the services themselves: silence is told, a lamp goes out, and memory is given back."""

from dataclasses import replace
from datetime import time, timedelta

import pytest
from plant_backend.domain.alert import AlertState
from plant_backend.domain.command import Ack, AckStatus, Action
from plant_backend.domain.model import LampMode, Mode
from plant_backend.storage.driver import raw

from tests.backend.stateful.bench import PROFILE, Backend

HOUR_S = 3_600


async def open_alerts(backend: Backend) -> dict[str, str]:
    found = await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 100)
    return {alert.kind.value: alert.message for alert in found}


async def hours_pass(backend: Backend, hours: float) -> None:
    """Let a dry plant be reported and looked at every ten minutes."""
    for _ in range(int(hours * 6)):
        backend.clock.wait(600)
        await backend.tell(12)
        await backend.evaluate()


async def test_a_dose_in_ml_without_a_flow_is_told_after_hours_survives_a_crash_and_ends(backend: Backend) -> None:
    await backend.services.automation.set_profile(backend.who, "d-1", replace(PROFILE, dose_ml=50))
    await hours_pass(backend, 2)
    await backend.crash()
    await hours_pass(backend, 1.5)
    assert await open_alerts(backend) == {}
    await hours_pass(backend, 1)
    alerts = await open_alerts(backend)
    assert set(alerts) == {"not_watering"}
    assert "does not say how much it pumps" in alerts["not_watering"]

    await backend.services.automation.set_profile(backend.who, "d-1", PROFILE)
    await hours_pass(backend, 0.5)
    assert await open_alerts(backend) == {}


@pytest.mark.parametrize("fate", [None, AckStatus.REJECTED, AckStatus.EXPIRED, AckStatus.FAILED])
async def test_a_node_that_waters_nothing_is_told_after_hours_and_once_it_does_that_ends(
    backend: Backend, fate: AckStatus | None
) -> None:
    """No watering and no visible reason: HAsmartirrigation #841. The node measures and reports, and fetches no command
    (a proxy that holds no polls), or refuses each.
    """
    for _ in range(30):
        await hours_pass(backend, 1 / 6)
        await backend.sweep()
        for command, _ in await backend.poll(0) if fate is not None else ():
            await backend.acknowledge([Ack(command.id, command.seq, fate, 0)])
    alerts = await open_alerts(backend)
    assert "does not fetch its commands" in alerts["not_watering"]
    assert {command.counted_ms for command in await backend.commands()} <= {0, PROFILE.dose_ms}

    for _ in range(6):
        await hours_pass(backend, 1 / 6)
        for command, _ in await backend.poll(0):
            await backend.acknowledge([Ack(command.id, command.seq, AckStatus.SUCCEEDED, PROFILE.dose_ms)])
    assert "not_watering" not in await open_alerts(backend)


async def test_shadow_doses_in_ml_count_for_as_long_as_they_would_run(backend: Backend) -> None:
    limits = '{"flow_ml_per_min":60,"max_run_ms":null,"min_off_ms":null,"max_day_ms":null}'

    def give_flow(tx):  # type: ignore[no-untyped-def]
        raw(tx.connection).execute("UPDATE actuators SET limits = ? WHERE key = 'pump'", (limits,))

    await backend.storage.write(give_flow)
    profile = replace(PROFILE, mode=Mode.SHADOW, dose_ml=7, dose_ms=100)
    await backend.services.automation.set_profile(backend.who, "d-1", profile)
    await hours_pass(backend, 0.5)
    since = backend.clock.now() - timedelta(days=1)
    doses = await backend.storage.read(lambda tx: tx.automation.shadow_doses(backend.device.number, since))
    assert {duration_ms for _, duration_ms in doses} == {7_000}


async def lit(backend: Backend) -> None:
    """Let the rules light the lamp, and the node burn it."""
    profile = replace(PROFILE, lamp_mode=LampMode.FIXED, lamp_on_at=time(6), lamp_off_at=time(20))
    await backend.services.automation.set_profile(backend.who, "d-1", profile)
    await backend.evaluate()
    ((command, _),) = await backend.poll(0)
    assert (command.actuator, command.action) == ("lamp", Action.ON)
    await backend.acknowledge([Ack(command.id, command.seq, AckStatus.ACCEPTED, None)])


async def test_a_lamp_that_the_rules_lit_goes_out_with_them(backend: Backend) -> None:
    await lit(backend)
    await backend.services.automation.set_profile(backend.who, "d-1", PROFILE)
    ((command, _),) = await backend.poll(1)
    assert (command.actuator, command.action) == ("lamp", Action.OFF)


async def test_a_lamp_that_a_person_lit_stays_lit(backend: Backend) -> None:
    await lit(backend)
    by_hand = await backend.services.commands.request(backend.who, "d-1", "lamp", Action.OFF, None)
    await backend.acknowledge([Ack(by_hand.id, by_hand.seq, AckStatus.SUCCEEDED, 0)])
    for _ in range(2):
        await backend.poll(0)
    outcome = [Ack(1, 1, AckStatus.INTERRUPTED, 1_000)]
    await backend.acknowledge(outcome)
    again = await backend.services.commands.request(backend.who, "d-1", "lamp", Action.ON, None)
    await backend.acknowledge([Ack(again.id, again.seq, AckStatus.SUCCEEDED, 0)])
    await backend.services.automation.set_profile(backend.who, "d-1", PROFILE)
    newest, *_ = await backend.commands()
    assert (newest.id, newest.action) == (again.id, Action.ON)


async def test_nothing_is_kept_in_memory_of_a_device_that_is_gone(backend: Backend) -> None:
    await hours_pass(backend, 0.5)
    automation = backend.services.automation
    assert automation._written
    await backend.services.devices.delete(backend.who, "d-1")
    await backend.evaluate()
    assert (automation._written, automation._alerted) == ({}, {})
