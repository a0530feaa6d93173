"""The course of things for one device over a span of time: runs of its pump, refusals, alerts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from plant_backend.domain.alert import AlertKind, Severity
from plant_backend.domain.command import Origin
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the pump. `at` is when it began at the latest, `ended_at` when it was over at the latest.

    duration_ms: what counts of it. volume_ml: by the pump's flow; None where that is unknown. reason: of the rules.
    """

    at: datetime
    ended_at: datetime
    duration_ms: int
    volume_ml: int | None
    origin: Origin
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """How often and how long the rules refused for one reason. text, sentences: as it was last put."""

    code: ReasonCode
    text: str
    spells: int
    lasted_s: int
    first_at: datetime
    last_until: datetime
    sentences: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """One alert. closed_at: None while it is open."""

    kind: AlertKind
    channel: str
    severity: Severity
    message: str
    opened_at: datetime
    closed_at: datetime | None
    sentences: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """What happened, or would have."""

    doses: tuple[Run, ...]
    refusals: tuple[Refusal, ...]
    alerts: tuple[AlertSpan, ...]


def refusals_of(
    changes: Iterable[tuple[datetime, Reason | None]], since: datetime, until: datetime
) -> tuple[Refusal, ...]:
    """Add up by reason, the longest first. `changes` says from when on which refusal stood (None: none), in order."""
    found: dict[ReasonCode, Refusal] = {}
    standing: Reason | None = None
    begun = since
    for at, reason in [*changes, (until, None)]:
        if standing is not None and at > since:
            _count(found, standing, max(begun, since), min(at, until))
        standing, begun = reason, at
    return tuple(sorted(found.values(), key=lambda refusal: (-refusal.lasted_s, refusal.code)))


def _count(found: dict[ReasonCode, Refusal], reason: Reason, since: datetime, until: datetime) -> None:
    before = found.get(reason.code)
    lasted_s = round((until - since).total_seconds())
    if before is None:
        found[reason.code] = Refusal(reason.code, reason.text, 1, lasted_s, since, until, reason.sentences)
        return
    # The same reason that goes on is one spell, however often it was written down.
    spells = before.spells + (0 if since <= before.last_until else 1)
    found[reason.code] = Refusal(
        reason.code,
        reason.text,
        spells,
        before.lasted_s + lasted_s,
        before.first_at,
        max(until, before.last_until),
        reason.sentences,
    )
