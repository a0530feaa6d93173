"""What the domain tells, put into words in the person's language."""

from collections.abc import Callable, Sequence
from typing import Any

from babel.dates import format_date, format_time

from plant_backend.domain import sentences as known
from plant_backend.domain.sentence import Sentence, Shape, Template, read
from plant_backend.wording import names
from plant_backend.wording.formats import Formats
from plant_backend.wording.language import Say, words

_DIGITS = 2
"""Decimals: one more than a page shows of a value, so that 34.96 % does not read as if it were the limit of 35 %."""

_UNIT = " %(unit)s"


def wording(language: str, say: Say, formats: Formats, told: Sequence[Sentence]) -> str | None:
    """Give sentences in a language; None where there are none, or one is of a version that we are not."""
    found = [(one, template_of(one)) for one in told]
    writers = _writers(say, formats)
    texts = [_said(language, writers, one, template) for one, template in found if template is not None]
    return " ".join(texts) if texts and len(texts) == len(found) else None


def template_of(sentence: Sentence) -> Template | None:
    """Give the words of a sentence, where we know it and it has all its values."""
    template = known.TEMPLATES.get(sentence.code)
    return template if template is not None and template.forms.keys() <= sentence.values.keys() else None


def _said(language: str, writers: dict[Shape, Callable[[Any], str]], sentence: Sentence, template: Template) -> str:
    catalog = words(language)
    if template.one is not None and template.counted is not None:
        text = catalog.ngettext(template.one, template.words, int(sentence.values[template.counted]))
    else:
        text = catalog.gettext(template.words)
    values = {
        name: writers[form.shape](read(form.shape, sentence.values[name])) for name, form in template.forms.items()
    }
    return text.replace(_UNIT, "\N{NO-BREAK SPACE}" + _UNIT.lstrip()) % values


def _writers(say: Say, formats: Formats) -> dict[Shape, Callable[[Any], str]]:
    return {
        Shape.WORD: str,
        Shape.NUMBER: lambda value: formats.number(value, _DIGITS),
        Shape.COUNT: lambda value: formats.number(value, 0),
        Shape.PERCENT: lambda value: formats.quantity(value, "%", _DIGITS),
        Shape.CELSIUS: lambda value: formats.quantity(value, "°C", _DIGITS),
        Shape.MILLISECONDS: formats.ms,
        Shape.SECONDS: formats.span,
        Shape.MOMENT: formats.moment,
        Shape.DAY: lambda day: format_date(day, "medium", locale=formats.locale),
        Shape.TIME_OF_DAY: lambda at: format_time(at, "short", locale=formats.locale),
        # In mid-sentence an English noun is small.
        Shape.CHANNEL_KIND: lambda kind: (
            kind.replace("_", " ") if formats.locale.language == "en" else _name(say, names.CHANNEL_KINDS, kind)
        ),
        Shape.ACK_STATUS: lambda status: _name(say, names.ACK_STATUSES, status),
        Shape.NODE_REASON: lambda reason: _name(say, names.NODE_REASONS, reason),
    }


def _name(say: Say, found: dict[str, str], name: str) -> str:
    return say(found[name]) if name in found else name
