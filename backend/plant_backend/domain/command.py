"""The life of a command, as pure transitions."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What an actuator is told."""

    ON = "on"
    OFF = "off"


class CommandState(StrEnum):
    """Where a command is in its life."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class AckStatus(StrEnum):
    """What a node says became of a command."""

    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"
    DUPLICATE = "duplicate"


class Origin(StrEnum):
    """Who asked."""

    RULE = "rule"
    PERSON = "person"


LIVE_STATES = frozenset({CommandState.QUEUED, CommandState.DELIVERED, CommandState.ACCEPTED})
AT_NODE_STATES = frozenset({CommandState.DELIVERED, CommandState.ACCEPTED})
NEVER_RAN_STATES = frozenset({CommandState.REJECTED, CommandState.EXPIRED, CommandState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Command:
    """One order to one actuator.

    counted_ms: what it adds to the daily use of a pump: planned until the outcome is known, then what ran.
    late_status: an outcome that came after the backend had given the command up.
    """

    id: int
    device_id: str
    seq: int
    actuator: str
    action: Action
    duration_ms: int | None
    state: CommandState
    origin: Origin
    is_forced: bool
    created_at: datetime
    expires_at: datetime
    delivered_at: datetime | None = None
    accepted_at: datetime | None = None
    finished_at: datetime | None = None
    ran_ms: int | None = None
    counted_ms: int = 0
    late_status: AckStatus | None = None
    reason: str | None = None
    requested_by: str | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """A node's word on one command."""

    id: int
    seq: int
    status: AckStatus
    ran_ms: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an ack changes. With `is_conflict` nothing changes."""

    state: CommandState
    counted_ms: int
    late_status: AckStatus | None = None
    is_change: bool = False
    is_conflict: bool = False


_FINAL = {
    AckStatus.SUCCEEDED: CommandState.SUCCEEDED,
    AckStatus.FAILED: CommandState.FAILED,
    AckStatus.REJECTED: CommandState.REJECTED,
    AckStatus.EXPIRED: CommandState.EXPIRED,
    AckStatus.INTERRUPTED: CommandState.INTERRUPTED,
}


def counted_after(planned_ms: int, status: AckStatus, ran_ms: int | None) -> int:
    """Say how much run time an outcome counts for. What is unknown counts in full."""
    if status in (AckStatus.REJECTED, AckStatus.EXPIRED):
        return 0
    if status is AckStatus.SUCCEEDED and ran_ms == 0:
        # A run that went as asked took time: a node that says otherwise must not run for nothing.
        return planned_ms
    return planned_ms if ran_ms is None else ran_ms


def apply_ack(command: Command, ack: Ack) -> Outcome:
    """Say what an ack makes of a command.

    A known outcome said again, and an `accepted` that was overtaken, change nothing; a different outcome is a
    conflict. After the backend gave a command up, the outcome is kept beside that state as a late one.
    """
    unchanged = Outcome(command.state, command.counted_ms, command.late_status)
    conflict = Outcome(command.state, command.counted_ms, command.late_status, is_conflict=True)
    planned_ms = command.duration_ms or 0
    if command.state in LIVE_STATES:
        if ack.status is AckStatus.ACCEPTED:
            return Outcome(
                CommandState.ACCEPTED, command.counted_ms, is_change=command.state is not CommandState.ACCEPTED
            )
        if ack.status is AckStatus.DUPLICATE:
            # The node knows the command and has lost its outcome: it may have run.
            return Outcome(CommandState.TIMED_OUT, planned_ms, is_change=True)
        return Outcome(_FINAL[ack.status], counted_after(planned_ms, ack.status, ack.ran_ms), is_change=True)
    if ack.status in (AckStatus.ACCEPTED, AckStatus.DUPLICATE):
        return unchanged
    if command.state in (CommandState.TIMED_OUT, CommandState.EXPIRED, CommandState.CANCELLED):
        if command.state is _FINAL[ack.status] or command.late_status is ack.status:
            return unchanged
        if command.late_status is not None:
            return conflict
        counted = counted_after(planned_ms, ack.status, ack.ran_ms)
        return Outcome(command.state, counted, ack.status, is_change=True)
    return unchanged if command.state is _FINAL[ack.status] else conflict
