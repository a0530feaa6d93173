"""A node that knows more commands than this database: it was put back from a backup, and runs since then are unknown.

They count like all runs whose outcome nobody knows: in full. Else the plant that was watered this morning would be
watered by the same cooldown and the same daily cap once more.

What a node has written down was handed out, and that was on the disk first. So a node that names a command which this
database never handed out had it from another one, whatever has become of that number here since.
"""

from datetime import datetime

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertKind, RaiseAlert, Severity
from plant_backend.domain.command import Action, Command, CommandState
from plant_backend.domain.guards import daily_cap_ms
from plant_backend.domain.kinds import ActuatorKind
from plant_backend.domain.ledger import EventType
from plant_backend.domain.model import Actuator, Device, PumpState
from plant_backend.ports import Transaction
from plant_backend.services.announcements import announce
from plant_backend.services.documents import command_document


def is_ahead(tx: Transaction, number: int, after: int) -> bool:
    """Tell whether a node has written down a `seq` that was never handed to it."""
    return after > tx.commands.last_seq(number) or tx.commands.is_unfetched(number, after)


def count_unknown_runs(tx: Transaction, number: int, after: int, now: datetime) -> int:
    """Go on from the node's `seq`, and write down what its pumps may have done. Gives how many commands are unknown."""
    device = tx.devices.by_number(number)
    if device is None or not is_ahead(tx, number, after):
        return 0
    # Marked, they are said once.
    unknown = max(0, after - tx.commands.last_seq(number)) + tx.commands.mark_fetched(number, after, now)
    pumps = {pump.key: pump for pump in device.actuators if pump.kind is ActuatorKind.PUMP}
    for command in tx.commands.live(number):
        if command.state is CommandState.QUEUED and command.seq <= after:
            _cancel(tx, device, command, "The node knows another command by this number.", now)
        elif command.state is CommandState.QUEUED and command.action is Action.ON and command.actuator in pumps:
            # It was let through when nothing was known of those runs.
            _cancel(tx, device, command, "It was asked for before the node told of runs that nobody knew of.", now)
    tx.commands.catch_up_seq(number, after)
    for pump in pumps.values():
        if pump.retired_at is None:
            _count(tx, device, pump, unknown, now)
    return unknown


def _count(tx: Transaction, device: Device, pump: Actuator, unknown: int, now: datetime) -> None:
    profile, _ = tx.automation.profile(device.number)
    cap_ms = daily_cap_ms(profile, PumpState(pump.key, pump.limits))
    longest_ms = cap_ms if pump.limits.max_run_ms is None else pump.limits.max_run_ms
    run_ms = max(1, min(cap_ms, unknown * longest_ms))
    what = sentences.runs_unknown(unknown, pump.key, run_ms)
    change = RaiseAlert.saying(AlertKind.COMMAND_TIMED_OUT, Severity.CRITICAL, what, channel=pump.key)
    _tell(tx, device, tx.commands.add_unknown_run(device, pump, run_ms, change.message, now), now)
    announce(tx, device, tx.alerts.apply(device.number, change, now), now)


def _cancel(tx: Transaction, device: Device, command: Command, why: str, now: datetime) -> None:
    _tell(tx, device, tx.commands.finish(command, CommandState.CANCELLED, why, now), now)


def _tell(tx: Transaction, device: Device, command: Command, now: datetime) -> None:
    tx.events.add(device, EventType.COMMAND, command_document(command), now)
