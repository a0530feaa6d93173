"""What a notification says: which plant, what, why, since when, what to do. Plain text, whatever a name contains."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import structlog
from babel.dates import format_date, format_time

from plant_backend.domain.alert import Alert, AlertKind, Severity
from plant_backend.domain.language import Language
from plant_backend.domain.notification import Change, Message, Text
from plant_backend.wording.formats import Formats
from plant_backend.wording.language import locale, mark, words
from plant_backend.wording.sentences import wording

log = structlog.get_logger(__name__)

_NAME_LENGTH = 60
_TEXT_LENGTH = 500

_WHAT: dict[AlertKind, tuple[str, str]] = {
    AlertKind.RESERVOIR_LOW: (mark("the reservoir is low"), mark("Refill it: until then the plant is not watered.")),
    AlertKind.AIR_TEMPERATURE_LOW: (mark("it is too cold"), mark("Move the plant or warm the place.")),
    AlertKind.AIR_TEMPERATURE_HIGH: (mark("it is too hot"), mark("Move the plant, shade it or let air in.")),
    AlertKind.AIR_HUMIDITY_LOW: (mark("the air is too dry"), mark("Spray the plant or humidify the place.")),
    AlertKind.AIR_HUMIDITY_HIGH: (mark("the air is too humid"), mark("Let air in: mould likes it this way.")),
    AlertKind.PROBE_STALE: (
        mark("a probe is silent"),
        mark("Look at the node's power and Wi-Fi: without fresh readings it is not watered."),
    ),
    AlertKind.PROBE_IMPLAUSIBLE: (mark("a probe reads what cannot be"), mark("Look at its plug and its cable.")),
    AlertKind.PROBE_STUCK: (mark("a probe does not move"), mark("Look whether it is in the soil; it may be broken.")),
    AlertKind.PROBE_DROPPED: (
        mark("a probe fell all of a sudden"),
        mark("Look whether it was pulled out of the soil."),
    ),
    AlertKind.PROBES_DISAGREE: (
        mark("the probes disagree"),
        mark("Look at both; until they agree the plant is not watered."),
    ),
    AlertKind.WATERING_WITHOUT_EFFECT: (
        mark("watering has no effect"),
        mark("Look at the hose, the pump and the probe, then resolve the alert: the pump is blocked until you do."),
    ),
    AlertKind.DAILY_CAP_REACHED: (
        mark("it had its water for the day"),
        mark("If it is still dry, look for a leak before you raise the limit."),
    ),
    AlertKind.COMMAND_TIMED_OUT: (mark("the pump may have run"), mark("Look at the plant and the node.")),
    AlertKind.COMMAND_FAILED: (mark("the pump did not run"), mark("Look at the node; the reason is its own.")),
    AlertKind.RESERVOIR_GONE: (
        mark("the node no longer names its reservoir"),
        mark("It is not watered. Look at the node; resolve the alert if the sensor was taken away on purpose."),
    ),
    AlertKind.PROBE_GONE: (
        mark("the node no longer names a soil probe"),
        mark("Look at the node and its configuration."),
    ),
    AlertKind.CHANNEL_GONE: (
        mark("the node no longer names a channel"),
        mark("Look at the node and its configuration."),
    ),
    AlertKind.NOT_WATERING: (mark("it is not watered"), mark("Mend what it says, and water by hand meanwhile.")),
    AlertKind.RULES_FAILED: (
        mark("the rules failed"),
        mark("It is not watered. Look into the backend's log, and water by hand meanwhile."),
    ),
}

_LEADS = {
    Change.WORSENED: mark("It has become critical."),
    Change.REMINDED: mark("It was snoozed until now, and is not over."),
}

# What chat services read as markup, links or calls to everybody, by what looks alike and means nothing.
_HARMLESS = str.maketrans(
    {
        "<": "‹",  # noqa: RUF001
        ">": "›",  # noqa: RUF001
        "[": "(",
        "]": ")",
        "`": "'",
        "*": "∗",  # noqa: RUF001 - the likeness is the point
        "~": "∼",  # noqa: RUF001
        "|": "¦",
        "\\": "∖",  # noqa: RUF001
        "@": "＠",  # noqa: RUF001
        "#": "＃",  # noqa: RUF001
    }
)


class _Dated(Formats):
    """Nobody knows when a message is read: each moment in it has its date."""

    def moment(self, at: datetime | None) -> str:
        if at is None:
            return super().moment(at)
        local = at.astimezone(self.zone)
        if self.locale.language == "en":
            return f"{local:%Y-%m-%d %H:%M}"
        return f"{format_date(local, 'medium', locale=self.locale)} {format_time(local, 'short', locale=self.locale)}"


class _Writer:
    """Writes in one language, with times of one zone."""

    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self._language = language
        try:
            self._words = words(language)
        except OSError:
            # A checkout whose catalogs are still to be made. Better told in English than not at all.
            log.exception("catalog_missing", language=language.value)
            self._language, self._words = Language.ENGLISH, words(Language.ENGLISH)
        self._formats = _Dated(locale(self._language), zone, datetime.now(UTC))

    def say(self, text: str, /, **values: object) -> str:
        translated = self._words.gettext(text)
        return translated % values if values else translated

    def say_many(self, one: str, many: str, count: int, **values: object) -> str:
        return self._words.ngettext(one, many, count) % {"count": self._formats.number(count, 0), **values}

    def several(self, messages: Sequence[Message]) -> str:
        """Say that there are several alerts, and of which plants."""
        names = list(dict.fromkeys(self._name(message, mark("a plant")) for message in messages))
        shown, more = ", ".join(names[:3]), len(names) - 3
        if more > 0:
            shown = self.say_many("%(names)s and %(count)s more", "%(names)s and %(count)s more", more, names=shown)
        return self.say_many("%(count)s alert: %(names)s", "%(count)s alerts: %(names)s", len(messages), names=shown)

    def headline(self, message: Message) -> str:
        what, name = self._what(message.alert.kind)[0], self._name(message, mark("A plant"))
        if message.change is Change.RESOLVED:
            return self.say("%(name)s: over – %(what)s", name=name, what=what)
        line = f"{name}: {what}"
        if message.change is Change.REMINDED:
            line = self.say("%(name)s: still – %(what)s", name=name, what=what)
        return self.say("CRITICAL – %(headline)s", headline=line) if message.severity is Severity.CRITICAL else line

    def paragraph(self, message: Message) -> str:
        alert, (_, advice) = message.alert, self._what(message.alert.kind)
        why, since = self._why(alert), self._time(alert.first_seen_at)
        if message.change is not Change.RESOLVED or alert.resolved_at is None:
            lead = self.say(_LEADS[message.change]) + " " if message.change in _LEADS else ""
            when = self.say("Since %(since)s.", since=since)
            return f"{lead}{why}\n{when}\n{advice}"
        over = self._time(alert.resolved_at)
        if alert.resolved_by in (None, "rule"):
            when = self.say("Since %(since)s, over at %(over)s.", since=since, over=over)
        else:
            by = plain(alert.resolved_by or "", 60)
            when = self.say("Since %(since)s, over at %(over)s, resolved by %(name)s.", since=since, over=over, name=by)
        return f"{why}\n{when}"

    def _why(self, alert: Alert) -> str:
        """Give what an alert says; in the English that was written down, where that is all there is."""
        try:
            said = wording(self._language, self.say, self._formats, alert.sentences)
        except Exception:
            # Better told in the wrong words than tried again for ever.
            log.exception("alert_not_worded", alert=alert.id)
            said = None
        return plain(said or alert.message)

    def _what(self, kind: AlertKind) -> tuple[str, str]:
        what, advice = _WHAT[kind]
        return self.say(what), self.say(advice)

    def _name(self, message: Message, otherwise: str) -> str:
        return plain(message.device_name, _NAME_LENGTH) or self.say(otherwise)

    def _time(self, at: datetime) -> str:
        return f"{self._formats.moment(at)} ({self._formats.zone.key})"


def compose(
    messages: Sequence[Message], time_zone: str, public_url: str = "", language: Language = Language.ENGLISH
) -> Text:
    """Write one text about one or more changes. Times are shown in `time_zone`."""
    writer = _Writer(language, ZoneInfo(time_zone))
    severity = (
        Severity.CRITICAL
        if any(message.severity is Severity.CRITICAL for message in messages)
        else messages[0].severity
    )
    is_good_news = all(message.change is Change.RESOLVED for message in messages)
    subject = writer.headline(messages[0])
    body = writer.paragraph(messages[0])
    if len(messages) > 1:
        subject = writer.several(messages)
        body = "\n\n".join(f"{writer.headline(message)}\n{writer.paragraph(message)}" for message in messages)
    if public_url:
        body += f"\n\n{public_url}"
    return Text(subject, body, severity, is_good_news)


def trial(name: str, public_url: str = "", language: Language = Language.ENGLISH) -> Text:
    """Write what a person sees who tries a target."""
    say = _Writer(language, ZoneInfo("UTC")).say
    body = say("This is how alerts of your plants reach you. Target: %(name)s.", name=plain(name, _NAME_LENGTH))
    subject = say("Plant Automation: a test")
    return Text(subject, body + (f"\n\n{public_url}" if public_url else ""), Severity.WARNING, True)


def plain(text: str, most: int = _TEXT_LENGTH) -> str:
    """Give a text as one line in which no service finds markup, a link, a mention or a control character."""
    one_line = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in text)
    words = (word.strip("_") for word in one_line.translate(_HARMLESS).replace("://", ":/").split())
    short = " ".join(word for word in words if word)
    return short if len(short) <= most else short[: most - 1] + "…"
