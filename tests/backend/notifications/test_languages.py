"""Each target is told in its own language, through a real web server and a real mail server."""

from datetime import time, timedelta
from pathlib import Path

import pytest
from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertKind, RaiseAlert, Severity
from plant_backend.domain.language import Language
from plant_backend.storage.tables import notification_targets
from sqlalchemy import update

from tests.backend.api.refusals import refused
from tests.backend.notifications.post import Post, a_post, soon
from tests.backend.notifications.test_targets import PUSHOVER, attempt
from tests.backend.notifications.test_telling import add_target
from tests.backend.web.test_german import ENGLISH
from tests.live_backend import Backend, Node, Person, eventually, expect
from tests.receivers import Mailbox, Webhook

LOW = RaiseAlert.saying(AlertKind.RESERVOIR_LOW, Severity.CRITICAL, sentences.reservoir_to_refill(8.25), channel="tank")
COLD = RaiseAlert.saying(AlertKind.AIR_TEMPERATURE_LOW, Severity.WARNING, sentences.air_too_cold(4.5, 8), channel="air")
DRY = RaiseAlert.saying(AlertKind.AIR_HUMIDITY_LOW, Severity.WARNING, sentences.air_too_dry(18, 30), channel="rh")


def test_each_target_is_told_in_its_own_language(ada: Person, node: Node, hook: Webhook, mailbox: Mailbox) -> None:
    add_target(ada, mailbox.url(), language="de", time_zone="Europe/Berlin")
    add_target(ada, hook.url)
    node.send(tank=8.25)

    (mail,) = eventually(lambda: mailbox.mails)
    text = mail.get_content()
    assert mail["subject"] == "KRITISCH – Basil: Wassertank fast leer"
    assert "Der Wassertank steht bei 8,25 %: Füll ihn auf. Bis dahin wird nicht gegossen." in text
    assert "Füll ihn auf: Bis dahin wird die Pflanze nicht gegossen." in text
    assert ENGLISH.findall(text) == []
    (request,) = eventually(lambda: hook.requests)
    assert request["title"] == "CRITICAL – Basil: the reservoir is low"
    assert "The reservoir is at 8.25 %: refill it." in request["message"]


def test_a_test_message_is_in_the_language_too(backend: Backend, ada: Person, mailbox: Mailbox) -> None:
    made = add_target(ada, mailbox.url(), language="de")
    path = f"/notifications/targets/{made['id']}"
    assert expect(200, ada.request("POST", f"{path}/test"))["is_sent"]
    assert backend.command_line("notify", "test", ada.username).returncode == 0
    assert expect(200, ada.request("PATCH", path, json={"language": "en"}))["language"] == "en"
    assert expect(200, ada.request("POST", f"{path}/test"))["is_sent"]

    german, of_command_line, english = mailbox.mails
    for mail in (german, of_command_line):
        assert mail["subject"] == "Plant Automation: ein Test"
        assert ENGLISH.findall(mail.get_content()) == []
    assert english["subject"] == "Plant Automation: a test"


def test_a_target_speaks_english_until_told_otherwise(ada: Person) -> None:
    made = add_target(ada, PUSHOVER)
    path = f"/notifications/targets/{made['id']}"
    assert made["language"] == "en"
    changed = expect(200, ada.request("PATCH", path, json={"language": "de"}))
    assert changed == made | {"language": "de"} == ada.get(path)
    assert expect(200, ada.request("PATCH", path, json={"name": "Tablet"}))["language"] == "de"


@pytest.mark.parametrize("language", ["fr", "DE", "de-AT", "", 1, None])
def test_a_language_that_there_is_not_is_refused_and_those_that_there_are_named(ada: Person, language: object) -> None:
    made = add_target(ada, PUSHOVER)
    changed = ada.request("PATCH", f"/notifications/targets/{made['id']}", json={"language": language})
    for answer in (attempt(ada, language=language), changed):
        document = refused(answer, 422, "invalid_input", "language")
        if language is not None:
            assert "'en'" in document["detail"]
            assert "'de'" in document["detail"]
    assert ada.get("/notifications/targets") == [made]


async def test_all_that_becomes_of_an_alert_is_told_in_german(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path) as post:
        await post.add_target(hook.url, language=Language.GERMAN, time_zone="Europe/Berlin")
        await post.raise_alert(Severity.WARNING)
        await soon(lambda: _all_sent(post))
        await post._apply(LOW)
        await soon(lambda: len(hook.requests) == 2)
        await soon(lambda: _all_sent(post))
        await post.clear_alert()
        await soon(lambda: len(hook.requests) == 3)

        # What an earlier version wrote has no sentences.
        assert hook.texts[0].splitlines()[:2] == ["Basil: Wassertank fast leer", "tank is at 5 %."]
        assert hook.texts[1].splitlines()[:2] == [
            "KRITISCH – Basil: Wassertank fast leer",
            "Es ist kritisch geworden. Der Wassertank steht bei 8,25 %: Füll ihn auf. Bis dahin wird nicht gegossen.",
        ]
        assert hook.texts[2].startswith("Basil: vorbei – Wassertank fast leer\n")
        assert ENGLISH.findall("\n".join(hook.texts[1:])) == []


async def test_what_waited_through_the_quiet_hours_is_one_german_message(tmp_path: Path, hook: Webhook) -> None:
    async with a_post(tmp_path) as post:
        now = post.clock.now()
        begin, end = time((now.hour - 1) % 24), (now + timedelta(hours=2)).time()
        await post.add_target(hook.url, quiet_from=begin, quiet_until=end, language=Language.GERMAN)
        await post._apply(COLD)
        await post._apply(DRY)
        await soon(lambda: hook.requests)

        (text,) = hook.texts
        assert text.startswith(
            "2 Warnungen: Basil\nBasil: zu kalt\nDie Luft hat 4,5 °C; mindestens sollen es 8 °C sein."
        )
        assert "\n\nBasil: Luft zu trocken\nDie Luftfeuchte beträgt 18 %; mindestens sollen es 30 % sein.\n" in text
        assert ENGLISH.findall(text) == []


async def test_a_language_of_a_newer_version_is_told_in_english_and_all_others_are_told(
    tmp_path: Path, hook: Webhook
) -> None:
    async with a_post(tmp_path, is_started=False) as post:
        await post.add_target(hook.url)
        await post.add_target(hook.url, language=Language.GERMAN)
        await post.storage.write(
            lambda tx: tx.notifications._connection.execute(  # type: ignore[attr-defined]
                update(notification_targets).where(notification_targets.c.id == 1).values(language="eo")
            )
        )
        assert (await post.target()).settings.language is Language.ENGLISH
        await post._apply(LOW)
        post.sender.start()
        await soon(lambda: len(hook.requests) == 2)
        assert sorted(request["title"] for request in hook.requests) == [
            "CRITICAL – Basil: the reservoir is low",
            "KRITISCH – Basil: Wassertank fast leer",
        ]


async def _all_sent(post: Post) -> bool:
    return (await post.target()).waiting == 0
