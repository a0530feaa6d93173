"""What a notification says: which plant, what, why, since when, what to do. Plain text, whatever a name contains."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from plant_backend.domain.alert import AlertKind, Severity
from plant_backend.domain.notification import Change, Message

_NAME_LENGTH = 60
_TEXT_LENGTH = 400

_WHAT: dict[AlertKind, tuple[str, str]] = {
    AlertKind.RESERVOIR_LOW: ("the reservoir is low", "Refill it: until then the plant is not watered."),
    AlertKind.AIR_TEMPERATURE_LOW: ("it is too cold", "Move the plant or warm the place."),
    AlertKind.AIR_TEMPERATURE_HIGH: ("it is too hot", "Move the plant, shade it or let air in."),
    AlertKind.AIR_HUMIDITY_LOW: ("the air is too dry", "Spray the plant or humidify the place."),
    AlertKind.AIR_HUMIDITY_HIGH: ("the air is too humid", "Let air in: mould likes it this way."),
    AlertKind.PROBE_STALE: (
        "a probe is silent",
        "Look at the node's power and Wi-Fi: without fresh readings it is not watered.",
    ),
    AlertKind.PROBE_IMPLAUSIBLE: ("a probe reads what cannot be", "Look at its plug and its cable."),
    AlertKind.PROBE_STUCK: ("a probe does not move", "Look whether it is in the soil; it may be broken."),
    AlertKind.PROBE_DROPPED: ("a probe fell all of a sudden", "Look whether it was pulled out of the soil."),
    AlertKind.PROBES_DISAGREE: ("the probes disagree", "Look at both; until they agree the plant is not watered."),
    AlertKind.WATERING_WITHOUT_EFFECT: (
        "watering has no effect",
        "Look at the hose, the pump and the probe, then resolve the alert: the pump is blocked until you do.",
    ),
    AlertKind.DAILY_CAP_REACHED: (
        "it had its water for the day",
        "If it is still dry, look for a leak before you raise the limit.",
    ),
    AlertKind.COMMAND_TIMED_OUT: ("the pump may have run", "Look at the plant and the node."),
    AlertKind.COMMAND_FAILED: ("the pump did not run", "Look at the node; the reason is its own."),
    AlertKind.RESERVOIR_GONE: (
        "the node no longer names its reservoir",
        "It is not watered. Look at the node; resolve the alert if the sensor was taken away on purpose.",
    ),
    AlertKind.PROBE_GONE: ("the node no longer names a soil probe", "Look at the node and its configuration."),
    AlertKind.CHANNEL_GONE: ("the node no longer names a channel", "Look at the node and its configuration."),
    AlertKind.NOT_WATERING: ("it is not watered", "Mend what it says, and water by hand meanwhile."),
    AlertKind.RULES_FAILED: (
        "the rules failed",
        "It is not watered. Look into the backend's log, and water by hand meanwhile.",
    ),
}

_LEADS = {Change.WORSENED: "It has become critical. ", Change.REMINDED: "It was snoozed until now, and is not over. "}

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


@dataclass(frozen=True, slots=True)
class Text:
    """A subject of one line and a body."""

    subject: str
    body: str
    severity: Severity
    is_good_news: bool = False


def compose(messages: Sequence[Message], time_zone: str, public_url: str = "") -> Text:
    """Write one text about one or more changes. Times are shown in `time_zone`."""
    zone = ZoneInfo(time_zone)
    severity = (
        Severity.CRITICAL
        if any(message.severity is Severity.CRITICAL for message in messages)
        else messages[0].severity
    )
    is_good_news = all(message.change is Change.RESOLVED for message in messages)
    subject = _headline(messages[0])
    body = _paragraph(messages[0], zone)
    if len(messages) > 1:
        subject = f"{len(messages)} alerts: {_joined(messages)}"
        body = "\n\n".join(f"{_headline(message)}\n{_paragraph(message, zone)}" for message in messages)
    if public_url:
        body += f"\n\n{public_url}"
    return Text(subject, body, severity, is_good_news)


def trial(name: str, public_url: str = "") -> Text:
    """Write what a person sees who tries a target."""
    body = f"This is how alerts of your plants reach you. Target: {plain(name, _NAME_LENGTH)}."
    return Text("Plant Automation: a test", body + (f"\n\n{public_url}" if public_url else ""), Severity.WARNING, True)


def plain(text: str, most: int = _TEXT_LENGTH) -> str:
    """Give a text as one line in which no service finds markup, a link, a mention or a control character."""
    one_line = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in text)
    words = (word.strip("_") for word in one_line.translate(_HARMLESS).replace("://", ":/").split())
    short = " ".join(word for word in words if word)
    return short if len(short) <= most else short[: most - 1] + "…"


def _headline(message: Message) -> str:
    what, _ = _what(message.alert.kind)
    name = plain(message.device_name, _NAME_LENGTH) or "A plant"
    if message.change is Change.RESOLVED:
        return f"{name}: over – {what}"
    mark = "CRITICAL – " if message.severity is Severity.CRITICAL else ""
    still = "still – " if message.change is Change.REMINDED else ""
    return f"{mark}{name}: {still}{what}"


def _paragraph(message: Message, zone: ZoneInfo) -> str:
    alert, (_, advice) = message.alert, _what(message.alert.kind)
    why = plain(alert.message)
    since = f"Since {_time(alert.first_seen_at, zone)}"
    if message.change is Change.RESOLVED and alert.resolved_at is not None:
        by = "" if alert.resolved_by in (None, "rule") else f", resolved by {plain(alert.resolved_by or '', 60)}"
        return f"{why}\n{since}, over at {_time(alert.resolved_at, zone)}{by}."
    lead = _LEADS.get(message.change, "")
    return f"{lead}{why}\n{since}.\n{advice}"


def _joined(messages: Sequence[Message]) -> str:
    names = list(dict.fromkeys(plain(message.device_name, _NAME_LENGTH) or "a plant" for message in messages))
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _what(kind: AlertKind) -> tuple[str, str]:
    return _WHAT.get(kind) or (kind.replace("_", " "), "Look at the plant.")


def _time(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
