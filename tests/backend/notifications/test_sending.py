"""The outbox is emptied whatever the services do, and no service is asked more than it can bear."""

import asyncio
import os
import signal
from datetime import time, timedelta
from pathlib import Path

import pytest
from plant_backend.domain.alert import AlertKind, Severity
from plant_backend.domain.notification import MAX_WAITING, Change, Target
from plant_backend.domain.quiet import quiet_end

from tests.backend.notifications.post import Post, a_post, soon
from tests.receivers import Mailbox, Webhook


async def test_a_service_that_fails_and_recovers_gets_the_message_once(tmp_path: Path, hook: Webhook) -> None:
    hook.status = 503
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url)
        await post.raise_alert()
        await soon(lambda: hook.connections >= 3)
        failing = await post.target()
        assert failing.health.last_failure == "The service is out of order (503)."
        hook.status = 200

        await soon(lambda: hook.requests)
        healed = await soon(lambda: _without_waiting(post))
        assert healed.health.failures == 0
        assert healed.health.last_failure == "The service is out of order (503)."
        assert len(hook.requests) == 1


@pytest.mark.slow
async def test_five_failures_in_a_row_pause_a_target_and_one_probe_opens_it_again(
    tmp_path: Path, hook: Webhook
) -> None:
    hook.status = 500
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url)
        for channel in ("a", "b", "c"):
            await post.raise_alert(channel=channel)
        paused = await soon(lambda: _paused(post))
        assert (hook.connections >= 5, paused.waiting) == (True, 3)
        hook.status = 200

        # It is tried with a single message; the others follow together.
        await soon(lambda: len(hook.requests) == 2)
        assert hook.requests[0]["title"] == "CRITICAL – Basil: the reservoir is low"
        assert hook.requests[1]["title"] == "2 alerts: Basil"


async def test_a_target_that_fails_does_not_hold_up_another(tmp_path: Path, hook: Webhook, mailbox: Mailbox) -> None:
    hook.hang()
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url)
        await post.add_target(mailbox.url())
        await post.raise_alert()

        await soon(lambda: mailbox.mails)
        assert hook.requests == []


@pytest.mark.slow
async def test_what_hangs_is_ended_and_tried_again(tmp_path: Path, hook: Webhook) -> None:
    hook.hang()
    async with a_post(tmp_path, limit_s=5) as post:
        await post.add_target(hook.url)
        await post.raise_alert()
        failing = await soon(lambda: _failing(post))
        assert failing.health.last_failure == "It took longer than 5 s."
        hook.let_go.set()
        # On a busy machine the next process may take so long to begin.
        post.notifier._limit_s = 30

        # The first thread may still bring it through: at least once is the promise.
        await soon(lambda: hook.requests)
        await soon(lambda: _without_waiting(post))


async def test_what_comes_at_once_is_one_message(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url)
        for number in range(25):
            await post.raise_alert(Severity.WARNING, f"soil_{number}", AlertKind.PROBE_STALE)
        await post.raise_alert()
        post.sender.start()
        await soon(lambda: _without_waiting(post))

        assert [request["title"] for request in hook.requests] == ["10 alerts: Basil"] * 2 + ["6 alerts: Basil"]
        assert "CRITICAL" in hook.requests[0]["message"]


async def test_an_alert_that_was_over_before_it_was_told_is_not_told(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url)
        await post.raise_alert(Severity.WARNING, "soil", AlertKind.PROBE_STALE)
        await post.clear_alert("soil", AlertKind.PROBE_STALE)
        assert (await post.target()).waiting == 0


async def test_a_critical_alert_that_was_over_before_it_was_told_is_one_message(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url)
        await post.raise_alert()
        await post.clear_alert()
        post.sender.start()
        await soon(lambda: _without_waiting(post))

        (request,) = hook.requests
        assert request["title"] == "Basil: over – the reservoir is low"
        assert request["type"] == "success"
        assert "tank is at 5 %." in request["message"]


async def test_the_end_of_what_was_told_is_told_to_who_wants_it(
    tmp_path: Path, hook: Webhook, mailbox: Mailbox
) -> None:
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url)
        await post.add_target(mailbox.url(), wants_resolved=False)
        await post.raise_alert(Severity.WARNING)
        await soon(lambda: hook.requests and mailbox.mails)
        for target_id in (1, 2):
            await soon(lambda target_id=target_id: _without_waiting(post, target_id))
        await post.clear_alert()

        await soon(lambda: len(hook.requests) == 2)
        assert (await post.target(2)).waiting == 0
        assert hook.requests[1]["title"] == "Basil: over – the reservoir is low"


async def test_a_rise_of_severity_is_told_and_a_repetition_is_not(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url)
        await post.raise_alert(Severity.WARNING)
        await soon(lambda: _without_waiting(post))
        await post.raise_alert(Severity.WARNING)
        await post.raise_alert(Severity.CRITICAL)
        await post.raise_alert(Severity.CRITICAL)
        await soon(lambda: len(hook.requests) == 2)
        await soon(lambda: _without_waiting(post))

        assert [request["type"] for request in hook.requests] == ["warning", "failure"]
        assert "It has become critical." in hook.requests[1]["message"]


@pytest.mark.slow
async def test_an_alert_that_flaps_is_told_once_an_hour(tmp_path: Path, hook: Webhook) -> None:
    """Olen/homeassistant-plant #352: alerts flap."""
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url, wants_resolved=False)
        post.sender.start()
        began = post.clock.now()
        for _ in range(6):
            await post.raise_alert(Severity.WARNING)
            await soon(lambda: hook.requests)
            await post.clear_alert()
        await post.raise_alert(Severity.WARNING)

        # The seventh lasts, and is told when the hour since the first is over.
        await soon(lambda: _without_waiting(post))
        told = len(hook.requests)
        # One or less, unless the machine is slow: an hour is six seconds here.
        hours = (post.clock.now() - began) // timedelta(hours=1)
        assert 2 <= told <= 2 + hours


async def test_an_alert_that_goes_and_comes_back_while_it_is_being_told_waits_as_any_other(
    tmp_path: Path, hook: Webhook
) -> None:
    hook.hang()
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url, wants_resolved=False)
        await post.raise_alert(Severity.WARNING)
        await soon(lambda: hook.connections)
        await post.clear_alert()
        await post.raise_alert(Severity.WARNING)
        hook.let_go.set()

        async def is_put_off() -> bool:
            waiting = await post.storage.read(lambda tx: tx.notifications.waiting())
            # An hour is six seconds here: a look that comes later finds that it went.
            return len(hook.requests) == 2 or all(
                message.not_before >= message.created_at + timedelta(hours=1)
                for _, messages in waiting
                for message in messages
            )

        await soon(is_put_off)
        assert await post.storage.read(lambda tx: tx.notifications.told(1, 1)) == {Change.OPENED}


async def test_the_end_of_an_alert_that_came_while_it_was_being_told_is_told_too(tmp_path: Path, hook: Webhook) -> None:
    hook.hang()
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url)
        await post.raise_alert(Severity.WARNING)
        await soon(lambda: hook.connections)
        await post.clear_alert()
        hook.let_go.set()

        await soon(lambda: len(hook.requests) == 2)
        await soon(lambda: _without_waiting(post))
        assert await post.storage.read(lambda tx: tx.notifications.told(1, 1)) == {Change.OPENED, Change.RESOLVED}


async def test_a_critical_alert_that_flaps_while_nobody_can_be_reached_is_one_message(
    tmp_path: Path, hook: Webhook
) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url)
        for _ in range(20):
            await post.raise_alert()
            await post.clear_alert()
        assert (await post.target()).waiting == 1


async def test_what_is_deleted_is_not_told_of(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url)
        await post.raise_alert()
        assert (await post.target()).waiting == 1
        await post.storage.write(lambda tx: tx.devices.delete(post.device.number))
        assert (await post.target()).waiting == 0
        await post.storage.write(lambda tx: tx.users.delete(1))
        assert await post.storage.read(lambda tx: tx.notifications.all(1)) == []


async def test_what_fails_here_is_a_failure_of_one_target_and_no_storm(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url, time_zone="Europe/Atlantis")
        await post.add_target(hook.url)
        await post.raise_alert()
        post.sender.start()
        failing = await soon(lambda: _failing(post))
        assert failing.health.last_failure.startswith("Something went wrong here: ZoneInfoNotFoundError.")
        await soon(lambda: _without_waiting(post, 2))

        assert (len(hook.requests), (await post.target(2)).health.failures) == (1, 0)
        # One attempt, half a minute, and the next: not hundreds a second.
        assert post.sender.failed <= 15


@pytest.mark.slow
async def test_a_warning_waits_for_the_end_of_the_quiet_hours(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path) as post:
        now = post.clock.now()
        begin, end = time((now.hour - 1) % 24), (now + timedelta(hours=5)).time()
        await post.add_target(hook.url, quiet_from=begin, quiet_until=end)
        await post.raise_alert(Severity.WARNING, "soil", AlertKind.PROBE_STALE)
        await post.raise_alert()
        await soon(lambda: hook.requests)
        assert hook.requests[0]["title"] == "CRITICAL – Basil: the reservoir is low"
        await soon(lambda: _waiting(post, 1))

        await soon(lambda: len(hook.requests) == 2)
        assert quiet_end(begin, end, "UTC", post.clock.now()) is None


async def test_a_flood_of_alerts_for_a_dead_service_is_bounded(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url)
        await post.raise_alert()
        for number in range(MAX_WAITING + 20):
            await post.raise_alert(Severity.WARNING, f"soil_{number}", AlertKind.PROBE_STALE)
        assert (await post.target()).waiting == MAX_WAITING

        post.sender.start()
        await soon(lambda: hook.requests)
        assert "CRITICAL" in hook.requests[0]["message"]


async def test_switching_a_target_off_drops_what_waits(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        target = await post.add_target(hook.url)
        await post.raise_alert()
        off = type(target.settings)("Phone", is_enabled=False)
        await post.storage.write(lambda tx: tx.notifications.change(target.id, off))
        post.sender.start()
        await soon(lambda: _without_waiting(post))
        assert hook.requests == []


async def test_the_process_that_sends_lives_only_while_it_is_needed(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path) as post:
        assert post.notifier.process_ids() == []
        post.notifier.idle_s = 0.2
        await post.add_target(hook.url)
        await post.raise_alert()
        await soon(post.notifier.process_ids)
        await soon(lambda: hook.requests)
        await soon(lambda: not post.notifier.process_ids())


async def test_a_process_that_dies_is_replaced(tmp_path: Path, hook: Webhook) -> None:
    hook.hang()
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url)
        await post.raise_alert()
        await soon(lambda: hook.connections)
        (process_id,) = post.notifier.process_ids()
        os.kill(process_id, signal.SIGKILL)
        hook.let_go.set()
        hook.requests.clear()
        failing = await soon(lambda: _failing(post))
        assert failing.health.last_failure == "The process that sends has ended."
        await soon(lambda: _without_waiting(post))


@pytest.mark.parametrize("steps", range(12))
async def test_a_sender_that_is_stopped_in_the_midst_of_waking_up_stops(tmp_path: Path, steps: int) -> None:
    """A cancellation that it swallowed would keep the whole server from ending."""
    async with a_post(tmp_path) as post:
        # It waits for its next look; news wake it up, and it is stopped some steps later.
        await asyncio.sleep(0.05)
        post.bus.publish("alerts", 1)
        for _ in range(steps):
            await asyncio.sleep(0)

        async with asyncio.timeout(30):
            await post.sender.stop()


@pytest.mark.slow
async def test_at_most_four_are_sent_at_once_and_none_twice(tmp_path: Path, hook: Webhook) -> None:
    count = 30
    hook.hang()
    async with a_post(tmp_path) as post:
        for _ in range(count):
            await post.add_target(hook.url)
        await post.raise_alert()
        await soon(lambda: hook.connections == 4)
        await post.raise_alert(channel="other")
        assert hook.connections == 4
        hook.let_go.set()
        for number in range(1, count + 1):
            await soon(lambda number=number: _without_waiting(post, number))
        told = [request["message"].count("is at 5 %") for request in hook.requests]
        assert sum(told) == 2 * count


async def _waiting(post: Post, count: int, target_id: int = 1) -> Target | None:
    target = await post.target(target_id)
    return target if target.waiting == count else None


async def _without_waiting(post: Post, target_id: int = 1) -> Target | None:
    return await _waiting(post, 0, target_id)


async def _failing(post: Post) -> Target | None:
    target = await post.target()
    return target if target.health.last_failure else None


async def _paused(post: Post) -> Target | None:
    target = await post.target()
    return target if target.health.paused_until else None
