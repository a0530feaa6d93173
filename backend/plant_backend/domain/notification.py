"""Who is told of alerts, when, and how a target that fails is left in peace. Values in, a plan out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum

from plant_backend.domain.alert import Alert, AlertState, Severity
from plant_backend.domain.language import Language
from plant_backend.domain.quiet import quiet_end

MAX_TARGETS = 20
"""Targets of one account."""

MAX_WAITING = 100
"""Messages that wait for one target; what is over that is given up, the mildest and oldest first."""

MAX_ITEMS = 10
"""Alerts that one message tells of: what comes at once is told at once."""

MAX_REFUSALS = 24
"""How often a service may refuse one message, which is most of a day: then it makes room for the others."""

PACE = timedelta(seconds=30)
"""The pause after a message to a target; what happens in it is gathered into the next."""

FAILURES_TO_PAUSE = 5
"""Failures in a row after which a target is paused, and then tried with a single message."""

_FIRST_RETRY = timedelta(seconds=30)
_FIRST_PAUSE = timedelta(minutes=15)
_LONGEST_PAUSE = timedelta(hours=1)

AGAIN_AFTER = {Severity.WARNING: timedelta(hours=1), Severity.CRITICAL: timedelta(minutes=10)}
"""How long an alert that comes back waits after it was last told: one that flaps rings nobody up each time."""

_LIFETIME_OF_GOOD_NEWS = timedelta(days=1)


class Change(StrEnum):
    """What of an alert is told."""

    OPENED = "opened"
    WORSENED = "worsened"
    RESOLVED = "resolved"
    REMINDED = "reminded"


class MessageState(StrEnum):
    """A message waits until it is sent, or dropped with a reason."""

    WAITING = "waiting"
    SENT = "sent"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class NotificationService:
    """A kind of service by the schemes of its URLs. A generic one sends to whatever address it is given."""

    name: str
    schemes: tuple[str, ...]
    example: str
    is_generic: bool = False


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """How a target fares. Times are real ones."""

    failures: int = 0
    next_try_at: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str | None = None

    @property
    def paused_until(self) -> datetime | None:
        """When a target that failed again and again is tried the next time."""
        return self.next_try_at if self.failures >= FAILURES_TO_PAUSE else None


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """What a person says of a target, besides its URL. `device_ids` None stands for all, of now and later."""

    name: str
    min_severity: Severity = Severity.WARNING
    device_ids: tuple[str, ...] | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None
    time_zone: str = "UTC"
    wants_resolved: bool = True
    is_enabled: bool = True
    language: Language = Language.ENGLISH


@dataclass(frozen=True, slots=True)
class Target:
    """Where a person is told. `address` is the URL without what is secret in it."""

    id: int
    user_id: int
    settings: TargetSettings
    service: str
    address: str
    created_at: datetime
    health: TargetHealth = field(default_factory=TargetHealth)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One change of one alert for one target. The text is made when it is sent, of what is the case then."""

    id: int
    change: Change
    severity: Severity
    created_at: datetime
    not_before: datetime
    expires_at: datetime | None
    refusals: int
    alert: Alert
    device_name: str


@dataclass(frozen=True, slots=True)
class Text:
    """What is sent: a subject of one line and a body."""

    subject: str
    body: str
    severity: Severity
    is_good_news: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for one target now: send these as one message, drop those and say why, look again at `wake_at`."""

    send: tuple[Message, ...] = ()
    drop: tuple[tuple[int, str], ...] = ()
    wake_at: datetime | None = None


def change_of(alert: Alert) -> Change:
    """Tell what happened to an alert that was just opened, made worse or resolved."""
    if alert.state is AlertState.RESOLVED:
        return Change.RESOLVED
    return Change.OPENED if alert.count == 1 else Change.WORSENED


def is_wanted(severity: Severity, at_least: Severity) -> bool:
    """Tell whether an alert is bad enough for a target."""
    return severity is Severity.CRITICAL or at_least is Severity.WARNING


def not_before(change: Change, severity: Severity, last_told_at: datetime | None, now: datetime) -> datetime:
    """Give when a message may go: an alert that was told, went and comes back soon has to wait."""
    if change is not Change.OPENED or last_told_at is None:
        return now
    return max(now, min(last_told_at, now) + AGAIN_AFTER[severity])


def expires_at(change: Change, now: datetime) -> datetime | None:
    """Give when a message is out of date. What is still the case never is, however long nobody could be told."""
    return now + _LIFETIME_OF_GOOD_NEWS if change is Change.RESOLVED else None


def plan(target: Target, messages: Sequence[Message], now: datetime) -> Plan:
    """Decide what a target is told now. Pure: the same values give the same plan.

    Critical alerts pass the quiet hours; warnings, and the end of any alert, wait until they are over. Of an alert that
    is snoozed nothing is told; whoever ends the snooze gives news of it.
    """
    drop: list[tuple[int, str]] = []
    ready: list[Message] = []
    wakes: list[datetime] = []
    settings, quiet = target.settings, _quiet_end(target.settings, now)
    for message in messages:
        reason = _why_not(settings, message, now)
        if reason is not None:
            drop.append((message.id, reason))
            continue
        if message.alert.snoozed_until is not None:
            continue
        # What lies further ahead than we ever wait was written by a clock that has been set back since.
        wait_until = _within(message.not_before, now, max(AGAIN_AFTER.values()))
        if target.health.next_try_at is not None:
            wait_until = max(wait_until, _within(target.health.next_try_at, now, _LONGEST_PAUSE * 2))
        if quiet is not None and not _passes_quiet_hours(message):
            wait_until = max(wait_until, quiet)
        if wait_until <= now:
            ready.append(message)
        else:
            wakes.append(wait_until)
    ready.sort(key=lambda message: (message.severity is not Severity.CRITICAL, message.id))
    most = MAX_ITEMS
    if target.health.failures >= FAILURES_TO_PAUSE:
        # It may be one message that the service refuses: they are tried one by one until it takes one.
        ready.sort(key=lambda message: message.refusals)
        most = 1
    if len(ready) > most:
        wakes.append(now + PACE)
    return Plan(tuple(ready[:most]), tuple(drop), min(wakes, default=None))


def after_success(health: TargetHealth, now: datetime) -> TargetHealth:
    """Give the health of a target that took a message."""
    return TargetHealth(0, now + PACE, now, health.last_failure_at, health.last_failure)


def after_failure(health: TargetHealth, reason: str, chance: float, now: datetime) -> TargetHealth:
    """Give the health of a target that did not. `chance` is in [0, 1): it keeps many from coming back at once."""
    failures = health.failures + 1
    if failures < FAILURES_TO_PAUSE:
        wait = _FIRST_RETRY * 2 ** (failures - 1)
    else:
        # The exponent is bounded: nobody counts how long a forgotten target has been failing.
        wait = min(_FIRST_PAUSE * 2 ** min(failures - FAILURES_TO_PAUSE, 16), _LONGEST_PAUSE)
    return TargetHealth(failures, now + wait * (1 + chance / 4), health.last_success_at, now, reason)


def _why_not(settings: TargetSettings, message: Message, now: datetime) -> str | None:
    if not settings.is_enabled:
        return "The target is switched off."
    if not is_wanted(message.severity, settings.min_severity):
        return "The target is for critical alerts alone by now."
    if settings.device_ids is not None and message.alert.device_id not in settings.device_ids:
        return "The target is for other devices by now."
    if message.expires_at is not None and now >= message.expires_at:
        return "It could not be told in time."
    if message.refusals >= MAX_REFUSALS:
        return f"The service refused it {MAX_REFUSALS} times."
    if message.change is not Change.RESOLVED and message.alert.state is AlertState.RESOLVED:
        return "It was over before it could be told."
    return None


def _within(moment: datetime, now: datetime, most: timedelta) -> datetime:
    return moment if moment <= now + most else now


def _passes_quiet_hours(message: Message) -> bool:
    return message.severity is Severity.CRITICAL and message.change is not Change.RESOLVED


def _quiet_end(settings: TargetSettings, now: datetime) -> datetime | None:
    if settings.quiet_from is None or settings.quiet_until is None:
        return None
    return quiet_end(settings.quiet_from, settings.quiet_until, settings.time_zone, now)
