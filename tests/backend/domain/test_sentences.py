"""What the domain says: each text is made of sentences with values, and can be made of them again."""

import ast
import math
from datetime import datetime
from pathlib import Path

import plant_backend.domain
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertKind, RaiseAlert, Severity
from plant_backend.domain.model import DoseEffect, PlantSnapshot
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.rules import decide
from plant_backend.domain.sentence import TEMPLATES, Shape, Word, counts, english, says
from plant_backend.storage.json_codec import decode_sentences, dump

from tests.backend.domain.test_replay import near, plants
from tests.builders import HOUR, NOW, a_plant, a_pump

BACKEND = Path(plant_backend.domain.__file__).parents[1]


@settings(max_examples=300)
@given(plants, near)
@example(a_plant(), NOW)
@example(a_plant(effect=DoseEffect(1, 12.5, is_blocked=True)), NOW)
@example(a_plant(pump=a_pump(used_ms=58_000), is_thirsty=True), NOW)
def test_each_text_is_what_its_sentences_say_also_when_they_were_written_down(
    plant: PlantSnapshot, now: datetime
) -> None:
    decision = decide(plant, now)
    told = [(reason.text, reason.sentences) for reason in decision.reasons]
    told += [(change.message, change.sentences) for change in decision.alerts if isinstance(change, RaiseAlert)]
    for text, said in told:
        assert said
        kept = decode_sentences(dump(said))
        assert kept == said
        assert english(kept) == text


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e308, 12.5])
def test_whatever_number_a_sentence_has_it_can_be_read_again(value: float) -> None:
    """A row that cannot be read takes all notifications with it."""
    what = sentences.value_impossible("soil", value, "%", 0.0, 100.0)
    assert decode_sentences(dump((what,))) == (what,)
    assert english((what,)).startswith("soil reads ")


def test_nothing_is_told_but_in_sentences() -> None:
    """A text of its own would be English for everybody."""
    found = [
        f"{path.relative_to(BACKEND)}:{node.lineno}"
        for path in BACKEND.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Reason", "RaiseAlert")
    ]
    assert found == []


def test_every_sentence_is_told_somewhere() -> None:
    told = {
        node.attr
        for path in BACKEND.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sentences"
    }
    assert set(TEMPLATES) - told == set()


def test_the_names_of_values_say_their_units() -> None:
    ends = {
        Shape.PERCENT: "_percent",
        Shape.CELSIUS: "_c",
        Shape.MILLISECONDS: "_ms",
        Shape.SECONDS: "_s",
    }
    for code, template in TEMPLATES.items():
        for name, form in template.forms.items():
            assert name.endswith(ends.get(form.shape, "")), f"{code}: {name}"


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - a zone follows
def test_values_are_those_of_json(at: datetime) -> None:
    moment = at.replace(tzinfo=NOW.tzinfo)
    said = sentences.soaking(soaked_at=moment)
    assert (said.code, said.values) == ("soaking", {"soaked_at": moment.isoformat().replace("+00:00", "Z")})
    assert english((said,)) == f"The last dose soaks in until {moment:%H:%M:%S} UTC."


def test_a_reason_is_the_sum_of_its_sentences() -> None:
    said = sentences.channel_gone("soil", "soil_moisture"), sentences.resolve_if_right()
    alert = RaiseAlert.saying(AlertKind.PROBE_GONE, Severity.WARNING, *said, channel="soil")
    assert alert.message == (
        "The node no longer names soil (soil moisture). "
        "If that is right, resolve this; else look at the node's firmware and its configuration."
    )
    reason = Reason.saying(ReasonCode.SOAKING, sentences.soaking(NOW), until=NOW + HOUR)
    assert reason == Reason(ReasonCode.SOAKING, english(reason.sentences), NOW + HOUR, reason.sentences)


def test_words_and_values_that_differ_are_found_at_once() -> None:
    def odd(pump: Word) -> None: ...

    def pump_busy(pump: Word) -> None: ...

    with pytest.raises(TypeError, match="odd: its words"):
        says("It is %(other)s.")(odd)
    with pytest.raises(TypeError, match="odd: its words"):
        counts("One %(pump)s.", "Many %(pump)s.")(odd)
    with pytest.raises(TypeError, match="pump_busy: there is such"):
        says("It is %(pump)s.")(pump_busy)
    with pytest.raises(TypeError, match="required positional"):
        sentences.pump_busy()
