"""The command queue. What must never happen twice is refused by one statement, not by a look before."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from plant_backend.domain.command import (
    AT_NODE_STATES,
    LIVE_STATES,
    NEVER_RAN_STATES,
    AckStatus,
    Action,
    Command,
    CommandState,
    Origin,
    Outcome,
)
from plant_backend.domain.course import Run
from plant_backend.domain.freshness import CLOCK_TOLERANCE
from plant_backend.domain.guards import CAP_WINDOW
from plant_backend.domain.model import Actuator, Device, PumpState
from plant_backend.ports import PumpGuard
from plant_backend.storage.driver import attempt
from plant_backend.storage.log_marks import CLOCK_MOVED, log_mark, set_mark
from plant_backend.storage.tables import actuators, commands, devices
from plant_backend.storage.times import from_ms, from_ms_or_none, to_ms

OUTCOME_GRACE = timedelta(seconds=60)
"""How long after the latest possible end of a run its outcome may take to arrive."""

_CAP_WINDOW_MS = CAP_WINDOW // timedelta(milliseconds=1)
_LONGEST_WAIT_MS = timedelta(days=31) // timedelta(milliseconds=1)


class SqlCommands:
    """Fulfils `ports.Commands`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def pump_state(self, actuator: Actuator, now: datetime) -> PumpState:
        runs = and_(commands.c.actuator_id.in_(_one_pump(actuator.id)), commands.c.action == Action.ON)
        used_ms = self._connection.execute(
            select(func.coalesce(func.sum(commands.c.counted_ms), 0)).where(
                runs, _ended_after(commands, to_ms(now) - _CAP_WINDOW_MS)
            )
        ).scalar_one()
        last = self._connection.execute(
            select(commands).where(runs).order_by(commands.c.id.desc()).limit(1)
        ).one_or_none()
        counted = self._connection.execute(
            select(commands)
            .where(runs, commands.c.counted_ms > 0)
            .order_by(commands.c.created_at.desc(), commands.c.id.desc())
            .limit(1)
        ).one_or_none()
        is_busy = last is not None and last.state in LIVE_STATES
        came_to_nothing = (
            last is not None and not is_busy and (last.state == CommandState.FAILED or last.counted_ms == 0)
        )
        return PumpState(
            actuator.key,
            actuator.limits,
            started_at=None if counted is None else _latest_start(counted),
            ended_at=None if counted is None else _latest_end(counted),
            failed_at=from_ms_or_none(last.finished_at) if last is not None and came_to_nothing else None,
            used_ms=int(used_ms),
            is_busy=is_busy,
        )

    def recent_of(self, actuator: Actuator, limit: int) -> Sequence[Command]:
        rows = self._connection.execute(
            _select().where(commands.c.actuator_id == actuator.id).order_by(commands.c.id.desc()).limit(limit)
        )
        return [_command(row) for row in rows]

    def runs(self, actuator: Actuator, since: datetime, until: datetime) -> Sequence[tuple[int, Run]]:
        rows = self._connection.execute(
            select(commands)
            .where(
                commands.c.actuator_id.in_(_one_pump(actuator.id)),
                commands.c.action == Action.ON,
                commands.c.counted_ms > 0,
                commands.c.created_at >= to_ms(since),
                commands.c.created_at < to_ms(until),
            )
            .order_by(commands.c.created_at, commands.c.id)
        )
        flow = actuator.limits.flow_ml_per_min
        return [
            (
                row.id,
                Run(
                    _latest_start(row),
                    _latest_end(row),
                    row.counted_ms,
                    None if flow is None else round(row.counted_ms * flow / 60_000),
                    Origin(row.origin),
                ),
            )
            for row in rows
        ]

    def claim(
        self,
        device: Device,
        actuator: Actuator,
        action: Action,
        *,
        duration_ms: int | None,
        ttl_ms: int,
        origin: Origin,
        is_forced: bool,
        requested_by: str | None,
        guard: PumpGuard | None,
        now: datetime,
    ) -> Command | None:
        now_ms = to_ms(now)
        # Locks the row first, so that on every dialect the guard below reads what the last claim left.
        self._connection.execute(
            update(actuators).where(actuators.c.id == actuator.id).values(claims=actuators.c.claims + 1)
        )
        counted_ms = (duration_ms or 0) if guard is not None else 0
        values: dict[str, Any] = {
            "device_number": device.number,
            "actuator_id": actuator.id,
            "seq": select(devices.c.last_seq + 1).where(devices.c.number == device.number).scalar_subquery(),
            "action": action.value,
            "duration_ms": duration_ms,
            "state": CommandState.QUEUED.value,
            "origin": origin.value,
            "is_forced": is_forced,
            "requested_by": requested_by,
            "created_at": now_ms,
            "expires_at": now_ms + ttl_ms,
            "counted_ms": counted_ms,
        }
        row = select(
            *(value if key == "seq" else literal(value, commands.c[key].type) for key, value in values.items())
        )
        if guard is not None:
            row = _guarded(row, actuator.id, counted_ms, guard, now_ms)
        try:
            with attempt(self._connection):
                result = self._connection.execute(
                    insert(commands).from_select(list(values), row), execution_options={"preserve_rowcount": True}
                )
        except IntegrityError:
            return None
        if result.rowcount != 1:
            return None
        self._connection.execute(
            update(devices).where(devices.c.number == device.number).values(last_seq=devices.c.last_seq + 1)
        )
        claimed = self._connection.execute(
            _select().where(commands.c.device_number == device.number).order_by(commands.c.seq.desc()).limit(1)
        ).one()
        return _command(claimed)

    def get(self, device_number: int, command_id: int) -> Command | None:
        row = self._connection.execute(
            _select().where(commands.c.device_number == device_number, commands.c.id == command_id)
        ).one_or_none()
        return None if row is None else _command(row)

    def all(self, device_number: int, before_id: int | None, limit: int) -> Sequence[Command]:
        statement = _select().where(commands.c.device_number == device_number)
        if before_id is not None:
            statement = statement.where(commands.c.id < before_id)
        return [
            _command(row) for row in self._connection.execute(statement.order_by(commands.c.id.desc()).limit(limit))
        ]

    def catch_up_seq(self, device_number: int, seq: int) -> None:
        self._connection.execute(
            update(devices).where(devices.c.number == device_number, devices.c.last_seq < seq).values(last_seq=seq)
        )

    def last_seq(self, device_number: int) -> int:
        statement = select(devices.c.last_seq).where(devices.c.number == device_number)
        return self._connection.execute(statement).scalar_one_or_none() or 0

    def deliverable(self, device_number: int, after: int | None, now: datetime, limit: int) -> Sequence[Command]:
        states = [CommandState.QUEUED] if after is None else [CommandState.QUEUED, CommandState.DELIVERED]
        statement = _select().where(
            commands.c.device_number == device_number, commands.c.state.in_(states), commands.c.expires_at > to_ms(now)
        )
        if after is not None:
            statement = statement.where(commands.c.seq > after, ~_is_overtaken())
        return [_command(row) for row in self._connection.execute(statement.order_by(commands.c.seq).limit(limit))]

    def mark_delivered(self, command_ids: Sequence[int], now: datetime) -> None:
        self._connection.execute(
            update(commands)
            .where(commands.c.id.in_(command_ids), commands.c.state == CommandState.QUEUED)
            .values(state=CommandState.DELIVERED, delivered_at=to_ms(now))
        )

    def record_outcome(
        self, command: Command, outcome: Outcome, ran_ms: int | None, reason: str | None, now: datetime
    ) -> Command:
        values: dict[str, Any] = {"state": outcome.state, "counted_ms": outcome.counted_ms}
        if outcome.state is CommandState.ACCEPTED:
            values["accepted_at"] = to_ms(now)
        else:
            values |= {
                "ran_ms": ran_ms,
                "reason": reason,
                "late_status": outcome.late_status,
                # A late outcome moves no end: the run was over when the command was given up.
                "finished_at": to_ms(command.finished_at or now),
            }
        return self._update(command, values)

    def finish(self, command: Command, state: CommandState, reason: str, now: datetime) -> Command:
        values: dict[str, Any] = {"state": state, "reason": reason, "finished_at": to_ms(now)}
        if state in NEVER_RAN_STATES:
            values["counted_ms"] = 0
        return self._update(command, values)

    def live(self, device_number: int) -> Sequence[Command]:
        rows = self._connection.execute(
            _select()
            .where(commands.c.device_number == device_number, commands.c.state.in_(LIVE_STATES))
            .order_by(commands.c.seq)
        )
        return [_command(row) for row in rows]

    def overdue(self, now: datetime) -> Sequence[tuple[int, Command]]:
        rows = self._connection.execute(
            _select().where(commands.c.state.in_(LIVE_STATES), commands.c.expires_at <= to_ms(now))
        ).all()
        return [
            (row.device_number, _command(row))
            for row in rows
            if row.state not in AT_NODE_STATES or _latest_end(row) + OUTCOME_GRACE <= now
        ]

    def redate_future(self, now: datetime) -> int:
        future = commands.c.created_at > to_ms(now + CLOCK_TOLERANCE)
        ours = (commands.c.created_at, commands.c.expires_at)
        theirs = (commands.c.delivered_at, commands.c.accepted_at, commands.c.finished_at)
        values: dict[str, Any] = {column.name: to_ms(now) for column in ours}
        values |= {column.name: case((column.is_not(None), to_ms(now))) for column in theirs}
        return self._connection.execute(update(commands).where(future).values(**values)).rowcount

    def shift(self, jump_ms: int, now: datetime) -> int:
        said_before_ms = to_ms(now) - jump_ms
        # What is dated later than the clock ever said was dated by another, and a longer wait than this is not allowed.
        is_ours = commands.c.created_at.between(
            said_before_ms - _LONGEST_WAIT_MS, said_before_ms + CLOCK_TOLERANCE // timedelta(milliseconds=1)
        )
        dates = ("created_at", "expires_at", "delivered_at", "accepted_at", "finished_at")
        values = {name: commands.c[name] + jump_ms for name in dates}
        return self._connection.execute(update(commands).where(is_ours).values(**values)).rowcount

    def note_clock_moved(self, jump_ms: int) -> int:
        moved_ms = log_mark(self._connection, CLOCK_MOVED) + jump_ms
        set_mark(self._connection, CLOCK_MOVED, moved_ms)
        return moved_ms

    def has_future(self, now: datetime) -> bool:
        future = exists().where(commands.c.created_at > to_ms(now + CLOCK_TOLERANCE))
        return bool(self._connection.execute(select(future)).scalar_one())

    def _update(self, command: Command, values: dict[str, Any]) -> Command:
        self._connection.execute(update(commands).where(commands.c.id == command.id).values(**values))
        return _command(self._connection.execute(_select().where(commands.c.id == command.id)).one())


def _guarded(row: "Select[Any]", actuator_id: int, duration_ms: int, guard: PumpGuard, now_ms: int) -> "Select[Any]":
    """Let the row through only inside the daily cap and outside the cooldown."""
    runs = commands.alias("runs")
    is_of_pump = and_(runs.c.actuator_id.in_(_one_pump(actuator_id)), runs.c.action == Action.ON)
    counts = and_(is_of_pump, runs.c.counted_ms > 0)
    used_ms = (
        select(func.coalesce(func.sum(runs.c.counted_ms), 0))
        .where(counts, _ended_after(runs, now_ms - _CAP_WINDOW_MS))
        .scalar_subquery()
    )
    # The index that allows one live run knows this name of the pump alone.
    row = row.where(used_ms + duration_ms <= guard.cap_ms, ~exists().where(is_of_pump, runs.c.state.in_(LIVE_STATES)))
    if guard.cooldown_s > 0:
        cooling = exists().where(counts, _started_after(runs, now_ms - guard.cooldown_s * 1000))
        row = row.where(~cooling)
    return row


def _one_pump(actuator_id: int) -> "Select[tuple[int]]":
    """Select the ids under which a pump may have run: its own, and those that the node no longer names.

    A pump that is given another name is still the same pump, with the same plant under it.
    """
    mine = actuators.alias("mine")
    return (
        select(actuators.c.id)
        .join(mine, and_(mine.c.device_number == actuators.c.device_number, mine.c.kind == actuators.c.kind))
        .where(mine.c.id == actuator_id, or_(actuators.c.id == actuator_id, actuators.c.retired_at.is_not(None)))
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


def _ended_after(runs: FromClause, moment_ms: int) -> "ColumnElement[bool]":
    """Select the runs that may have moved water after a moment.

    A command waits up to its ttl before the pump turns, and the clock may step meanwhile: what counts is the later of
    when it was asked for and when its end became known. One that is still open has no end yet.
    """
    return or_(runs.c.finished_at.is_(None), runs.c.finished_at > moment_ms, runs.c.created_at > moment_ms)


def _started_after(runs: FromClause, moment_ms: int) -> "ColumnElement[bool]":
    """Select the runs that may have begun after a moment: by the node's word, or else not later than their end."""
    started_at = func.coalesce(runs.c.accepted_at, runs.c.finished_at)
    return and_(
        _ended_after(runs, moment_ms), or_(started_at.is_(None), started_at > moment_ms, runs.c.created_at > moment_ms)
    )


def _latest_start(row: Row[Any]) -> datetime:
    return from_ms(max(row.created_at, row.accepted_at or row.finished_at or 0))


def _latest_end(row: Row[Any]) -> datetime:
    """Give when the run was over at the latest: when its outcome came, or its life and length from now."""
    if row.finished_at is not None and row.state != CommandState.TIMED_OUT:
        return from_ms(max(row.created_at, row.finished_at))
    return from_ms(max(row.expires_at + (row.duration_ms or 0), row.finished_at or 0))


def _select() -> "Select[Any]":
    return (
        select(commands, devices.c.id.label("device_id"), actuators.c.key.label("actuator"))
        .join(devices, devices.c.number == commands.c.device_number)
        .join(actuators, actuators.c.id == commands.c.actuator_id)
    )


def _command(row: Row[Any]) -> Command:
    return Command(
        row.id,
        row.device_id,
        row.seq,
        row.actuator,
        Action(row.action),
        row.duration_ms,
        CommandState(row.state),
        Origin(row.origin),
        row.is_forced,
        from_ms(row.created_at),
        from_ms(row.expires_at),
        from_ms_or_none(row.delivered_at),
        from_ms_or_none(row.accepted_at),
        from_ms_or_none(row.finished_at),
        row.ran_ms,
        row.counted_ms,
        None if row.late_status is None else AckStatus(row.late_status),
        row.reason,
        row.requested_by,
    )
