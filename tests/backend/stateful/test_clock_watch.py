"""A clock that is set while the backend runs gives no dose early and loses none: waits are kept in true time."""

import pytest
from plant_backend.clock import SystemClock
from plant_backend.domain.alert import AlertState
from plant_backend.domain.command import Ack, AckStatus, CommandState
from plant_backend.domain.errors import WateringRefused

from tests.backend.stateful.bench import CAP_MS, PROFILE, Backend, Reading

HOUR_S = 3_600
JUMPS = [31, 3 * HOUR_S, 25 * HOUR_S, 20_000 * HOUR_S, -31, -3 * HOUR_S, -25 * HOUR_S]


async def run_a_dose(backend: Backend, duration_ms: int = 5_000) -> None:
    command = await backend.dose(duration_ms)
    await backend.poll(command.seq - 1)
    backend.clock.wait(duration_ms / 1000)
    await backend.acknowledge([Ack(command.id, command.seq, AckStatus.SUCCEEDED, duration_ms)])


async def refusal(backend: Backend) -> str | None:
    try:
        await backend.dose()
    except WateringRefused as refused:
        return refused.code
    return None


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_a_jump_does_not_shorten_or_lengthen_the_cooldown(backend: Backend, jump_s: int) -> None:
    """1970 after failed NTP: OpenSprinkler-Firmware #396."""
    await backend.tell(12)
    await run_a_dose(backend)
    backend.clock.jump(jump_s)
    await backend.tell(12)
    assert await refusal(backend) == "cooling_down"
    backend.clock.wait(PROFILE.cooldown_s - 85)
    await backend.tell(12)
    assert await refusal(backend) == "cooling_down"
    backend.clock.wait(10)
    assert await refusal(backend) is None


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_a_jump_neither_refills_nor_freezes_the_daily_cap(backend: Backend, jump_s: int) -> None:
    await backend.tell(12)
    await run_a_dose(backend, CAP_MS)
    backend.clock.jump(jump_s)
    backend.clock.wait(23 * HOUR_S)
    await backend.tell(12)
    assert await refusal(backend) == "daily_cap_reached"
    backend.clock.wait(HOUR_S)
    await backend.tell(12)
    assert await refusal(backend) is None


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_a_node_that_signs_in_after_a_jump_hears_what_its_pump_ran(backend: Backend, jump_s: int) -> None:
    """It may have lost its own ledger, as in the power cut after which the clock was set."""
    _, secret = await backend.services.devices.rotate_secret(backend.who, backend.device.id)
    await backend.tell(12)
    await run_a_dose(backend, CAP_MS)
    backend.clock.jump(jump_s)
    signed_in = await backend.services.node_auth.sign_in(backend.device.id, secret, None)
    assert [(pump.key, pump.used_ms) for pump in signed_in.pumps] == [("pump", CAP_MS)]
    backend.clock.wait(25 * HOUR_S)
    signed_in = await backend.services.node_auth.sign_in(backend.device.id, secret, None)
    assert [(pump.key, pump.used_ms) for pump in signed_in.pumps] == [("pump", 0)]


async def test_a_jump_between_two_doses_of_the_rules(backend: Backend) -> None:
    await backend.tell(12)
    await backend.evaluate()
    (first,) = await backend.commands()
    await backend.poll(0)
    await backend.acknowledge([Ack(first.id, first.seq, AckStatus.SUCCEEDED, 5_000)])
    backend.clock.jump(3 * HOUR_S)
    await backend.tell(12)
    await backend.evaluate()
    assert len(await backend.commands()) == 1


async def test_a_command_under_way_keeps_its_life(backend: Backend) -> None:
    await backend.tell(12)
    command = await backend.dose()
    backend.clock.jump(3 * HOUR_S)
    await backend.sweep()
    ((fetched, left_ms),) = await backend.poll(0)
    assert (fetched.id, left_ms) == (command.id, 120_000)
    backend.clock.jump(-6 * HOUR_S)
    await backend.sweep()
    (kept,) = await backend.commands()
    assert kept.state is CommandState.DELIVERED
    backend.clock.wait(186)
    await backend.sweep()
    (given_up,) = await backend.commands()
    assert given_up.state is CommandState.TIMED_OUT


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_what_was_fresh_stays_fresh_and_no_alert_is_false(backend: Backend, jump_s: int) -> None:
    """Alerts flap: Olen #352."""
    await backend.tell(50)
    backend.clock.jump(jump_s)
    await backend.evaluate()
    backend.clock.wait(20)
    await backend.telemetry("later", [Reading("soil", 50), Reading("tank", 80)])
    await backend.evaluate()
    soil = next(sensor for sensor in backend.device.sensors if sensor.key == "soil")
    samples = backend.storage.latest(soil.id)
    assert [round((backend.clock.now() - sample.ts).total_seconds()) for sample in samples] == [40, 20, 0]
    assert not await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 10)


async def test_what_was_old_before_a_jump_back_does_not_become_fresh(backend: Backend) -> None:
    await backend.tell(12)
    backend.clock.wait(3 * HOUR_S)
    backend.clock.jump(-3 * HOUR_S)
    await backend.evaluate()
    assert not await backend.commands()


async def test_small_steps_add_up(backend: Backend) -> None:
    await backend.tell(12)
    await run_a_dose(backend)
    for _ in range(20):
        backend.clock.jump(29)
        await backend.sweep()
    await backend.tell(12)
    assert await refusal(backend) == "cooling_down"


async def test_a_jump_that_was_seen_survives_a_crash(backend: Backend) -> None:
    await backend.tell(12)
    await run_a_dose(backend)
    backend.clock.jump(3 * HOUR_S)
    await backend.sweep()
    await backend.crash()
    await backend.tell(12)
    assert await refusal(backend) == "cooling_down"


async def test_a_start_without_a_clock_ends_with_waiting_times_that_are_kept(backend: Backend) -> None:
    """A Raspberry Pi has no clock of its own: it starts in the past, and the network sets it a minute later."""
    await backend.tell(12)
    await run_a_dose(backend, CAP_MS)
    backend.clock.jump(-400 * 24 * HOUR_S)
    await backend.crash()
    await backend.sweep()
    backend.clock.wait(60)
    backend.clock.jump(400 * 24 * HOUR_S)
    backend.clock.wait(HOUR_S)
    await backend.tell(12)
    assert await refusal(backend) == "daily_cap_reached"
    backend.clock.wait(24 * HOUR_S)
    await backend.tell(12)
    assert await refusal(backend) is None


async def test_the_real_steady_clock_runs_as_fast_as_the_real_clock() -> None:
    clock = SystemClock(speed=60.0, origin_ms=SystemClock().now_ms())

    def looked_at() -> tuple[int, int, int]:
        """Read the one between two looks at the other: a busy machine may do something else in between."""
        return clock.steady_ms(), clock.now_ms(), clock.steady_ms()

    earliest, then, latest = looked_at()
    await clock.sleep(3)
    least, now, most = looked_at()
    assert least - latest - 1_000 < now - then < most - earliest + 1_000
