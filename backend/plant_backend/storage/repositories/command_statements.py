"""The statements of the command queue. They are built once: building one costs several times what running it does."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Insert,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from plant_backend.domain.alert import AlertKind, AlertState
from plant_backend.domain.command import LIVE_STATES, AckStatus, Action, CommandState, Origin
from plant_backend.storage.tables import actuators, alerts, commands, devices

NEW = (
    "device_number",
    "actuator_id",
    "seq",
    "action",
    "duration_ms",
    "state",
    "origin",
    "is_forced",
    "requested_by",
    "created_at",
    "expires_at",
    "counted_ms",
)
"""What a command begins with."""

_MOMENT = commands.c.created_at.type
_OF_PUMP = bindparam("of_pump", type_=actuators.c.id.type)
_CAP_FROM = bindparam("cap_from", type_=_MOMENT)


def select_commands() -> "Select[Any]":
    """Select commands with the ids of their devices and the keys of their actuators."""
    return (
        select(commands, devices.c.id.label("device_id"), actuators.c.key.label("actuator"))
        .join(devices, devices.c.number == commands.c.device_number)
        .join(actuators, actuators.c.id == commands.c.actuator_id)
    )


def new_value(column: str) -> str:
    """Name the parameter that a column's value goes into: the column's own name is reserved."""
    return f"new_{column}"


@cache
def updating(columns: Sequence[str]) -> Update:
    """Set these columns of the command `of_command`."""
    values: dict[str, Any] = {column: bindparam(new_value(column)) for column in columns}
    return update(commands).where(commands.c.id == bindparam("of_command")).values(values)


def _one_pump() -> "Select[tuple[int]]":
    """Select the ids under which a pump may have run: its own, and those that the node no longer names.

    A pump that is given another name is still the same pump, with the same plant under it.
    """
    mine = actuators.alias("mine")
    return (
        select(actuators.c.id)
        .join(mine, and_(mine.c.device_number == actuators.c.device_number, mine.c.kind == actuators.c.kind))
        .where(mine.c.id == _OF_PUMP, or_(actuators.c.id == _OF_PUMP, actuators.c.retired_at.is_not(None)))
    )


def _is_overtaken() -> "ColumnElement[bool]":
    """Tell of an `on` that was handed out before a later `off`: handed out again it would start a run to end it."""
    later = commands.alias("later")
    return and_(
        commands.c.action == Action.ON,
        exists().where(
            later.c.actuator_id == commands.c.actuator_id, later.c.action == Action.OFF, later.c.seq > commands.c.seq
        ),
    )


def _ended_after(runs: FromClause, moment_ms: "BindParameter[int]") -> "ColumnElement[bool]":
    """Select the runs that may have moved water after a moment.

    A command waits up to its ttl before the pump turns, and the clock may step meanwhile: what counts is the later of
    when it was asked for and when its end became known. One that is still open has no end yet.
    """
    return or_(runs.c.finished_at.is_(None), runs.c.finished_at > moment_ms, runs.c.created_at > moment_ms)


def _started_after(runs: FromClause, moment_ms: "BindParameter[int]") -> "ColumnElement[bool]":
    """Select the runs that may have begun after a moment: by the node's word, or else not later than their end."""
    started_at = func.coalesce(runs.c.accepted_at, runs.c.finished_at)
    return and_(
        _ended_after(runs, moment_ms), or_(started_at.is_(None), started_at > moment_ms, runs.c.created_at > moment_ms)
    )


def _claiming(*, is_guarded: bool, is_cooling: bool) -> Insert:
    """Let a command through. Guarded, only inside the daily cap; cooling, also only outside the cooldown."""
    given = {column: bindparam(new_value(column), type_=commands.c[column].type) for column in NEW if column != "seq"}
    seq = select(devices.c.last_seq + 1).where(devices.c.number == bindparam("of_device")).scalar_subquery()
    row = select(*(seq if column == "seq" else given[column] for column in NEW))
    if is_guarded:
        runs = commands.alias("runs")
        is_of_pump = and_(runs.c.actuator_id.in_(_one_pump()), runs.c.action == Action.ON)
        counts = and_(is_of_pump, runs.c.counted_ms > 0)
        used_ms = (
            select(func.coalesce(func.sum(runs.c.counted_ms), 0))
            .where(counts, _ended_after(runs, _CAP_FROM))
            .scalar_subquery()
        )
        # The index that allows one live run knows this name of the pump alone.
        row = row.where(
            used_ms + bindparam("more_ms") <= bindparam("cap_ms"),
            ~exists().where(is_of_pump, runs.c.state.in_(LIVE_STATES)),
        )
        if is_cooling:
            row = row.where(~exists().where(counts, _started_after(runs, bindparam("cooling_from", type_=_MOMENT))))
    return insert(commands).from_select(list(NEW), row)


_OF_DEVICE = commands.c.device_number == bindparam("of_device")
_RUNS = and_(commands.c.actuator_id.in_(_one_pump()), commands.c.action == Action.ON)
_IS_LIVE = commands.c.state.in_(LIVE_STATES)

USED_MS = select(func.coalesce(func.sum(commands.c.counted_ms), 0)).where(_RUNS, _ended_after(commands, _CAP_FROM))
LAST_RUN = select(commands).where(_RUNS).order_by(commands.c.id.desc()).limit(1)
LAST_DOSE = LAST_RUN.where(commands.c.origin == Origin.RULE)
LAST_COUNTED = (
    select(commands)
    .where(_RUNS, commands.c.counted_ms > 0)
    .order_by(commands.c.created_at.desc(), commands.c.id.desc())
    .limit(1)
)
_LATER = commands.alias("later")
_TOLD_SINCE = (
    select(alerts.c.first_seen_at)
    .where(
        alerts.c.device_number == commands.c.device_number,
        alerts.c.kind == AlertKind.COMMAND_TIMED_OUT,
        alerts.c.channel == bindparam("of_channel"),
        alerts.c.state == AlertState.OPEN,
    )
    .scalar_subquery()
)
UNKNOWN_OUTCOMES = (
    select(commands.c.id)
    .where(
        commands.c.actuator_id == _OF_PUMP,
        commands.c.action == Action.ON,
        commands.c.state == CommandState.TIMED_OUT,
        commands.c.finished_at >= _TOLD_SINCE,
        or_(
            commands.c.late_status.is_(None),
            commands.c.late_status == AckStatus.DUPLICATE,
            and_(commands.c.late_status == AckStatus.INTERRUPTED, commands.c.ran_ms.is_(None)),
        ),
        ~exists().where(
            _LATER.c.actuator_id == _OF_PUMP,
            _LATER.c.action == Action.ON,
            _LATER.c.state == CommandState.SUCCEEDED,
            _LATER.c.id > commands.c.id,
        ),
    )
    .limit(1)
)
RUNS_BETWEEN = (
    select(commands)
    .where(
        _RUNS,
        commands.c.counted_ms > 0,
        commands.c.created_at >= bindparam("since"),
        commands.c.created_at < bindparam("until"),
    )
    .order_by(commands.c.created_at, commands.c.id)
)
RECENT_OF_ACTUATOR = (
    select_commands()
    .where(commands.c.actuator_id == bindparam("of_actuator"))
    .order_by(commands.c.id.desc())
    .limit(bindparam("at_most"))
)

COUNT_CLAIM = update(actuators).where(actuators.c.id == _OF_PUMP).values(claims=actuators.c.claims + 1)
"""Locks the row, so that on every dialect the guards read what the last claim left."""
CLAIM = _claiming(is_guarded=False, is_cooling=False)
CLAIM_GUARDED = _claiming(is_guarded=True, is_cooling=False)
CLAIM_COOLED = _claiming(is_guarded=True, is_cooling=True)
COUNT_SEQ = update(devices).where(devices.c.number == bindparam("of_device")).values(last_seq=devices.c.last_seq + 1)
NEWEST = select_commands().where(_OF_DEVICE).order_by(commands.c.seq.desc()).limit(1)

BY_ID = select_commands().where(commands.c.id == bindparam("of_command"))
LIVE = select_commands().where(_OF_DEVICE, _IS_LIVE).order_by(commands.c.seq)
OVERDUE = select_commands().where(_IS_LIVE, commands.c.expires_at <= bindparam("now"))
_IS_UNFETCHED = and_(_OF_DEVICE, commands.c.delivered_at.is_(None))
UNFETCHED = select(commands.c.id).where(_IS_UNFETCHED, commands.c.seq == bindparam("seq"))
_FETCHED = commands.alias("fetched")
_LAST_FETCHED = (
    select(func.coalesce(func.max(_FETCHED.c.seq), 0))
    .where(
        _FETCHED.c.device_number == bindparam("of_device"),
        _FETCHED.c.delivered_at.is_not(None),
        _FETCHED.c.seq <= bindparam("through"),
    )
    .scalar_subquery()
)
_IS_PASSED_OVER = and_(_IS_UNFETCHED, commands.c.seq <= bindparam("through"), commands.c.seq > _LAST_FETCHED)
COUNT_UNKNOWN = select(func.count()).where(_IS_PASSED_OVER, commands.c.id > bindparam("over_through"))
MARK_FETCHED = update(commands).where(_IS_PASSED_OVER).values(delivered_at=bindparam("now"))
LAST_SEQ = select(devices.c.last_seq).where(devices.c.number == bindparam("of_device"))

_WAITING = (
    select_commands()
    .where(_OF_DEVICE, commands.c.expires_at > bindparam("now"))
    .order_by(commands.c.seq)
    .limit(bindparam("at_most"))
)
FIRST_HANDED_OUT = _WAITING.where(commands.c.state == CommandState.QUEUED)
"""For a node that does not say what it knows."""
HANDED_OUT = _WAITING.where(
    commands.c.state.in_([CommandState.QUEUED, CommandState.DELIVERED]),
    commands.c.seq > bindparam("after"),
    ~_is_overtaken(),
)
MARK_DELIVERED = (
    update(commands)
    .where(commands.c.id.in_(bindparam("commands", expanding=True)), commands.c.state == CommandState.QUEUED)
    .values(state=CommandState.DELIVERED, delivered_at=bindparam("now"))
)
