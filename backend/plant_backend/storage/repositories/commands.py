"""The command queue. What must never happen twice is refused by one statement, not by a look before."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, case, exists, select, update
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
from plant_backend.storage.log_marks import CLOCK_MOVED, OVER_AT_RESTORE, log_mark, set_mark
from plant_backend.storage.repositories import command_statements as statements
from plant_backend.storage.repositories.command_statements import select_commands
from plant_backend.storage.tables import commands, devices
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
        of_pump = {"of_pump": actuator.id}
        cap_from = to_ms(now) - _CAP_WINDOW_MS
        used_ms = self._connection.execute(statements.USED_MS, {**of_pump, "cap_from": cap_from}).scalar_one()
        last = self._connection.execute(statements.LAST_RUN, of_pump).one_or_none()
        counted = self._connection.execute(statements.LAST_COUNTED, of_pump).one_or_none()
        last_dose = last
        if last is not None and last.origin != Origin.RULE:
            last_dose = self._connection.execute(statements.LAST_DOSE, of_pump).one_or_none()
        return PumpState(
            actuator.key,
            actuator.limits,
            started_at=None if counted is None else _latest_start(counted),
            ended_at=None if counted is None else _latest_end(counted),
            failed_at=from_ms_or_none(last.finished_at) if last is not None and _came_to_nothing(last) else None,
            used_ms=int(used_ms),
            is_busy=last is not None and last.state in LIVE_STATES,
            has_dose_failed=last_dose is not None and _came_to_nothing(last_dose),
        )

    def recent_of(self, actuator: Actuator, limit: int) -> Sequence[Command]:
        rows = self._connection.execute(statements.RECENT_OF_ACTUATOR, {"of_actuator": actuator.id, "at_most": limit})
        return [_command(row) for row in rows]

    def runs(self, actuator: Actuator, since: datetime, until: datetime) -> Sequence[tuple[int, Run]]:
        rows = self._connection.execute(
            statements.RUNS_BETWEEN, {"of_pump": actuator.id, "since": to_ms(since), "until": to_ms(until)}
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
        self._connection.execute(statements.COUNT_CLAIM, {"of_pump": actuator.id})
        counted_ms = (duration_ms or 0) if guard is not None else 0
        new = {
            "device_number": device.number,
            "actuator_id": actuator.id,
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
        given: dict[str, Any] = {"of_device": device.number} | {
            statements.new_value(column): value for column, value in new.items()
        }
        statement = statements.CLAIM
        if guard is not None:
            statement = statements.CLAIM_GUARDED
            given |= {
                "of_pump": actuator.id,
                "cap_from": now_ms - _CAP_WINDOW_MS,
                "more_ms": counted_ms,
                "cap_ms": guard.cap_ms,
            }
            if guard.cooldown_s > 0:
                statement = statements.CLAIM_COOLED
                given["cooling_from"] = now_ms - guard.cooldown_s * 1000
        try:
            with attempt(self._connection):
                result = self._connection.execute(statement, given, execution_options={"preserve_rowcount": True})
        except IntegrityError:
            return None
        if result.rowcount != 1:
            return None
        return self._claimed(device)

    def add_unknown_run(self, device: Device, pump: Actuator, run_ms: int, reason: str, now: datetime) -> Command:
        now_ms = to_ms(now)
        self._connection.execute(statements.COUNT_CLAIM, {"of_pump": pump.id})
        new = {
            "device_number": device.number,
            "actuator_id": pump.id,
            "action": Action.ON.value,
            "duration_ms": run_ms,
            "state": CommandState.TIMED_OUT.value,
            "origin": Origin.PERSON.value,
            "is_forced": False,
            "requested_by": "unknown",
            "created_at": now_ms,
            "expires_at": now_ms,
            "counted_ms": run_ms,
        }
        given = {statements.new_value(column): value for column, value in new.items()}
        self._connection.execute(statements.CLAIM, {"of_device": device.number, **given})
        # Its number is none that the node has yet to fetch.
        told = {"reason": reason, "finished_at": now_ms, "delivered_at": now_ms}
        return self._update(self._claimed(device), told)

    def _claimed(self, device: Device) -> Command:
        of_device = {"of_device": device.number}
        self._connection.execute(statements.COUNT_SEQ, of_device)
        return _command(self._connection.execute(statements.NEWEST, of_device).one())

    def get(self, device_number: int, command_id: int) -> Command | None:
        row = self._connection.execute(statements.BY_ID, {"of_command": command_id}).one_or_none()
        return None if row is None or row.device_number != device_number else _command(row)

    def all(self, device_number: int, before_id: int | None, limit: int) -> Sequence[Command]:
        statement = select_commands().where(commands.c.device_number == device_number)
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
        return self._connection.execute(statements.LAST_SEQ, {"of_device": device_number}).scalar_one_or_none() or 0

    def is_unfetched(self, device_number: int, seq: int) -> bool:
        rows = self._connection.execute(statements.UNFETCHED, {"of_device": device_number, "seq": seq})
        return rows.first() is not None

    def mark_fetched(self, device_number: int, through_seq: int, now: datetime) -> int:
        given = {"of_device": device_number, "through": through_seq}
        over = {"over_through": log_mark(self._connection, OVER_AT_RESTORE)}
        unknown: int = self._connection.execute(statements.COUNT_UNKNOWN, given | over).scalar_one()
        self._connection.execute(statements.MARK_FETCHED, given | {"now": to_ms(now)})
        return unknown

    def deliverable(self, device_number: int, after: int | None, now: datetime, limit: int) -> Sequence[Command]:
        given = {"of_device": device_number, "now": to_ms(now), "at_most": limit}
        if after is None:
            rows = self._connection.execute(statements.FIRST_HANDED_OUT, given)
        else:
            rows = self._connection.execute(statements.HANDED_OUT, {**given, "after": after})
        return [_command(row) for row in rows]

    def mark_delivered(self, command_ids: Sequence[int], now: datetime) -> None:
        self._connection.execute(statements.MARK_DELIVERED, {"commands": command_ids, "now": to_ms(now)})

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

    def has_unknown_outcome(self, pump: Actuator) -> bool:
        given = {"of_pump": pump.id, "of_channel": pump.key}
        return self._connection.execute(statements.UNKNOWN_OUTCOMES, given).first() is not None

    def finish(self, command: Command, state: CommandState, reason: str, now: datetime) -> Command:
        values: dict[str, Any] = {"state": state, "reason": reason, "finished_at": to_ms(now)}
        if state in NEVER_RAN_STATES:
            values["counted_ms"] = 0
        return self._update(command, values)

    def live(self, device_number: int) -> Sequence[Command]:
        return [_command(row) for row in self._connection.execute(statements.LIVE, {"of_device": device_number})]

    def overdue(self, now: datetime) -> Sequence[tuple[int, Command]]:
        rows = self._connection.execute(statements.OVERDUE, {"now": to_ms(now)}).all()
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
        of_command = {"of_command": command.id}
        given = {statements.new_value(column): value for column, value in values.items()}
        self._connection.execute(statements.updating(tuple(values)), of_command | given)
        return _command(self._connection.execute(statements.BY_ID, of_command).one())


def _came_to_nothing(row: Row[Any]) -> bool:
    is_over = row.state not in LIVE_STATES
    return is_over and (row.state == CommandState.FAILED or row.counted_ms == 0)


def _latest_start(row: Row[Any]) -> datetime:
    return from_ms(max(row.created_at, row.accepted_at or row.finished_at or 0))


def _latest_end(row: Row[Any]) -> datetime:
    """Give when the run was over at the latest: when its outcome came, or its life and length from now."""
    if row.finished_at is not None and row.state != CommandState.TIMED_OUT:
        return from_ms(max(row.created_at, row.finished_at))
    return from_ms(max(row.expires_at + (row.duration_ms or 0), row.finished_at or 0))


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
