"""The lamp: from its light schedule, its commands and the time to an order, and why. Level-triggered.

Each `on` carries how long, so that the light ends by itself where no `off` arrives. An order is given only where the
lamp is not believed to be as it should be, and after a failure only when a growing pause is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plant_backend.domain import sentences
from plant_backend.domain.command import (
    LIVE_STATES,
    NEVER_RAN_STATES,
    Action,
    Command,
    CommandState,
    Origin,
)
from plant_backend.domain.model import LampCatchUp, LampMode, LampState, Mode, Profile
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.schedule import Span, light_spans

RECALLED = 16
"""How many of a lamp's last commands the rules look at."""

CLOCK_IS_SET_AFTER = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this rule was written no clock is right: one that says so was never set."""

LATE_AFTER = timedelta(minutes=10)
"""How late a period of light may begin and still count as begun."""

_ON_MAX = timedelta(hours=24)
_ON_MIN = timedelta(seconds=5)
_ENDS_BY_ITSELF = timedelta(seconds=10)
_WORKED_FOR = timedelta(minutes=15)
_PAUSE, _PAUSE_MAX = timedelta(minutes=1), timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class LampOrder:
    """One switch of one lamp. An `on` has its own end."""

    actuator: str
    action: Action
    duration_ms: int | None = None


LampDecision = tuple[LampOrder | None, Reason | None, datetime | None]
"""The order, the reason, and when to look again."""

_NOTHING: LampDecision = (None, None, None)


def lamp_decision(profile: Profile, lamp: LampState | None, now: datetime) -> LampDecision:
    """Say what the lamp should be told now, if anything, and why."""
    if lamp is None or profile.mode is Mode.OFF or profile.lamp_mode is LampMode.OFF:
        return _NOTHING
    if now < CLOCK_IS_SET_AFTER:
        return None, Reason.saying(ReasonCode.CLOCK_WRONG, sentences.clock_not_set(now.date())), None
    spans = light_spans(profile, now)
    span = next((span for span in spans if span.begin <= now < span.end), None)
    changes = [moment for each in spans for moment in (each.begin, each.end)]
    since = max((moment for moment in changes if moment <= now), default=None)
    switch_at = min((moment for moment in changes if moment > now), default=None)
    if lamp.by_hand_at is not None and (since is None or lamp.by_hand_at >= since):
        what = sentences.lamp_by_hand() if switch_at is None else sentences.lamp_by_hand_until(switch_at)
        return None, Reason.saying(ReasonCode.LAMP_BY_HAND, what, until=switch_at), switch_at
    if span is None:
        what = sentences.no_light_today() if switch_at is None else sentences.no_light_until(switch_at)
        return _off(lamp, Reason.saying(ReasonCode.LAMP_OFF, what, until=switch_at), switch_at, now)
    if _is_missed(profile, lamp, span, now):
        what = sentences.light_left_out(span.begin, span.end)
        return _off(lamp, Reason.saying(ReasonCode.LAMP_SKIPPED, what, until=span.end), span.end, now)
    return _on(lamp, span, now)


def lamp_state(key: str, commands: Sequence[Command], now: datetime) -> LampState:
    """Work out how a lamp is from its last commands, newest first."""
    told = [command for command in commands if command.state is not CommandState.CANCELLED]
    is_on, until = _belief(told, now)
    is_busy = any(command.state in LIVE_STATES and _is_awaited(command, is_on=is_on) for command in told)
    failed: list[Command] = []
    for command in told:
        if command.origin is not Origin.RULE or command.state in LIVE_STATES or _worked(command):
            break
        failed.append(command)
    asked = next((found for found in told if found.action is Action.ON and found.origin is Origin.RULE), None)
    return LampState(
        key,
        is_on=is_on,
        until=until,
        is_busy=is_busy,
        asked_at=asked.created_at if asked else None,
        by_hand_at=told[0].created_at if told and _is_by_hand(told[0]) else None,
        failures=len(failed),
        failed_at=max((command.finished_at or command.created_at for command in failed), default=None),
    )


def _is_missed(profile: Profile, lamp: LampState, span: Span, now: datetime) -> bool:
    if profile.lamp_catch_up is LampCatchUp.RUN_LATE or now < span.begin + LATE_AFTER:
        return False
    if span.end - span.begin > _ON_MAX:
        # Light for days on end has no beginning to be missed.
        return False
    return lamp.asked_at is None or lamp.asked_at < span.begin


def _on(lamp: LampState, span: Span, now: datetime) -> LampDecision:
    reason = Reason.saying(ReasonCode.LAMP_ON, sentences.lamp_light(span.begin, span.end), until=span.end)
    if lamp.is_busy:
        return None, reason, span.end
    if lamp.is_on or span.end - now < _ON_MIN:
        return None, reason, min(span.end, lamp.until or span.end)
    duration = min(span.end - now, _ON_MAX)
    order = LampOrder(lamp.key, Action.ON, duration // timedelta(milliseconds=1))
    return _unless_failing(lamp, order, reason, span.end, now)


def _off(lamp: LampState, reason: Reason, switch_at: datetime | None, now: datetime) -> LampDecision:
    if not lamp.is_on:
        return None, reason, switch_at
    if lamp.until is not None and lamp.until - now <= _ENDS_BY_ITSELF:
        return None, reason, switch_at
    if lamp.is_busy:
        return None, reason, switch_at
    return _unless_failing(lamp, LampOrder(lamp.key, Action.OFF), reason, switch_at, now)


def _unless_failing(
    lamp: LampState, order: LampOrder, reason: Reason, switch_at: datetime | None, now: datetime
) -> LampDecision:
    if lamp.failures > 0 and lamp.failed_at is not None:
        retry_at = lamp.failed_at + min(_PAUSE * 2 ** min(lamp.failures - 1, 10), _PAUSE_MAX)
        if now < retry_at:
            stays = sentences.lamp_stays_off if order.action is Action.ON else sentences.lamp_stays_on
            why = Reason.saying(ReasonCode.LAMP_BACKING_OFF, stays(lamp.failures, retry_at), until=retry_at)
            return None, why, min(retry_at, switch_at or retry_at)
    return order, reason, switch_at


def _belief(told: Sequence[Command], now: datetime) -> tuple[bool, datetime | None]:
    """Tell whether the lamp burns, and until when: by the newest order that reached it, or may have."""
    for command in told:
        if command.action is Action.OFF and command.state is CommandState.SUCCEEDED:
            return False, None
        if command.action is Action.ON:
            began_at = command.accepted_at or command.delivered_at or command.created_at
            until = None if command.duration_ms is None else began_at + timedelta(milliseconds=command.duration_ms)
            if command.state in (CommandState.DELIVERED, CommandState.ACCEPTED, CommandState.TIMED_OUT):
                return until is None or now < until, until
            if command.state is CommandState.SUCCEEDED:
                return command.duration_ms is None, None
            if command.state in (CommandState.INTERRUPTED, CommandState.FAILED):
                return False, None
    return False, None


def _is_awaited(command: Command, *, is_on: bool) -> bool:
    """Tell whether a live command leaves nothing to be ordered: it has not begun, or its end has not been told."""
    return command.action is Action.OFF or command.state is CommandState.QUEUED or not is_on


def _is_by_hand(command: Command) -> bool:
    came_to_nothing = command.state is CommandState.FAILED or command.state in NEVER_RAN_STATES
    return command.origin is Origin.PERSON and not came_to_nothing


def _worked(command: Command) -> bool:
    """Tell whether an order did what it should, or at least for long enough to try the same again at once."""
    if command.action is Action.OFF or command.duration_ms is None:
        return command.state is CommandState.SUCCEEDED
    enough_ms = min(command.duration_ms * 0.9, _WORKED_FOR / timedelta(milliseconds=1))
    return (command.ran_ms or 0) >= enough_ms
