"""Commands: asking for one, handing it to the node, and learning what came of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from plant_backend.domain import sentences
from plant_backend.domain.account import Principal
from plant_backend.domain.alert import AlertKind, RaiseAlert, Severity
from plant_backend.domain.command import (
    AT_NODE_STATES,
    Ack,
    AckStatus,
    Action,
    Command,
    CommandState,
    Origin,
    apply_ack,
)
from plant_backend.domain.errors import InvalidInput, Unavailable, WateringRefused
from plant_backend.domain.guards import block_refusal, daily_cap_ms, reservoir_refusal, run_refusal
from plant_backend.domain.kinds import ActuatorKind
from plant_backend.domain.lamp import RECALLED, LampOrder, lamp_state
from plant_backend.domain.ledger import EventType
from plant_backend.domain.model import Actuator, Device, Profile, PumpState
from plant_backend.domain.reason import Reason
from plant_backend.ports import Bus, Clock, Storage, Transaction
from plant_backend.services.announcements import announce, clear
from plant_backend.services.clock_watch import ClockWatch
from plant_backend.services.directory import DeviceEntry
from plant_backend.services.documents import command_document
from plant_backend.services.plants import listen, snapshot
from plant_backend.services.unknown_runs import count_unknown_runs, is_ahead

log = structlog.get_logger(__name__)

MAX_DELIVERED = 8
MAX_WAIT_S = 25.0
MAX_DURATION_MS = 24 * 3600 * 1000
_TOO_LATE = "No outcome came in time: it may have run, and is counted as if it had."


@dataclass(frozen=True, slots=True)
class RunGuard:
    """What the guarded statement checks inside the transaction."""

    cap_ms: int
    cooldown_s: int


@dataclass(frozen=True, slots=True)
class AckResult:
    """What became of one ack. `state` is None for a command that the device does not have."""

    id: int
    state: CommandState | None
    is_conflict: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """Commands for a node, with what is left of their life in ms, `held_ms` after it asked for them."""

    commands: Sequence[tuple[Command, int]] = ()
    held_ms: int = 0


class _Poll:
    """One waiting poll of a device."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.is_told = False
        self.is_over = False

    def tell(self) -> None:
        self.is_told = True
        self.news.set()

    def end(self) -> None:
        self.is_over = True
        self.news.set()


class CommandService:
    """The command queue as people, rules and nodes use it."""

    def __init__(self, storage: Storage, bus: Bus, clock: Clock, watch: ClockWatch, ttl_ms: int) -> None:
        self._storage = storage
        self._bus = bus
        self._clock = clock
        self._watch = watch
        self._ttl_ms = ttl_ms
        self._polls: dict[int, _Poll] = {}
        bus.subscribe("commands", self._wake)
        bus.subscribe("signed_in", self._end_poll)
        bus.subscribe("gap", self._wake_all)

    async def request(
        self,
        who: Principal,
        device_id: str,
        actuator_key: str,
        action: Action,
        duration_ms: int | None,
        *,
        is_forced: bool = False,
    ) -> Command:
        """Queue a command for a person. Raises NotFound, InvalidInput, WateringRefused, Unavailable.

        `is_forced` skips the cooldown, and nothing else. `off` always passes.
        """
        # What was acknowledged to a node elsewhere counts: its tank may be empty by now.
        await self._storage.catch_up_if_shared()
        found = await self._storage.read(lambda tx: tx.devices.get(who, device_id))
        mark = await self._watch.settle()
        heard = listen(self._storage, found)
        now = self._clock.now()

        def work(tx: Transaction) -> Command:
            device = tx.devices.get(who, device_id)
            actuator = next((known for known in device.actuators if known.key == actuator_key), None)
            if actuator is None:
                raise InvalidInput([("actuator", f"this device has no actuator {actuator_key[:64]!r}")])
            if actuator.retired_at is not None and action is not Action.OFF:
                raise InvalidInput([("actuator", f"the node no longer has {actuator.key}")])
            _check_duration(actuator, action, duration_ms)
            guard: RunGuard | None = None
            if action is Action.OFF:
                cancel_queued(tx, device, actuator, f"{who.username} asked for off.", now)
            elif actuator.kind is ActuatorKind.PUMP:
                plant = snapshot(tx, device, actuator, heard, now, with_shadow=False)
                pump = plant.pump or PumpState(actuator.key, actuator.limits)
                refusal = (
                    block_refusal(plant)
                    or reservoir_refusal(plant, now)
                    or run_refusal(plant.profile, pump, duration_ms or 0, now, is_forced=is_forced)
                )
                if refusal is not None:
                    raise _refused(refusal)
                if not self._watch.is_settled(mark):
                    raise Unavailable("The backend's clock was set a moment ago: ask again.")
                guard = RunGuard(daily_cap_ms(plant.profile, pump), 0 if is_forced else plant.profile.cooldown_s)
            command = self._claim(
                tx, device, actuator, action, now, duration_ms=duration_ms, who=who, is_forced=is_forced, guard=guard
            )
            if command is None:
                raise WateringRefused("actuator_busy", f"A command for {actuator.key} is under way.")
            return command

        command = await self._storage.write(work)
        self._bus.publish("commands", found.number)
        return command

    def claim_dose(
        self, tx: Transaction, device: Device, pump: Actuator, duration_ms: int, profile: Profile, now: datetime
    ) -> Command | None:
        """Queue a dose of the rules, inside their transaction. None where another claim was faster."""
        guard = RunGuard(daily_cap_ms(profile, PumpState(pump.key, pump.limits)), profile.cooldown_s)
        return self._claim(tx, device, pump, Action.ON, now, duration_ms=duration_ms, guard=guard)

    def claim_lamp(
        self, tx: Transaction, device: Device, lamp: Actuator, order: LampOrder, now: datetime
    ) -> Command | None:
        """Queue a switch of the rules, inside their transaction. None where another claim was faster."""
        return self._claim(tx, device, lamp, order.action, now, duration_ms=order.duration_ms)

    def withdraw_doses(self, tx: Transaction, device: Device, who: Principal, reason: str, now: datetime) -> None:
        """Take back the doses of the rules: what waits is cancelled, what the node has is told to end."""
        for pump in device.actuators:
            if pump.kind is not ActuatorKind.PUMP:
                continue
            cancel_queued(tx, device, pump, reason, now, origin=Origin.RULE)
            is_at_node = any(
                command.state in AT_NODE_STATES and command.origin is Origin.RULE and command.actuator == pump.key
                for command in tx.commands.live(device.number)
            )
            if is_at_node:
                self._claim(tx, device, pump, Action.OFF, now, who=who)

    def put_out(self, tx: Transaction, device: Device, lamp: Actuator, who: Principal, now: datetime) -> None:
        """Switch off a lamp that the rules lit. One that a person lit is left as it is."""
        cancel_queued(tx, device, lamp, "The rules no longer light the lamp.", now, origin=Origin.RULE)
        state = lamp_state(lamp.key, tx.commands.recent_of(lamp, RECALLED), now)
        if state.is_on and state.by_hand_at is None:
            self._claim(tx, device, lamp, Action.OFF, now, who=who)

    def _claim(
        self,
        tx: Transaction,
        device: Device,
        actuator: Actuator,
        action: Action,
        now: datetime,
        *,
        duration_ms: int | None = None,
        who: Principal | None = None,
        is_forced: bool = False,
        guard: RunGuard | None = None,
    ) -> Command | None:
        """Queue a command of a person, or of the rules, and tell of it. None where a guard or a live one forbids it."""
        command = tx.commands.claim(
            device,
            actuator,
            action,
            duration_ms=duration_ms,
            ttl_ms=self._ttl_ms,
            origin=Origin.RULE if who is None else Origin.PERSON,
            is_forced=is_forced,
            requested_by=None if who is None else who.username,
            guard=guard,
            now=now,
        )
        if command is not None:
            tx.events.add(device, EventType.COMMAND, command_document(command), now)
        return command

    async def recent(self, who: Principal, device_id: str, before_id: int | None, limit: int) -> Sequence[Command]:
        """Give a device's commands, newest first. Raises NotFound."""
        return await self._storage.read(
            lambda tx: tx.commands.all(tx.devices.get(who, device_id).number, before_id, limit)
        )

    async def poll(self, entry: DeviceEntry, after: int | None, wait_s: float) -> Delivery:
        """Give the commands that wait for a node. Waits when there is none.

        A newer poll or sign-in of the same device ends this one with nothing.
        """
        asked_ms = self._clock.steady_ms()
        number = entry.device.number
        self._end_poll(number)
        self._bus.tell_others("signed_in", number)
        poll = self._polls[number] = _Poll()
        deadline = asyncio.get_running_loop().time() + min(wait_s, MAX_WAIT_S)
        try:
            if after is not None and await self._storage.read(lambda tx: is_ahead(tx, number, after)):
                await self._believe(entry.device, after)
            while not poll.is_over:
                poll.news.clear()
                is_told, poll.is_told = poll.is_told, False
                delivery = await self._deliver(number, after, asked_ms, is_told=is_told)
                if delivery.commands:
                    return delivery
                left_s = deadline - asyncio.get_running_loop().time()
                if left_s <= 0:
                    return Delivery()
                try:
                    async with asyncio.timeout(left_s):
                        await poll.news.wait()
                except TimeoutError:
                    return Delivery()
            return Delivery()
        finally:
            if self._polls.get(number) is poll:
                del self._polls[number]

    async def _believe(self, device: Device, after: int) -> None:
        """Take a node at its word that knows more commands than we do."""
        await self._watch.settle()
        now = self._clock.now()
        unknown = await self._storage.write(lambda tx: count_unknown_runs(tx, device.number, after, now))
        log.warning("node_is_ahead", device=device.id, seq=after, unknown=unknown)
        self._bus.publish("device", device.number)

    async def acknowledge(self, entry: DeviceEntry, acks: Sequence[Ack]) -> Sequence[AckResult]:
        """Record what a node says of its commands. Each ack is taken or refused by itself."""
        await self._watch.settle()
        now, number = self._clock.now(), entry.device.number

        def work(tx: Transaction) -> list[AckResult]:
            return [self._record(tx, entry.device, ack, now) for ack in acks]

        results = await self._storage.write(work)
        self._bus.publish("device", number)
        return results

    async def heal_clock(self) -> None:
        """Mend what a clock left behind that was ahead and went back while nobody watched."""
        await self._watch.settle()
        now = self._clock.now()
        if await self._storage.read(lambda tx: tx.commands.has_future(now)):
            count = await self._storage.write(lambda tx: tx.commands.redate_future(now))
            log.warning("clock_went_back", commands_redated=count)

    async def give_up_overdue(self) -> int:
        """End the commands that expired unheard or whose outcome never came. Gives how many."""
        await self._watch.settle()
        now = self._clock.now()
        if not await self._storage.read(lambda tx: tx.commands.overdue(now)):
            return 0

        def work(tx: Transaction) -> list[int]:
            numbers = []
            for number, command in tx.commands.overdue(now):
                device = tx.devices.by_number(number)
                if device is not None:
                    self._give_up(tx, device, command, now)
                    numbers.append(number)
            return numbers

        numbers = await self._storage.write(work)
        for number in numbers:
            self._bus.publish("device", number)
        return len(numbers)

    async def _deliver(self, number: int, after: int | None, asked_ms: int, *, is_told: bool) -> Delivery:
        """Hand out what waits. Who was told of a command looks for it where it is handed out, and not before."""
        await self._watch.settle()
        now = self._clock.now()
        if not is_told and not await self._storage.read(
            lambda tx: tx.commands.deliverable(number, after, now, MAX_DELIVERED)
        ):
            return Delivery()

        def work(tx: Transaction) -> Sequence[Command]:
            commands = tx.commands.deliverable(number, after, now, MAX_DELIVERED)
            fresh = [command.id for command in commands if command.state is CommandState.QUEUED]
            device = tx.devices.by_number(number)
            if fresh and device is not None:
                tx.commands.mark_delivered(fresh, now)
                for command_id in fresh:
                    delivered = tx.commands.get(number, command_id)
                    if delivered is not None:
                        tx.events.add(device, EventType.COMMAND, command_document(delivered), now)
            return commands

        commands = await self._storage.write(work)
        # In this order: a node counts what it does not know of the time between to the command's age.
        held_ms, handed_at = self._clock.steady_ms() - asked_ms, self._clock.now()
        left = [(command, _ms(handed_at, command.expires_at)) for command in commands]
        return Delivery([(command, left_ms) for command, left_ms in left if left_ms > 0], held_ms)

    def _record(self, tx: Transaction, device: Device, ack: Ack, now: datetime) -> AckResult:
        command = tx.commands.get(device.number, ack.id)
        if command is None or command.seq != ack.seq:
            return AckResult(ack.id, None)
        outcome = apply_ack(command, ack)
        if outcome.is_conflict:
            return AckResult(ack.id, command.state, is_conflict=True)
        if outcome.is_change:
            command = tx.commands.record_outcome(command, outcome, ack.ran_ms, ack.reason, now)
            tx.events.add(device, EventType.COMMAND, command_document(command), now)
            self._tell_outcome(tx, device, command, ack, now)
        return AckResult(ack.id, command.state)

    def _tell_outcome(self, tx: Transaction, device: Device, command: Command, ack: Ack, now: datetime) -> None:
        pump = next((known for known in device.actuators if known.key == command.actuator), None)
        if pump is None or pump.kind is not ActuatorKind.PUMP or command.action is not Action.ON:
            return
        if ack.status in (AckStatus.FAILED, AckStatus.REJECTED, AckStatus.EXPIRED):
            what = (
                sentences.run_failed(pump.key, command.id, ack.status, ack.reason)
                if ack.reason
                else sentences.run_failed_without_reason(pump.key, command.id, ack.status)
            )
            change = RaiseAlert.saying(AlertKind.COMMAND_FAILED, Severity.WARNING, what, channel=pump.key)
            announce(tx, device, tx.alerts.apply(device.number, change, now), now)
        if ack.status is AckStatus.SUCCEEDED:
            clear(tx, device, AlertKind.COMMAND_FAILED, pump.key, now)
        if command.state is CommandState.TIMED_OUT:
            # How long it ran is what matters: an end without that leaves it as unknown as before.
            if ack.status is AckStatus.DUPLICATE or (ack.status is AckStatus.INTERRUPTED and ack.ran_ms is None):
                self._raise_timed_out(tx, device, command, now)
            elif not tx.commands.has_unknown_outcome(pump):
                clear(tx, device, AlertKind.COMMAND_TIMED_OUT, pump.key, now)
        elif ack.status is AckStatus.SUCCEEDED:
            clear(tx, device, AlertKind.COMMAND_TIMED_OUT, pump.key, now)

    def _give_up(self, tx: Transaction, device: Device, command: Command, now: datetime) -> None:
        if command.state not in AT_NODE_STATES:
            command = tx.commands.finish(command, CommandState.EXPIRED, "The node did not fetch it in time.", now)
        else:
            command = tx.commands.finish(command, CommandState.TIMED_OUT, _TOO_LATE, now)
            if command.action is Action.ON and command.counted_ms > 0:
                self._raise_timed_out(tx, device, command, now)
        tx.events.add(device, EventType.COMMAND, command_document(command), now)

    def _raise_timed_out(self, tx: Transaction, device: Device, command: Command, now: datetime) -> None:
        what = sentences.outcome_unknown(command.id, command.actuator)
        change = RaiseAlert.saying(AlertKind.COMMAND_TIMED_OUT, Severity.CRITICAL, what, channel=command.actuator)
        announce(tx, device, tx.alerts.apply(device.number, change, now), now)

    def _wake(self, number: int) -> None:
        poll = self._polls.get(number)
        if poll is not None:
            poll.tell()

    def _wake_all(self, _: int) -> None:
        for poll in self._polls.values():
            poll.news.set()

    def _end_poll(self, number: int) -> None:
        poll = self._polls.get(number)
        if poll is not None:
            poll.end()

    def end_all_polls(self) -> None:
        """Answer all waiting polls now: the server stops."""
        for poll in list(self._polls.values()):
            poll.end()


def cancel_queued(
    tx: Transaction, device: Device, actuator: Actuator, reason: str, now: datetime, *, origin: Origin | None = None
) -> None:
    """Cancel what has not reached the node yet, of one origin or of any."""
    for command in tx.commands.live(device.number):
        if command.state is not CommandState.QUEUED or command.actuator != actuator.key:
            continue
        if origin is None or command.origin is origin:
            cancelled = tx.commands.finish(command, CommandState.CANCELLED, reason, now)
            tx.events.add(device, EventType.COMMAND, command_document(cancelled), now)


def _check_duration(actuator: Actuator, action: Action, duration_ms: int | None) -> None:
    if action is Action.OFF:
        if duration_ms is not None:
            raise InvalidInput([("duration_ms", "must be left out for off")])
    elif actuator.kind is ActuatorKind.PUMP and duration_ms is None:
        raise InvalidInput([("duration_ms", "is required: a pump is never switched on without its end")])
    elif duration_ms is not None and not 1 <= duration_ms <= MAX_DURATION_MS:
        raise InvalidInput([("duration_ms", f"must be 1 to {MAX_DURATION_MS}")])


def _refused(reason: Reason) -> WateringRefused:
    return WateringRefused(reason.code.value, reason.text, reason.until)


def _ms(now: datetime, then: datetime) -> int:
    return round((then - now).total_seconds() * 1000)
