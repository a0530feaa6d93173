"""A snoozed alert calls nobody and guards its pump; nothing of it is lost, and it calls again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from plant_backend.domain.alert import Alert, AlertKind, AlertState, RaiseAlert, Severity
from plant_backend.domain.command import Ack, AckStatus, Action, Command
from plant_backend.domain.errors import WateringRefused
from plant_backend.domain.notification import Change, TargetSettings, plan
from plant_backend.services.announcements import announce
from plant_backend.services.real_time import from_real_ms, real_ms

from tests.backend.stateful.bench import PROFILE, Backend, Reading, in_a_file
from tests.builders import DAY

pytestmark = in_a_file

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
KIND = AlertKind.NOT_WATERING


async def a_target(backend: Backend) -> None:
    """Want to be told."""
    now = from_real_ms(real_ms())
    user_id = backend.who.user_id
    await backend.storage.write(
        lambda tx: tx.notifications.add(user_id, TargetSettings("Phone"), "ntfy", "ntfy://…", b"sealed", now)
    )


async def raised(backend: Backend, severity: Severity = Severity.WARNING) -> Alert:
    """Let a rule raise an alert."""
    change, now = RaiseAlert(KIND, severity, f"It is {severity}."), backend.clock.now()
    await backend.storage.write(
        lambda tx: announce(tx, backend.device, tx.alerts.apply(backend.device.number, change, now), now)
    )
    (alert,) = await open_alerts(backend)
    return alert


async def open_alerts(backend: Backend) -> list[Alert]:
    return list(await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 100))


async def told(backend: Backend) -> list[Change]:
    """Send what the plan wants sent, and say what that was."""
    now = from_real_ms(real_ms()) + DAY
    changes = []
    for target, messages in await backend.storage.read(lambda tx: tx.notifications.waiting()):
        planned = plan(target, messages, now)
        ids = [message.id for message in planned.send]
        changes += [message.change for message in planned.send]
        await backend.storage.write(lambda tx, ids=ids: tx.notifications.mark_sent(ids, now))
    return changes


async def snooze(backend: Backend, alert: Alert, minutes: int = 60) -> Alert:
    return await backend.services.alerts.snooze(backend.who, alert.id, minutes=minutes, until=None)


async def test_what_is_not_over_at_the_end_is_told_once_more_each_time(backend: Backend) -> None:
    await a_target(backend)
    alert = await raised(backend)
    assert await told(backend) == [Change.OPENED]
    for _ in range(2):
        await snooze(backend, alert)
        backend.clock.wait(HOUR_S - 1)
        await backend.services.alerts.end_snoozes()
        assert await told(backend) == []
        backend.clock.wait(1)
        await backend.services.alerts.end_snoozes()
        assert await told(backend) == [Change.REMINDED]
        await backend.services.alerts.end_snoozes()
        assert await told(backend) == []
    assert await open_alerts(backend) == [alert]


async def test_what_nobody_was_told_before_the_snooze_is_kept_and_told_once(backend: Backend) -> None:
    await a_target(backend)
    alert = await raised(backend)
    await snooze(backend, alert)
    assert await told(backend) == []
    await backend.crash()
    backend.clock.wait(HOUR_S)
    await backend.services.alerts.end_snoozes()
    assert await told(backend) == [Change.OPENED]


async def test_a_snooze_that_is_taken_back_gives_back_what_it_kept(backend: Backend) -> None:
    await a_target(backend)
    alert = await raised(backend)
    await snooze(backend, alert)
    assert await backend.services.alerts.unsnooze(backend.who, alert.id) == alert
    assert await told(backend) == [Change.OPENED]
    backend.clock.wait(HOUR_S)
    await backend.services.alerts.end_snoozes()
    assert await told(backend) == []


async def test_what_becomes_worse_is_told_at_once(backend: Backend) -> None:
    await a_target(backend)
    alert = await raised(backend)
    await told(backend)
    await snooze(backend, alert)
    await raised(backend)
    assert await told(backend) == []
    worse = await raised(backend, Severity.CRITICAL)
    assert (worse.id, worse.severity, worse.snoozed_until) == (alert.id, Severity.CRITICAL, None)
    assert await told(backend) == [Change.WORSENED]
    backend.clock.wait(HOUR_S)
    await backend.services.alerts.end_snoozes()
    assert await told(backend) == []


async def test_who_has_seen_a_warning_has_not_seen_what_it_has_become(backend: Backend) -> None:
    alert = await raised(backend)
    seen = await backend.services.alerts.acknowledge(backend.who, alert.id)
    backend.clock.wait(2 * HOUR_S)
    assert (await raised(backend)).acknowledged_at == seen.acknowledged_at is not None
    worse = await raised(backend, Severity.CRITICAL)
    assert (worse.id, worse.severity, worse.acknowledged_at) == (alert.id, Severity.CRITICAL, None)
    assert (await backend.services.alerts.acknowledge(backend.who, alert.id)).acknowledged_at is not None


async def test_what_lasts_is_counted_and_stays_snoozed(backend: Backend) -> None:
    snoozed = await snooze(backend, await raised(backend), 600)
    backend.clock.wait(2 * HOUR_S)
    lasting = await raised(backend)
    assert (lasting.count, lasting.snoozed_until) == (2, snoozed.snoozed_until)


async def test_an_alert_that_is_over_is_told_and_no_longer_snoozed(backend: Backend) -> None:
    await a_target(backend)
    alert = await raised(backend)
    await told(backend)
    await snooze(backend, alert)
    resolved = await backend.services.alerts.resolve(backend.who, alert.id)
    assert resolved.snoozed_until is None
    backend.clock.wait(HOUR_S)
    await backend.services.alerts.end_snoozes()
    assert await told(backend) == []


async def test_a_clock_that_is_set_back_by_a_year_does_not_snooze_for_a_year(backend: Backend) -> None:
    alert = await snooze(backend, await raised(backend), 7 * 24 * 60)
    backend.clock.jump(-MINUTE_S)
    await backend.services.alerts.end_snoozes()
    assert await open_alerts(backend) == [alert]
    backend.clock.jump(-365 * DAY_S)
    assert not alert.is_snoozed(backend.clock.now())
    await backend.services.alerts.end_snoozes()
    assert [found.snoozed_until for found in await open_alerts(backend)] == [None]


async def test_a_pump_that_an_alert_blocks_stays_blocked(backend: Backend) -> None:
    """Never a flood: doses without effect block the pump until a person resolves the alert, snoozed or not."""
    profile = replace(PROFILE, doses_without_effect_max=1, cooldown_s=60, soak_s=0)
    await backend.services.automation.set_profile(backend.who, "d-1", profile)
    alert = None
    for look in range(20):
        await backend.telemetry(f"dry-{look}", [Reading("soil", 12.0), Reading("soil", 12.0), Reading("tank", 80.0)])
        await backend.evaluate()
        for command, _ in await backend.poll(0):
            await backend.acknowledge([an_ack(command)])
        alert = next((one for one in await open_alerts(backend) if "without_effect" in one.kind), None)
        if alert is not None:
            break
        backend.clock.wait(120)
    assert alert is not None
    doses = await commands(backend)
    assert doses

    await snooze(backend, alert, 7 * 24 * 60)
    for look in range(20):
        backend.clock.wait(600)
        await backend.telemetry(f"still-{look}", [Reading("soil", 10.0), Reading("soil", 10.0), Reading("tank", 80.0)])
        await backend.evaluate()
        with pytest.raises(WateringRefused):
            await backend.services.commands.request(backend.who, "d-1", "pump", Action.ON, 5_000)
    assert await commands(backend) == doses
    (decision, *_) = await backend.services.automation.decisions(backend.who, "d-1", None, 1)
    assert decision.reasons[0].code == "watering_without_effect"


def an_ack(command: Command) -> Ack:
    return Ack(command.id, command.seq, AckStatus.SUCCEEDED, command.duration_ms)


async def commands(backend: Backend) -> list[int]:
    return [one.id for one in await backend.storage.read(lambda tx: tx.commands.all(backend.device.number, None, 100))]


async def test_an_end_is_never_beyond_the_bounds(backend: Backend) -> None:
    alert = await raised(backend)
    ends = [(await snooze(backend, alert, minutes)).snoozed_until for minutes in (15, 7 * 24 * 60)]
    now = backend.clock.now()
    assert ends == [now + timedelta(minutes=15), now + timedelta(days=7)]
