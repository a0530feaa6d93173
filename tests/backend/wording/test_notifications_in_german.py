"""What a German target is told: each kind of alert and each change of it, and nothing of it in English."""

import re
from datetime import timedelta

import pytest
from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertKind, AlertState, Severity
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.language import Language
from plant_backend.domain.notification import Change
from plant_backend.domain.sentence import Sentence, english
from plant_backend.wording import notification_text
from plant_backend.wording.language import LANGUAGES, words
from plant_backend.wording.notification_text import compose, trial

from tests.backend.domain.test_notification_plan import a_message, an_alert
from tests.backend.web.test_german import ENGLISH
from tests.builders import HOUR, NOW

SINCE = NOW - 5 * HOUR
SOIL, TANK, PUMP = "erde_im_hochbeet", "regentonne", "pumpe_im_hochbeet"

TOLD: dict[AlertKind, list[tuple[Sentence, ...]]] = {
    AlertKind.RESERVOIR_LOW: [(sentences.reservoir_to_refill(8.25),)],
    AlertKind.AIR_TEMPERATURE_LOW: [(sentences.air_too_cold(4.5, 8),)],
    AlertKind.AIR_TEMPERATURE_HIGH: [(sentences.air_too_hot(41.5, 35.0),)],
    AlertKind.AIR_HUMIDITY_LOW: [(sentences.air_too_dry(18.5, 30),)],
    AlertKind.AIR_HUMIDITY_HIGH: [(sentences.air_too_humid(97.5, 90),)],
    AlertKind.PROBE_STALE: [(sentences.channel_silent(SOIL, SINCE),)],
    AlertKind.PROBE_IMPLAUSIBLE: [(sentences.value_impossible(SOIL, 1234.5, "%", 0.0, 100.0),)],
    AlertKind.PROBE_STUCK: [(sentences.probe_stuck(SOIL, 41.5, SINCE), sentences.stuck_probe_waters_nothing())],
    AlertKind.PROBE_DROPPED: [(sentences.probe_fell(SOIL, 41.5),)],
    AlertKind.PROBES_DISAGREE: [(sentences.probes_apart(41.5),)],
    AlertKind.WATERING_WITHOUT_EFFECT: [
        (sentences.doses_without_effect(3, 12.5), sentences.blocked_until_resolved(), sentences.look_for_hose()),
    ],
    AlertKind.DAILY_CAP_REACHED: [(sentences.dry_at_daily_cap(),)],
    AlertKind.COMMAND_TIMED_OUT: [
        (sentences.outcome_unknown(4711, PUMP),),
        (sentences.runs_unknown(12, PUMP, 300_000),),
    ],
    AlertKind.COMMAND_FAILED: [
        (sentences.run_failed(PUMP, 4711, "rejected", "max_day"),),
        (sentences.run_failed_without_reason(PUMP, 4711, "expired"),),
    ],
    AlertKind.RULES_FAILED: [(sentences.rules_failed(),)],
    AlertKind.RESERVOIR_GONE: [
        (
            sentences.channel_gone(TANK, SensorKind.RESERVOIR_LEVEL),
            sentences.no_water_without_reservoir(),
            sentences.resolve_if_right(),
        )
    ],
    AlertKind.PROBE_GONE: [(sentences.channel_gone(SOIL, SensorKind.SOIL_MOISTURE), sentences.resolve_if_right())],
    AlertKind.CHANNEL_GONE: [(sentences.channel_gone(PUMP, ActuatorKind.PUMP), sentences.resolve_if_right())],
    AlertKind.NOT_WATERING: [
        (sentences.dry_without_water(SINCE), sentences.orders_come_to_nothing()),
        (sentences.unknown_without_water(SINCE), sentences.probe_uncalibrated(SOIL)),
        (
            sentences.dry_without_water(SINCE),
            sentences.one_more_value(SOIL, 3, 1_800),
            sentences.sampling_less_often(),
            sentences.speaking_too_seldom(7_200, 14_400),
        ),
    ],
}
"""What the rules and services say of each kind."""


@pytest.mark.parametrize("change", Change)
@pytest.mark.parametrize("kind", AlertKind)
def test_no_english_is_in_what_is_said_of_an_alert(kind: AlertKind, change: Change) -> None:
    """A kind that is new stands in no catalog and in no row here, and fails."""
    state = AlertState.RESOLVED if change is Change.RESOLVED else AlertState.OPEN
    for told in TOLD[kind]:
        said = english(told)
        alert = an_alert(
            state, kind=kind, message=said, sentences=told, resolved_by="rule" if state == "resolved" else None
        )
        message = a_message(change, Severity.CRITICAL, alert=alert, device_name="Tomaten")
        text = compose([message], "Europe/Berlin", language=Language.GERMAN)
        read = f"{text.subject}\n{text.body}"
        assert ENGLISH.findall(read) == [], read
        assert "CRITICAL" not in read
        assert all(sentence not in read for sentence in said.split(". "))
        assert not re.search(r"%\(|\d{4}-\d\d|UTC", read), read
        # Nothing is cut off, though German is longer.
        assert "…" not in read.replace("0 … 100", ""), read
        in_english = compose([message], "Europe/Berlin")
        assert set(text.body.splitlines()).isdisjoint(in_english.body.splitlines())


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_every_phrase_is_translated(language: str) -> None:
    catalog = words(language)
    phrases = [phrase for pair in notification_text._WHAT.values() for phrase in pair]
    assert [phrase for phrase in phrases if catalog.gettext(phrase) == phrase] == []
    assert set(notification_text._WHAT) == set(AlertKind)


def test_a_german_reads_numbers_and_times_as_at_home() -> None:
    alert = an_alert(sentences=(sentences.probe_stuck("soil", 1234.5, NOW - 30 * HOUR),))
    text = compose([a_message(alert=alert)], "Europe/Berlin", "https://pflanzen.example.org", Language.GERMAN)

    assert text.subject == "Basil: Wassertank fast leer"
    assert text.body.splitlines() == [
        "„soil“ misst seit 30.06.2026 08:00 genau 1.234,5 %.",
        "Seit 01.07.2026 14:00 (Europe/Berlin).",
        "Füll ihn auf: Bis dahin wird die Pflanze nicht gegossen.",
        "",
        "https://pflanzen.example.org",
    ]


def test_an_english_target_has_its_times_in_its_zone_too() -> None:
    alert = an_alert(sentences=(sentences.channel_silent("soil", NOW - 30 * HOUR),))
    text = compose([a_message(alert=alert)], "Europe/Berlin")
    assert text.body.splitlines()[:2] == [
        "soil has not been heard since 2026-06-30 08:00.",
        "Since 2026-07-01 14:00 (Europe/Berlin).",
    ]


def test_the_end_of_an_alert_in_german() -> None:
    alert = an_alert(AlertState.RESOLVED, resolved_at=NOW + HOUR, resolved_by="greta")
    text = compose([a_message(Change.RESOLVED, alert=alert)], "Europe/Berlin", language=Language.GERMAN)
    assert text.subject == "Basil: vorbei – Wassertank fast leer"
    assert text.body.endswith(
        "Seit 01.07.2026 14:00 (Europe/Berlin), vorbei am 01.07.2026 15:00 (Europe/Berlin), erledigt von greta."
    )


def test_what_changes_says_so_in_german() -> None:
    worse = compose([a_message(Change.WORSENED, Severity.CRITICAL)], "UTC", language=Language.GERMAN)
    again = compose([a_message(Change.REMINDED, Severity.CRITICAL)], "UTC", language=Language.GERMAN)
    assert worse.body.startswith("Es ist kritisch geworden. ")
    assert again.subject == "KRITISCH – Basil: noch immer – Wassertank fast leer"
    assert again.body.startswith("Das war bis jetzt zurückgestellt und ist nicht vorbei. ")


def test_several_alerts_and_a_plant_without_a_name_in_german() -> None:
    names = ["Basil", "Mint", "Sage", "Dill"]
    messages = [a_message(id=place, device_name=name) for place, name in enumerate(names)]
    assert compose(messages, "UTC", language=Language.GERMAN).subject == "4 Warnungen: Basil, Mint, Sage und 1 weitere"
    messages += [a_message(id=9, device_name="\u202e")]
    text = compose(messages, "UTC", language=Language.GERMAN)
    assert text.subject == "5 Warnungen: Basil, Mint, Sage und 2 weitere"
    assert "\nEine Pflanze: Wassertank fast leer\n" in text.body


def test_a_test_message_in_german() -> None:
    text = trial("Handy", language=Language.GERMAN)
    assert (text.subject, text.body) == (
        "Plant Automation: ein Test",
        "So erreichen dich Warnungen deiner Pflanzen. Ziel: Handy.",
    )


@pytest.mark.parametrize(
    "told", [(), (Sentence("of_tomorrow", {}),), (Sentence("channel_silent", {"channel": "soil", "since": "never"}),)]
)
def test_what_cannot_be_put_into_words_is_sent_as_it_was_written_down(told: tuple[Sentence, ...]) -> None:
    """Earlier versions wrote English text alone; no alert may stay untold for its words."""
    alert = an_alert(message="soil has not been heard.", sentences=told, first_seen_at=NOW - timedelta(hours=1))
    body = compose([a_message(alert=alert)], "UTC", language=Language.GERMAN).body
    assert body.startswith("soil has not been heard.\nSeit 01.07.2026 11:00 (UTC).")
