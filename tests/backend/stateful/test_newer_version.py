"""While processes are replaced one by one, the old ones meet what only the new ones have words for."""

import pytest
from plant_backend.domain.alert import AlertKind, AlertState, RaiseAlert, Severity
from plant_backend.domain.errors import NotFound
from plant_backend.domain.model import Manifest
from plant_backend.domain.notification import TargetSettings
from plant_backend.services.announcements import announce
from plant_backend.services.retirement import settle_channels

from tests.backend.stateful.bench import Backend
from tests.builders import HOUR

NEWER = "frost_ahead"


async def raise_alert(backend: Backend, channel: str) -> int:
    """Open an alert and tell of it. Gives its id."""

    def work(tx):  # type: ignore[no-untyped-def]
        now = backend.clock.now()
        alert = tx.alerts.apply(
            backend.device.number, RaiseAlert(AlertKind.PROBE_STUCK, Severity.WARNING, "…", channel), now
        )
        announce(tx, backend.device, alert, now)
        return alert.id

    alert_id: int = await backend.storage.write(work)
    return alert_id


async def open_kinds(backend: Backend) -> list[str]:
    return [alert.kind for alert in await backend.services.alerts.all(backend.who, AlertState.OPEN, None, 10)]


async def test_an_alert_of_a_newer_version_keeps_nobody_from_hearing_of_the_others(backend: Backend) -> None:
    now = backend.clock.now()
    await backend.storage.write(
        lambda tx: tx.notifications.add(backend.who.user_id, TargetSettings("Phone"), "Webhook", "json://…", b"", now)
    )
    newer, other, told_newer = [await raise_alert(backend, channel) for channel in ("soil", "air", "tank")]
    await backend.rewrite("UPDATE alerts SET kind = ?, snoozed_until = 1 WHERE id = ?", NEWER, newer)
    await backend.rewrite("UPDATE notification_messages SET change = 'foreseen' WHERE alert_id = ?", told_newer)

    ((_, waiting),) = await backend.storage.read(lambda tx: tx.notifications.waiting())
    assert [message.alert.id for message in waiting] == [other]
    assert await open_kinds(backend) == ["probe_stuck", "probe_stuck"]
    with pytest.raises(NotFound):
        await backend.services.alerts.acknowledge(backend.who, newer)
    # The sweep that ends snoozes, the history of alerts, and a node that no longer names the channel.
    assert await backend.storage.read(lambda tx: tx.alerts.snoozes_over(now + HOUR)) == []
    lasting = await backend.storage.read(
        lambda tx: tx.alerts.lasting(backend.device.number, now - HOUR, now + HOUR, 10)
    )
    assert [alert.id for alert in lasting] == [other, told_newer]

    def name_nothing(tx):  # type: ignore[no-untyped-def]
        tx.devices.register(backend.device.number, Manifest("f", "2"), now)
        settle_channels(tx, backend.device, tx.devices.by_number(backend.device.number), now)

    await backend.storage.write(name_nothing)
    assert "probe_gone" in await open_kinds(backend)


async def test_a_reason_of_a_newer_version_is_no_failure_of_the_rules(backend: Backend) -> None:
    await backend.tell(60.0)
    await backend.evaluate()
    await backend.rewrite("UPDATE decisions SET reasons = ?", f'[{{"code": "{NEWER}", "text": "Frost tonight."}}]')
    # A process that was started since then, too.
    for _ in range(2):
        await backend.tell(60.0)
        await backend.evaluate()
        await backend.crash()

    decided = await backend.services.automation.decisions(backend.who, backend.device.id, None, 10)
    assert [decision.reasons[0].code for decision in decided] == ["moist"], "ours is written, and once"
    assert await open_kinds(backend) == []


async def test_a_page_of_decisions_is_as_long_as_asked_though_one_cannot_be_read(backend: Backend) -> None:
    for soil in (60.0, 10.0, 60.0, 10.0):
        await backend.tell(soil)
        await backend.evaluate()
        backend.clock.wait(3_600)
    decisions = backend.services.automation.decisions
    first, *_, last = reversed(await decisions(backend.who, backend.device.id, None, 10))
    await backend.rewrite("UPDATE decisions SET reasons = ? WHERE id = ?", f'[{{"code": "{NEWER}"}}]', last.id)

    page = await decisions(backend.who, backend.device.id, None, 2)
    assert len(page) == 2
    assert last.id not in [decision.id for decision in page]
    rest = await decisions(backend.who, backend.device.id, page[-1].id, 10)
    assert rest[-1].id == first.id
