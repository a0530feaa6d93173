"""A node that knows more commands than this database: it was put back from a backup, and runs since then are unknown.

They count like all runs whose outcome nobody knows: in full. Else the plant that was watered this morning would be
watered by the same cooldown and the same daily cap once more.
"""

from datetime import datetime

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertKind, RaiseAlert, Severity
from plant_backend.domain.command import Action, Command, CommandState, Origin
from plant_backend.domain.guards import daily_cap_ms
from plant_backend.domain.kinds import ActuatorKind
from plant_backend.domain.ledger import EventType
from plant_backend.domain.model import Actuator, Device, PumpState
from plant_backend.ports import Transaction
from plant_backend.services.announcements import announce
from plant_backend.services.documents import command_document


class _NoGuard:
    """Lets a run into the books that is over: only one that is under way keeps it out, which counts in full itself."""

    cap_ms = 2**53
    cooldown_s = 0


def is_ahead(tx: Transaction, number: int, after: int) -> bool:
    """Tell whether a node has written down a `seq` that was never handed to it."""
    return after > tx.commands.last_seq(number) or bool(_never_handed_out(tx, number, after))


def count_unknown_runs(tx: Transaction, number: int, after: int, now: datetime) -> int:
    """Go on from the node's `seq`, and write down what its pumps may have done. Gives how many commands are unknown."""
    device = tx.devices.by_number(number)
    waiting = _never_handed_out(tx, number, after)
    unknown = max(0, after - tx.commands.last_seq(number)) + len(waiting)
    if device is None or unknown == 0:
        return 0
    for command in waiting:
        text = "The node knows another command by this number."
        _tell(tx, device, tx.commands.finish(command, CommandState.CANCELLED, text, now), now)
    tx.commands.catch_up_seq(number, after)
    for pump in device.actuators:
        if pump.kind is ActuatorKind.PUMP and pump.retired_at is None:
            _count(tx, device, pump, unknown, now)
    return unknown


def _never_handed_out(tx: Transaction, number: int, after: int) -> list[Command]:
    return [
        command for command in tx.commands.live(number) if command.state is CommandState.QUEUED and command.seq <= after
    ]


def _count(tx: Transaction, device: Device, pump: Actuator, unknown: int, now: datetime) -> None:
    profile, _ = tx.automation.profile(device.number)
    cap_ms = daily_cap_ms(profile, PumpState(pump.key, pump.limits))
    longest_ms = cap_ms if pump.limits.max_run_ms is None else pump.limits.max_run_ms
    command = tx.commands.claim(
        device,
        pump,
        Action.ON,
        duration_ms=max(1, min(cap_ms, unknown * longest_ms)),
        ttl_ms=0,
        origin=Origin.PERSON,
        is_forced=False,
        requested_by="unknown",
        guard=_NoGuard(),
        now=now,
    )
    if command is None:
        return
    what = sentences.runs_unknown(unknown, pump.key, command.duration_ms or 0)
    change = RaiseAlert.saying(AlertKind.COMMAND_TIMED_OUT, Severity.CRITICAL, what, channel=pump.key)
    _tell(tx, device, tx.commands.finish(command, CommandState.TIMED_OUT, change.message, now), now)
    announce(tx, device, tx.alerts.apply(device.number, change, now), now)


def _tell(tx: Transaction, device: Device, command: Command, now: datetime) -> None:
    tx.events.add(device, EventType.COMMAND, command_document(command), now)
