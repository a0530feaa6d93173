"""What the rules tell, in the person's language: every sentence that there is, with every value."""

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from plant_backend.domain import sentences
from plant_backend.domain.command import AckStatus
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.sentence import TEMPLATES, Sentence, Shape
from plant_backend.wording import names
from plant_backend.wording.formats import Formats
from plant_backend.wording.language import LANGUAGES, locale, words
from plant_backend.wording.sentences import wording

from tests.builders import HOUR, NOW

SAMPLES: dict[Shape, tuple[Any, dict[str, str]]] = {
    Shape.WORD: ("soil", {"en": "soil", "de": "soil"}),
    Shape.NUMBER: (1234.5, {"en": "1,234.5", "de": "1.234,5"}),
    Shape.COUNT: (3, {"en": "3", "de": "3"}),
    Shape.PERCENT: (34.96, {"en": "34.96\xa0%", "de": "34,96\xa0%"}),
    Shape.CELSIUS: (4.5, {"en": "4.5\xa0°C", "de": "4,5\xa0°C"}),
    Shape.MILLISECONDS: (5_500, {"en": "5.5\xa0s", "de": "5,5\xa0s"}),
    Shape.SECONDS: (900, {"en": "15\xa0min", "de": "15\xa0min"}),
    Shape.MOMENT: ("2026-07-01T11:30:00Z", {"en": "13:30", "de": "13:30"}),
    Shape.DAY: ("1970-01-02", {"en": "2 Jan 1970", "de": "02.01.1970"}),
    Shape.TIME_OF_DAY: ("22:00:00", {"en": "22:00", "de": "22:00"}),
    Shape.CHANNEL_KIND: ("soil_moisture", {"en": "soil moisture", "de": "Bodenfeuchte"}),
    Shape.ACK_STATUS: ("rejected", {"en": "rejected", "de": "abgelehnt"}),
    Shape.NODE_REASON: ("max_day", {"en": "the run time of the day", "de": "die Laufzeit des Tages"}),
}


def said(language: str, *told: Sentence) -> str | None:
    """Give sentences as somebody in Berlin reads them at NOW."""

    def say(text: str, /, **values: object) -> str:
        return words(language).gettext(text) % values if values else words(language).gettext(text)

    return wording(language, say, Formats(locale(language), ZoneInfo("Europe/Berlin"), NOW), told)


def an_example(code: str, count: int = 3) -> Sentence:
    """Give a sentence with all its values."""
    forms = TEMPLATES[code].forms
    return Sentence(
        code, {name: count if form.shape is Shape.COUNT else SAMPLES[form.shape][0] for name, form in forms.items()}
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", TEMPLATES)
def test_every_sentence_is_said_in_every_language_with_all_that_it_tells(code: str, language: str) -> None:
    """A code that is new has no words in the catalogs, and fails here."""
    template, text = TEMPLATES[code], said(language, an_example(code))
    assert text
    assert not re.search(r"%\(|%s", text)
    for name, form in template.forms.items():
        assert SAMPLES[form.shape][1][language] in text, name
    if language != "en":
        assert text != said("en", an_example(code))
        if template.one is not None:
            one = said(language, an_example(code, 1))
            assert one
            assert one not in (said("en", an_example(code, 1)), text.replace("3", "1"))


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_no_sentence_falls_back_to_english(language: str) -> None:
    catalog = words(language)
    for template in TEMPLATES.values():
        if template.one is None:
            assert catalog.gettext(template.words) != template.words
        else:
            for count, text in ((1, template.one), (2, template.words)):
                assert catalog.ngettext(template.one, template.words, count) != text


def test_every_shape_is_written() -> None:
    assert set(SAMPLES) == set(Shape)


def test_every_name_in_a_sentence_has_a_word() -> None:
    assert set(names.CHANNEL_KINDS) == {*SensorKind, *ActuatorKind}
    assert set(names.ACK_STATUSES) == {AckStatus.FAILED, AckStatus.REJECTED, AckStatus.EXPIRED}
    unknown = said("de", sentences.run_failed("pump", 7, "later", "of_its_own"))
    assert unknown == "Der Knoten hat „pump“ nicht laufen lassen (Befehl 7): later, of_its_own."


def test_a_german_reads_german() -> None:
    assert said("de", sentences.moist(41.5, 35)) == "Die Erde hat 41,5\xa0%; unter 35\xa0% ist eine Gabe fällig."
    assert said("de", sentences.soaking(NOW + timedelta(minutes=5))) == "Die letzte Gabe sickert noch ein, bis 14:05."
    assert said("de", sentences.soaking(NOW + 30 * HOUR)) == "Die letzte Gabe sickert noch ein, bis 2. Juli, 20:00."
    one, many = (said("de", sentences.lamp_stays_off(count, NOW)) for count in (1, 2))
    assert one == "Die Lampe sollte an sein, und der letzte Befehl blieb ohne Erfolg; der nächste folgt: 14:00."
    assert many == "Die Lampe sollte an sein, und die letzten 2 Befehle blieben ohne Erfolg; der nächste folgt: 14:00."
    assert (
        said("de", sentences.channel_gone("pump", ActuatorKind.PUMP)) == "Der Knoten nennt „pump“ nicht mehr (Pumpe)."
    )


def test_what_a_newer_version_says_is_left_to_its_text() -> None:
    known = sentences.no_pump()
    assert said("de") is None
    assert said("de", Sentence("of_tomorrow", {})) is None
    assert said("de", known, Sentence("moist", {"moisture_percent": 3})) is None
    assert said("de", Sentence("no_pump", {"more": 1})) == "Dieses Gerät hat keine Pumpe."


def test_an_english_reader_has_the_same_words_as_the_api_and_other_numbers() -> None:
    told = sentences.dry_without_water(NOW - 5 * HOUR), sentences.reservoir_low(8.25, 10)
    reason = Reason.saying(ReasonCode.RESERVOIR_LOW, *told)
    assert reason.text == (
        "The soil is dry, and there has been no water since 2026-07-01 07:00 UTC, because: "
        "The reservoir is at 8.25 %, the minimum is 10 %."
    )
    assert said("en", *reason.sentences) == (
        "The soil is dry, and there has been no water since 09:00, because: "
        "The reservoir is at 8.25\xa0%, the minimum is 10\xa0%."
    )
