"""What people are told, as a code with values. The words are put in where it is read, in the reader's language.

The English words stand beside the code and are what the API says; the dashboard's catalogs translate them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import wraps
from inspect import signature
from re import findall
from typing import Annotated, Any, ParamSpec

Given = ParamSpec("Given")
Value = str | int | float
_PLAIN = (str, int)
_LARGEST = math.nextafter(math.inf, 0)


class Shape(StrEnum):
    """What a value is, so that each reader gets it as they write such things."""

    WORD = "word"
    NUMBER = "number"
    COUNT = "count"
    PERCENT = "percent"
    CELSIUS = "celsius"
    MILLISECONDS = "milliseconds"
    SECONDS = "seconds"
    MOMENT = "moment"
    DAY = "day"
    TIME_OF_DAY = "time_of_day"
    CHANNEL_KIND = "channel_kind"
    ACK_STATUS = "ack_status"
    NODE_REASON = "node_reason"


@dataclass(frozen=True, slots=True)
class Form:
    """A shape, and how it is written in the API's English."""

    shape: Shape
    english: str = "{}"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence. `values` are as JSON has them: moments are RFC 3339 in UTC."""

    code: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Template:
    """The words of a code, with %(names)s for its values. `one` is for a count of one, where it counts something."""

    words: str
    one: str | None
    counted: str | None
    forms: Mapping[str, Form]
    writers: Mapping[str, Callable[[Any], str]]


_PARSERS: dict[Shape, Callable[[str], Any]] = {
    Shape.MOMENT: datetime.fromisoformat,
    Shape.DAY: date.fromisoformat,
    Shape.TIME_OF_DAY: time.fromisoformat,
}

TEMPLATES: dict[str, Template] = {}
"""All sentences that there are, by code: `sentences.py` fills it."""

Word = Annotated[str, Form(Shape.WORD)]
Id = Annotated[int, Form(Shape.WORD)]
Number = Annotated[float, Form(Shape.NUMBER, "{:g}")]
Count = Annotated[int, Form(Shape.COUNT)]
Percent = Annotated[float, Form(Shape.PERCENT, "{:g} %")]
PercentLimit = Annotated[float, Form(Shape.PERCENT, "{} %")]
Celsius = Annotated[float, Form(Shape.CELSIUS, "{:g} °C")]
CelsiusLimit = Annotated[float, Form(Shape.CELSIUS, "{} °C")]
Milliseconds = Annotated[int, Form(Shape.MILLISECONDS, "{} ms")]
Seconds = Annotated[float, Form(Shape.SECONDS, "{:.0f} s")]
SecondsAlone = Annotated[int, Form(Shape.SECONDS)]
Moment = Annotated[datetime, Form(Shape.MOMENT, "{:%Y-%m-%d %H:%M:%S} UTC")]
MomentWithoutZone = Annotated[datetime, Form(Shape.MOMENT, "{:%Y-%m-%d %H:%M:%S}")]
MomentToMinute = Annotated[datetime, Form(Shape.MOMENT, "{:%Y-%m-%d %H:%M} UTC")]
Clock = Annotated[datetime, Form(Shape.MOMENT, "{:%H:%M:%S} UTC")]
ClockToMinute = Annotated[datetime, Form(Shape.MOMENT, "{:%H:%M} UTC")]
Day = Annotated[date, Form(Shape.DAY, "{:%Y-%m-%d}")]
TimeOfDay = Annotated[time, Form(Shape.TIME_OF_DAY, "{:%H:%M}")]
ChannelKind = Annotated[str, Form(Shape.CHANNEL_KIND)]
NodeReason = Annotated[str, Form(Shape.NODE_REASON)]
Status = Annotated[str, Form(Shape.ACK_STATUS)]


def says(words: str) -> Callable[[Callable[Given, None]], Callable[Given, Sentence]]:
    """Make a function, whose name is the code and whose parameters are the values, give its sentence."""
    return lambda function: _template(function, words, None)


def counts(one: str, many: str) -> Callable[[Callable[Given, None]], Callable[Given, Sentence]]:
    """Make a function give its sentence, which counts something."""
    return lambda function: _template(function, many, one)


def english(sentences: Sequence[Sentence]) -> str:
    """Give the words of the API. Counts are in the plural, as they always were: a replay compares the text."""
    return " ".join(
        (template := TEMPLATES[sentence.code]).words
        % {name: write(sentence.values[name]) for name, write in template.writers.items()}
        for sentence in sentences
    )


def read(shape: Shape, value: Value) -> Any:
    """Give a value as what it is: a moment, a day or a time of day is a text in JSON."""
    parse = _PARSERS.get(shape)
    return value if parse is None else parse(str(value))


def _writer(form: Form) -> Callable[[Any], str]:
    write, parse = form.english.format, _PARSERS.get(form.shape)
    if form.shape is Shape.CHANNEL_KIND:
        return lambda kind: str(kind).replace("_", " ")
    return write if parse is None else lambda value: write(parse(value))


def _template(function: Callable[Given, None], words: str, one: str | None) -> Callable[Given, Sentence]:
    code = function.__name__
    forms = {name: given.annotation.__metadata__[0] for name, given in signature(function).parameters.items()}
    counted = [name for name, form in forms.items() if form.shape is Shape.COUNT]
    if sorted(findall(r"%\((\w+)\)s", words)) != sorted(forms) or (one is not None and len(counted) != 1):
        raise TypeError(f"{code}: its words and its values are not the same")
    if code in TEMPLATES:
        raise TypeError(f"{code}: there is such a sentence")
    TEMPLATES[code] = Template(
        words,
        one,
        counted[0] if one is not None else None,
        forms,
        {name: _writer(form) for name, form in forms.items()},
    )

    @wraps(function)
    def sentence(*args: Given.args, **kwargs: Given.kwargs) -> Sentence:
        function(*args, **kwargs)
        values: dict[str, Any] = dict(zip(forms, args, strict=False)) | kwargs
        return Sentence(code, {name: _plain(value) for name, value in values.items()})

    return sentence


def _plain(value: Any) -> Value:
    if type(value) is float:
        # JSON has no infinity, and one alert that cannot be read again would keep all from being told.
        return min(max(value, -_LARGEST), _LARGEST)
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    plain: Value = value.value if isinstance(value, StrEnum) else value
    return plain
