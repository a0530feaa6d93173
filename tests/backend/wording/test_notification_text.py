"""What a notification says, and that no name makes it say something else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_backend.domain.alert import AlertKind, AlertState, Severity
from plant_backend.domain.notification import Change
from plant_backend.wording.notification_text import compose, plain, trial

from tests.backend.domain.test_notification_plan import a_message, an_alert
from tests.builders import HOUR, NOW


def test_it_says_which_plant_what_why_since_when_and_what_to_do() -> None:
    text = compose([a_message(severity=Severity.CRITICAL)], "Europe/Berlin", "https://plants.example.org")

    assert text.subject == "CRITICAL – Basil: the reservoir is low"
    assert text.body.splitlines() == [
        "The reservoir is at 5 %.",
        "Since 2026-07-01 14:00 (Europe/Berlin).",
        "Refill it: until then the plant is not watered.",
        "",
        "https://plants.example.org",
    ]


def test_the_end_of_an_alert_says_from_when_to_when_and_who() -> None:
    alert = an_alert(AlertState.RESOLVED, resolved_at=NOW + HOUR, resolved_by="ada")
    text = compose([a_message(Change.RESOLVED, alert=alert)], "UTC")

    assert text.subject == "Basil: over – the reservoir is low"
    assert "Since 2026-07-01 12:00 (UTC), over at 2026-07-01 13:00 (UTC), resolved by ada." in text.body
    assert text.is_good_news


def test_what_became_worse_says_so() -> None:
    assert "It has become critical." in compose([a_message(Change.WORSENED, Severity.CRITICAL)], "UTC").body


def test_what_is_told_once_more_says_that_it_is_no_news() -> None:
    text = compose([a_message(Change.REMINDED, Severity.CRITICAL)], "UTC")
    assert text.subject == "CRITICAL – Basil: still – the reservoir is low"
    assert "It was snoozed until now, and is not over." in text.body


def test_many_alerts_are_one_message_that_names_each() -> None:
    names = ["Basil", "Mint", "Sage", "Dill", "Basil"]
    messages = [a_message(id=place, device_name=name) for place, name in enumerate(names)]
    text = compose([*messages, a_message(severity=Severity.CRITICAL, id=9, device_name="Fern")], "UTC")

    assert text.subject == "6 alerts: Basil, Mint, Sage and 2 more"
    assert text.severity is Severity.CRITICAL
    assert text.body.count("the reservoir is low") == 6


@pytest.mark.parametrize("kind", AlertKind)
def test_each_kind_of_alert_has_words_and_advice_of_its_own(kind: AlertKind) -> None:
    text = compose([a_message(alert=an_alert(kind=kind))], "UTC")
    assert "Look at the plant." not in text.body.splitlines()
    assert len(text.subject) < 100


HOSTILE = st.text(st.characters(codec="utf-8"), max_size=300) | st.sampled_from(
    [
        "<b>x</b>",
        "[x](http://evil)",
        "@everyone",
        "<@1>",
        "*bold*",
        "__x__",
        "`x`",
        "a\r\nBcc: x@y",
        "\u202eevil",
        "||x||",
    ]
)
MEANINGFUL = re.compile(r"[<>\[\]`*~|\\@#]|://|\b__|[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f]")


@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_name_and_no_reason_of_a_node_becomes_markup_a_link_or_a_header(name: str, reason: str, by: str) -> None:
    opened = a_message(device_name=name, alert=an_alert(message=reason))
    ended = an_alert(AlertState.RESOLVED, message=reason, resolved_by=by)
    for message in (opened, a_message(Change.RESOLVED, device_name=name, alert=ended)):
        text = compose([message, message], "UTC")
        assert "\n" not in text.subject
        assert not MEANINGFUL.search(text.subject + text.body)
        assert len(text.subject) < 250
        assert len(text.body) < 1500
    assert "\n" not in trial(name).subject


@given(HOSTILE)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("Balcony tomatoes", "Müllers Farn (Küche)", "木の葉", "reservoir_empty", "5.5 °C – 80 %"):
        assert plain(name) == name
