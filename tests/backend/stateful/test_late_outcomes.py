"""An outcome that comes after its run was given up: the alert that nobody knew it ends, or says why it does not."""

import pytest
from plant_backend.domain.alert import AlertKind, AlertState
from plant_backend.domain.command import Ack, AckStatus, Command, CommandState

from tests.backend.stateful.bench import PROFILE, Backend

UNKNOWN, FAILED = AlertKind.COMMAND_TIMED_OUT, AlertKind.COMMAND_FAILED


async def a_fetched_run(backend: Backend) -> Command:
    await backend.tell(12.0)
    asked = await backend.dose()
    ((fetched, _),) = await backend.poll(asked.seq - 1)
    return fetched


async def a_given_up_run(backend: Backend) -> Command:
    run = await a_fetched_run(backend)
    backend.clock.wait(PROFILE.cooldown_s)
    await backend.sweep()
    (given_up, *_) = await backend.commands()
    assert (given_up.id, given_up.state) == (run.id, CommandState.TIMED_OUT)
    backend.clock.wait(PROFILE.cooldown_s)
    return given_up


async def say(backend: Backend, run: Command, status: AckStatus, ran_ms: int | None) -> None:
    await backend.acknowledge([Ack(run.id, run.seq, status, ran_ms)])


async def open_kinds(backend: Backend) -> set[AlertKind]:
    alerts = await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 10)
    return {alert.kind for alert in alerts} & {UNKNOWN, FAILED}


@pytest.mark.parametrize(
    ("status", "ran_ms", "opened"),
    [
        (AckStatus.SUCCEEDED, 5_000, set()),
        (AckStatus.INTERRUPTED, 1_500, set()),
        (AckStatus.INTERRUPTED, None, {UNKNOWN}),
        (AckStatus.FAILED, 1_500, {FAILED}),
        (AckStatus.FAILED, None, {FAILED}),
        (AckStatus.REJECTED, 0, {FAILED}),
        (AckStatus.EXPIRED, 0, {FAILED}),
    ],
)
async def test_a_late_outcome_ends_the_alert_that_there_was_none(
    backend: Backend, status: AckStatus, ran_ms: int | None, opened: set[AlertKind]
) -> None:
    run = await a_given_up_run(backend)
    assert await open_kinds(backend) == {UNKNOWN}

    await say(backend, run, status, ran_ms)

    assert await open_kinds(backend) == opened


async def test_it_stays_open_while_another_run_is_unknown(backend: Backend) -> None:
    first, second = await a_given_up_run(backend), await a_given_up_run(backend)
    await say(backend, second, AckStatus.INTERRUPTED, 1_500)
    assert await open_kinds(backend) == {UNKNOWN}
    await say(backend, first, AckStatus.SUCCEEDED, 5_000)
    assert await open_kinds(backend) == set()


async def test_an_old_unknown_run_keeps_no_new_alert_open(backend: Backend) -> None:
    """A run that went as asked has ended the alert of the one before it."""
    await a_given_up_run(backend)
    await say(backend, await a_fetched_run(backend), AckStatus.SUCCEEDED, 5_000)
    assert await open_kinds(backend) == set()
    backend.clock.wait(PROFILE.cooldown_s)
    third = await a_given_up_run(backend)
    assert await open_kinds(backend) == {UNKNOWN}
    await say(backend, third, AckStatus.INTERRUPTED, 1_500)
    assert await open_kinds(backend) == set()


async def test_an_unknown_run_that_a_person_has_dealt_with_keeps_no_new_alert_open(backend: Backend) -> None:
    await a_given_up_run(backend)
    (alert,) = await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 10)
    await backend.services.alerts.resolve(backend.who, alert.id)
    second = await a_given_up_run(backend)
    assert await open_kinds(backend) == {UNKNOWN}
    await say(backend, second, AckStatus.SUCCEEDED, 5_000)
    assert await open_kinds(backend) == set()


async def test_a_node_that_lost_an_outcome_opens_it(backend: Backend) -> None:
    run = await a_fetched_run(backend)
    await say(backend, run, AckStatus.DUPLICATE, None)
    assert await open_kinds(backend) == {UNKNOWN}
