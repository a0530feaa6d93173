"""When people are told: often enough, never too often, and never of what is over."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from plant_backend.domain.alert import Alert, AlertKind, AlertState, Severity
from plant_backend.domain.notification import (
    FAILURES_TO_PAUSE,
    MAX_ITEMS,
    MAX_REFUSALS,
    PACE,
    Change,
    Message,
    Target,
    TargetHealth,
    TargetSettings,
    after_failure,
    after_success,
    change_of,
    expires_at,
    is_wanted,
    not_before,
    plan,
)

from tests.builders import DAY, HOUR, MINUTE, NOW

NIGHT = datetime(2026, 7, 1, 23, 0, tzinfo=UTC)
QUIET = {"quiet_from": time(22), "quiet_until": time(7)}


def an_alert(state: AlertState = AlertState.OPEN, severity: Severity = Severity.WARNING, **fields: Any) -> Alert:
    values: dict[str, Any] = {
        "id": 1,
        "device_id": "d",
        "kind": AlertKind.RESERVOIR_LOW,
        "channel": "tank",
        "severity": severity,
        "state": state,
        "message": "The reservoir is at 5 %.",
        "count": 1,
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        "acknowledged_at": None,
        "resolved_at": NOW if state is AlertState.RESOLVED else None,
        "resolved_by": "rule" if state is AlertState.RESOLVED else None,
    }
    return Alert(**(values | fields))


def a_message(change: Change = Change.OPENED, severity: Severity = Severity.WARNING, **fields: Any) -> Message:
    state = AlertState.RESOLVED if change is Change.RESOLVED else AlertState.OPEN
    values: dict[str, Any] = {
        "id": 1,
        "change": change,
        "severity": severity,
        "created_at": NOW,
        "not_before": NOW,
        "expires_at": expires_at(change, NOW),
        "refusals": 0,
        "alert": an_alert(state, severity),
        "device_name": "Basil",
    }
    return Message(**(values | fields))


def a_target(health: TargetHealth = TargetHealth(), **settings: Any) -> Target:  # noqa: B008 - frozen
    return Target(1, 1, TargetSettings("Phone", **settings), "ntfy", "ntfys://…", NOW, health)


CHANGES = st.sampled_from(Change)
SEVERITIES = st.sampled_from(Severity)
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
HEALTHS = st.builds(
    TargetHealth,
    st.integers(0, 40),
    st.none() | st.timedeltas(-DAY, 30 * DAY).map(lambda ahead: NOW + ahead),
)
MESSAGES = st.lists(
    st.builds(
        a_message,
        CHANGES,
        SEVERITIES,
        id=st.integers(1, 10**6),
        refusals=st.integers(0, MAX_REFUSALS + 1),
        not_before=st.timedeltas(-DAY, 30 * DAY).map(lambda ahead: NOW + ahead),
        alert=st.builds(an_alert, st.sampled_from(AlertState), SEVERITIES),
    ),
    max_size=30,
    unique_by=lambda message: message.id,
)
TARGETS = st.builds(
    a_target,
    HEALTHS,
    is_enabled=st.booleans(),
    quiet_from=st.sampled_from([time(22), time(0)]),
    quiet_until=st.sampled_from([time(7), time(13)]),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland"]),
)


@given(TARGETS, MESSAGES, TIMES)
def test_nothing_is_forgotten_each_message_is_sent_dropped_or_waited_for(
    target: Target, messages: list[Message], now: datetime
) -> None:
    planned = plan(target, messages, now)
    dropped = {message_id for message_id, _ in planned.drop}
    sent = {message.id for message in planned.send}

    assert not dropped & sent
    assert dropped | sent <= {message.id for message in messages}
    if len(dropped) + len(sent) < len(messages):
        assert planned.wake_at is not None
        # A night is the longest that anybody waits.
        assert now < planned.wake_at <= now + timedelta(hours=24)
    assert all(reason for _, reason in planned.drop)


@given(TARGETS, MESSAGES, TIMES)
def test_what_is_over_is_never_told_as_if_it_lasted(target: Target, messages: list[Message], now: datetime) -> None:
    for message in plan(target, messages, now).send:
        assert message.change is Change.RESOLVED or message.alert.state is AlertState.OPEN
        assert target.settings.is_enabled


@given(TARGETS, MESSAGES, TIMES)
def test_what_a_person_does_not_want_any_more_is_not_sent(
    target: Target, messages: list[Message], now: datetime
) -> None:
    for settings in (
        replace(target.settings, is_enabled=False),
        replace(target.settings, device_ids=("other",)),
        replace(target.settings, device_ids=()),
    ):
        planned = plan(replace(target, settings=settings), messages, now)
        assert (planned.send, len(planned.drop)) == ((), len(messages))
    critical = replace(target, settings=replace(target.settings, min_severity=Severity.CRITICAL))
    assert all(message.severity is Severity.CRITICAL for message in plan(critical, messages, now).send)


@given(TARGETS, MESSAGES, TIMES)
def test_in_quiet_hours_only_critical_alerts_pass(target: Target, messages: list[Message], now: datetime) -> None:
    local = now.astimezone(ZoneInfo(target.settings.time_zone)).time()
    begin, end = target.settings.quiet_from, target.settings.quiet_until
    assert begin is not None
    assert end is not None
    is_quiet = begin <= local < end if begin <= end else (local >= begin or local < end)
    for message in plan(target, messages, now).send:
        assert not is_quiet or (message.severity is Severity.CRITICAL and message.change is not Change.RESOLVED)


@given(MESSAGES, TIMES)
def test_a_message_tells_of_the_critical_first_and_of_a_few_at_most(messages: list[Message], now: datetime) -> None:
    sent = plan(a_target(), messages, now).send

    assert len(sent) <= MAX_ITEMS
    ranks = [message.severity is not Severity.CRITICAL for message in sent]
    assert ranks == sorted(ranks)


@given(TARGETS, MESSAGES, TIMES)
def test_of_what_is_snoozed_nothing_is_told_and_nothing_is_lost(
    target: Target, messages: list[Message], now: datetime
) -> None:
    later = [replace(one, alert=replace(one.alert, snoozed_until=now + HOUR)) for one in messages]
    planned = plan(target, later, now)
    assert planned.send == ()
    assert planned.drop == plan(target, messages, now).drop


def test_a_warning_of_the_night_comes_in_the_morning_and_a_critical_alert_at_once() -> None:
    warning, critical = a_message(id=1), a_message(severity=Severity.CRITICAL, id=2)
    target = a_target(**QUIET, time_zone="UTC")

    planned = plan(target, [warning, critical], NIGHT)
    assert planned.send == (critical,)
    assert planned.wake_at == datetime(2026, 7, 2, 7, tzinfo=UTC)
    assert plan(target, [warning], datetime(2026, 7, 2, 7, tzinfo=UTC)).send == (warning,)


def test_the_end_of_a_critical_alert_lets_people_sleep() -> None:
    planned = plan(a_target(**QUIET), [a_message(Change.RESOLVED, Severity.CRITICAL)], NIGHT)
    assert planned.send == ()
    assert planned.drop == ()


def test_the_end_of_an_alert_is_no_news_after_a_day_and_an_alert_that_lasts_is_for_ever() -> None:
    assert plan(a_target(), [a_message(Change.RESOLVED)], NOW + DAY).send == ()
    assert plan(a_target(), [a_message()], NOW + 300 * DAY).send == (a_message(),)


def test_a_message_that_a_service_keeps_refusing_makes_room() -> None:
    planned = plan(a_target(), [a_message(refusals=MAX_REFUSALS, id=1), a_message(id=2)], NOW)
    assert [message.id for message in planned.send] == [2]
    assert planned.drop[0][0] == 1


def test_one_message_that_is_refused_does_not_keep_the_others_from_being_tried() -> None:
    paused = TargetHealth(FAILURES_TO_PAUSE, NOW)
    messages = [a_message(severity=Severity.CRITICAL, id=1, refusals=5), a_message(id=2), a_message(id=3)]
    assert [message.id for message in plan(a_target(paused), messages, NOW).send] == [2]


def test_after_a_message_the_next_ones_are_gathered() -> None:
    target = a_target(after_success(TargetHealth(), NOW))
    assert plan(target, [a_message(id=1), a_message(id=2)], NOW + PACE / 2).send == ()
    assert len(plan(target, [a_message(id=1), a_message(id=2)], NOW + PACE).send) == 2


@given(st.floats(0, 1, exclude_max=True), TIMES)
def test_a_target_that_fails_is_left_in_peace_for_longer_and_longer(chance: float, now: datetime) -> None:
    health, waits = TargetHealth(), []
    for _ in range(40):
        health = after_failure(health, "no", chance, now)
        assert health.next_try_at is not None
        waits.append(health.next_try_at - now)

    assert waits == sorted(waits)
    assert waits[0] >= timedelta(seconds=30)
    assert waits[FAILURES_TO_PAUSE - 1] >= 15 * MINUTE
    assert waits[-1] <= 1.25 * HOUR


def test_after_five_failures_in_a_row_a_target_is_paused_and_then_tried_with_one_message() -> None:
    health = TargetHealth()
    for failures in range(1, FAILURES_TO_PAUSE + 1):
        assert health.paused_until is None
        health = after_failure(health, "no", 0, NOW)
        assert health.failures == failures
    assert health.paused_until == NOW + 15 * MINUTE

    messages = [a_message(id=number) for number in range(1, 5)]
    assert plan(a_target(health), messages, NOW + 14 * MINUTE).send == ()
    assert len(plan(a_target(health), messages, NOW + 15 * MINUTE).send) == 1
    healed = after_success(health, NOW)
    assert (healed.failures, healed.paused_until, healed.last_failure) == (0, None, "no")


@given(st.timedeltas(DAY, 3650 * DAY), st.integers(0, 40))
def test_a_clock_that_was_ahead_silences_nobody_for_years(ahead: timedelta, failures: int) -> None:
    health = TargetHealth(failures, NOW + ahead)
    message = a_message(severity=Severity.CRITICAL, not_before=NOW + ahead)
    assert plan(a_target(health), [message], NOW).send == (message,)


@given(SEVERITIES, st.timedeltas(timedelta(0), DAY))
def test_an_alert_that_flaps_is_not_told_each_time(severity: Severity, since: timedelta) -> None:
    """Olen/homeassistant-plant #352: alerts flap."""
    pause = HOUR if severity is Severity.WARNING else 10 * MINUTE
    assert not_before(Change.OPENED, severity, NOW - since, NOW) == max(NOW, NOW - since + pause)
    assert not_before(Change.OPENED, severity, None, NOW) == NOW
    assert not_before(Change.WORSENED, severity, NOW - since, NOW) == NOW
    assert not_before(Change.OPENED, severity, NOW + 100 * DAY, NOW) <= NOW + pause


def test_what_happened_is_read_from_the_alert() -> None:
    assert change_of(an_alert()) is Change.OPENED
    assert change_of(an_alert(severity=Severity.CRITICAL, count=7)) is Change.WORSENED
    assert change_of(an_alert(AlertState.RESOLVED)) is Change.RESOLVED


def test_who_wants_critical_alerts_gets_no_warnings() -> None:
    assert is_wanted(Severity.WARNING, Severity.WARNING)
    assert is_wanted(Severity.CRITICAL, Severity.WARNING)
    assert is_wanted(Severity.CRITICAL, Severity.CRITICAL)
    assert not is_wanted(Severity.WARNING, Severity.CRITICAL)
