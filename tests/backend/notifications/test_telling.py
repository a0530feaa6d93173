"""What happens to a plant reaches people, through a real web server and a real mail server."""

from pathlib import Path
from typing import Any

import pytest

from tests.live_backend import JSON, Backend, Node, Person, eventually, expect
from tests.receivers import Mailbox, Webhook


def add_target(person: Person, url: str, **more: Any) -> JSON:
    """Make a target."""
    made: JSON = expect(
        201, person.request("POST", "/notifications/targets", json={"name": "Phone", "url": url, **more})
    )
    return made


def test_an_alert_is_told_with_what_why_since_when_and_what_to_do(ada: Person, node: Node, hook: Webhook) -> None:
    add_target(ada, hook.url, time_zone="Europe/Berlin")
    node.send(tank=5)

    (request,) = eventually(lambda: hook.requests)
    assert request["title"] == "CRITICAL – Basil: the reservoir is low"
    assert "5 %" in request["message"]
    assert "(Europe/Berlin)" in request["message"]
    assert "Refill it" in request["message"]
    assert hook.paths == ["/hook-secret"]


def test_an_alert_that_lasts_is_told_once(ada: Person, node: Node, hook: Webhook) -> None:
    add_target(ada, hook.url)
    for level in (5, 4, 3, 2):
        node.send(tank=level)
    eventually(lambda: hook.requests)
    node.send(tank=1)
    target = eventually(lambda: [one for one in ada.get("/notifications/targets") if one["last_success_at"]])

    assert len(hook.requests) == 1
    assert target[0]["waiting"] == 0


def test_a_mail_arrives(ada: Person, node: Node, mailbox: Mailbox) -> None:
    add_target(ada, mailbox.url())
    node.send(tank=5)

    (mail,) = eventually(lambda: mailbox.mails)
    assert mail["subject"] == "CRITICAL – Basil: the reservoir is low"
    assert mail["to"] == "ada@example.org"
    assert "Refill it" in mail.get_content()


def test_a_target_hears_of_its_own_devices_and_severity_only(ada: Person, node: Node, hook: Webhook) -> None:
    other = ada.add_device("Mint")
    add_target(ada, hook.url, device_ids=[other.device_id], min_severity="critical")
    node.send(tank=5)
    other.send(air=50)
    other.send(tank=5)

    assert [request["title"] for request in eventually(lambda: hook.requests)] == [
        "CRITICAL – Mint: the reservoir is low"
    ]
    assert len(ada.get("/alerts")) == 3


def test_a_viewer_is_told_of_the_owner_s_plants_and_nobody_else_is(
    ada: Person, guest: Person, stranger: Person, node: Node, hook: Webhook, mailbox: Mailbox
) -> None:
    add_target(guest, mailbox.url())
    add_target(stranger, hook.url)
    node.send(tank=5)

    eventually(lambda: mailbox.mails)
    (theirs,) = stranger.get("/notifications/targets")
    assert (theirs["waiting"], theirs["last_success_at"], hook.requests) == (0, None, [])
    assert ada.get("/notifications/targets") == []


@pytest.mark.crash
def test_a_message_survives_kill_9_between_the_alert_and_the_sending(
    backend: Backend, ada: Person, node: Node, hook: Webhook
) -> None:
    hook.hang()
    add_target(ada, hook.url)
    node.send(tank=5)
    # The whole message is there: a sender that ends before that leaves half of one.
    eventually(lambda: hook.paths)
    assert backend.process is not None
    sending = _children(backend.process.pid)
    backend.kill()
    eventually(lambda: not any(map(_is_alive, sending)))
    _forget_what_it_holds(hook)
    backend.start()

    (request,) = eventually(lambda: hook.requests)
    assert request["title"] == "CRITICAL – Basil: the reservoir is low"


def test_a_test_message_says_what_came_of_it(ada: Person, hook: Webhook) -> None:
    target = add_target(ada, hook.url)
    good = expect(200, ada.request("POST", f"/notifications/targets/{target['id']}/test"))
    hook.status = 401
    bad = expect(200, ada.request("POST", f"/notifications/targets/{target['id']}/test"))

    assert (good["is_sent"], good["reason"]) == (True, None)
    assert (bad["is_sent"], bad["reason"]) == (False, "The service refused the credentials (401).")
    assert "Plant Automation: a test" in hook.texts[0]


def test_a_service_that_hangs_delays_neither_readings_nor_water(ada: Person, node: Node, hook: Webhook) -> None:
    hook.hang()
    add_target(ada, hook.url)
    expect(200, ada.request("PUT", f"{node.path}/automation", json={"mode": "on"}))
    node.send(air=50)
    eventually(lambda: hook.connections)

    # All of this happens while the service has the message and says nothing.
    node.send(soil=[12, 12], tank=80)
    (command,) = eventually(lambda: node.poll(after=0))
    assert node.ack(command, "succeeded", command["duration_ms"]) == "succeeded"
    assert (hook.connections, hook.requests) == (1, [])


@pytest.mark.slow
def test_stopping_does_not_wait_for_a_service_that_hangs(
    backend: Backend, ada: Person, node: Node, hook: Webhook
) -> None:
    hook.hang()
    add_target(ada, hook.url)
    node.send(tank=5)
    eventually(lambda: hook.paths)
    backend.stop()
    _forget_what_it_holds(hook)
    backend.start()
    eventually(lambda: hook.requests)


def _forget_what_it_holds(hook: Webhook) -> None:
    """Let the receiver go on with the request of a sender that is gone, and forget it."""
    hook.let_go.set()
    eventually(lambda: hook.requests)
    hook.requests.clear()


def _children(process_id: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def _is_alive(process_id: int) -> bool:
    try:
        # Where nobody reaps orphans, as in some containers, what has ended stays as a zombie.
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
