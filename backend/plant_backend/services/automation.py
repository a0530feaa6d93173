"""Automation: looking at one plant, deciding, acting, and writing down why."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from plant_backend.domain import sentences
from plant_backend.domain.account import Principal
from plant_backend.domain.alert import AlertChange, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.command import Action, CommandState, Origin
from plant_backend.domain.errors import InvalidInput, PreconditionFailed
from plant_backend.domain.guards import block_refusal, reservoir_refusal
from plant_backend.domain.ledger import DecisionOutcome, DecisionRecord, EventType
from plant_backend.domain.model import Device, LampMode, Mode, PlantSnapshot, Profile
from plant_backend.domain.outcome import outcome_of
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.rules import Decision, decide
from plant_backend.ports import Bus, Clock, Storage, Transaction
from plant_backend.services.announcements import announce
from plant_backend.services.audit import record
from plant_backend.services.clock_watch import ClockWatch
from plant_backend.services.commands import CommandService, cancel_queued
from plant_backend.services.directory import Directory
from plant_backend.services.documents import decision_document, profile_document
from plant_backend.services.plants import Heard, lamp_of, listen, pump_of, snapshot
from plant_backend.services.profiles import profile_errors, pump_errors

RULES_FAILED = AlertKind.RULES_FAILED

_REPEAT_AFTER = timedelta(hours=1)
"""How often a refusal or an alert that simply lasts is written down again."""

_ALWAYS_WRITTEN = frozenset({DecisionOutcome.WATERED, DecisionOutcome.WOULD_WATER, DecisionOutcome.SWITCHED})
"""What is told each time. A switch on paper is not: in shadow mode the lamp is due for as long as its light lasts."""


_LOOKS_AT_MOST = 3
"""After so many looks a device that sends without a pause is judged by what was heard of it a moment ago."""


class _Overtaken(Exception):
    """Another worker has judged later, or may have, by newer readings: who acts on older ones undoes what it did."""


@dataclass(slots=True)
class _Written:
    """What the ledger last said of a device."""

    outcome: DecisionOutcome
    mode: Mode
    codes: tuple[ReasonCode, ...]
    at: datetime


class Automation:
    """Runs the rules. Level-triggered: it looks at the state, whatever woke it."""

    def __init__(
        self,
        storage: Storage,
        bus: Bus,
        clock: Clock,
        watch: ClockWatch,
        directory: Directory,
        commands: CommandService,
    ) -> None:
        self._storage = storage
        self._bus = bus
        self._clock = clock
        self._watch = watch
        self._directory = directory
        self._commands = commands
        self._written: dict[int, _Written] = {}
        self._alerted: dict[tuple[int, str, str], datetime] = {}

    async def evaluate(self, number: int) -> datetime | None:
        """Look at one device and act. Gives when to look again though nothing is heard.

        The look costs one read. Only when there is something to do is it repeated inside a writing transaction,
        so that two workers who see the same dry plant give one dose.
        """
        for _ in range(_LOOKS_AT_MOST - 1):
            with suppress(_Overtaken):
                return await self._evaluate(number, may_be_overtaken=False)
        return await self._evaluate(number, may_be_overtaken=True)

    async def _evaluate(self, number: int, *, may_be_overtaken: bool) -> datetime | None:
        # Whatever was reported before this moment is in what we are about to hear.
        known_at = self._clock.now()
        # The news may be faster than what it is about: look at what was committed before it was told.
        await self._storage.catch_up_if_shared()
        entry = await self._directory.entry(number)
        if entry is None:
            self._forget(number)
            return None
        mark = await self._watch.settle()
        heard = listen(self._storage, entry.device)
        _, heard_through = self._storage.log_bounds()
        now = self._clock.now()

        def look(tx: Transaction) -> tuple[Decision, bool]:
            plant = snapshot(tx, entry.device, pump_of(entry.device), heard, now)
            decision = decide(plant, now)
            if number not in self._written or self._storage.is_shared:
                self._recall(tx, number)
            is_taken_back = _waiting_without_reason(tx, entry.device, plant, decision, now, known_at) is not None
            return decision, is_taken_back or self._is_news(number, plant, decision, now)

        def act(tx: Transaction) -> tuple[Decision, DecisionRecord | None]:
            if self._storage.is_shared:
                # Another worker may have written meanwhile.
                self._recall(tx, number)
                if not may_be_overtaken and self._is_overtaken(tx, number, heard_through, now):
                    raise _Overtaken
            return self._act(tx, number, heard, now, known_at, mark)

        decision, is_news = await self._storage.read(look)
        if is_news:
            decision, record = await self._storage.write(act)
            # Only what is on the disk counts as said.
            self._remember(number, record)
            for change in decision.alerts:
                self._alerted[(number, change.kind, change.channel)] = now
            if decision.doses or decision.lamp:
                self._bus.publish("commands", number)
        return decision.wake_at

    async def report_failure(self, number: int) -> None:
        """Tell that the rules cannot judge a device: silence would look like a plant that needs nothing."""
        now = self._clock.now()
        change = RaiseAlert.saying(RULES_FAILED, Severity.CRITICAL, sentences.rules_failed())

        def work(tx: Transaction) -> None:
            device = tx.devices.by_number(number)
            if device is not None:
                self._apply(tx, device, change, now)

        await self._storage.write(work)

    async def profile(self, who: Principal, device_id: str) -> tuple[Profile, int]:
        """Give a device's profile and its version. Raises NotFound."""
        return await self._storage.read(lambda tx: tx.automation.profile(tx.devices.get(who, device_id).number))

    async def set_profile(
        self, who: Principal, device_id: str, profile: Profile, *, only_versions: Collection[int] | None = None
    ) -> tuple[Profile, int]:
        """Replace a device's profile, where `only_versions` is given only one of these.

        Raises NotFound, InvalidInput, PreconditionFailed.
        """
        if errors := profile_errors(profile):
            raise InvalidInput(errors)
        now = self._clock.now()

        def work(tx: Transaction) -> tuple[int, int]:
            device = tx.devices.get(who, device_id)
            pump = pump_of(device)
            if errors := pump_errors(profile, pump):
                raise InvalidInput(errors)
            before, version = tx.automation.profile(device.number)
            if only_versions is not None and version not in only_versions:
                text = f"The automation was changed meanwhile: it is at version {version}. Look at it, and change that."
                raise PreconditionFailed("automation_changed", text, profile_document(before, version), version)
            version = tx.automation.set_profile(device.number, profile, now)
            record(tx, who, "automation_changed", f"{device.id} {device.name}")
            reason, lamp = f"The mode is {profile.mode} now.", lamp_of(device)
            if profile.mode is not Mode.ON:
                self._commands.withdraw_doses(tx, device, who, reason, now)
            if lamp is not None and profile.mode is not Mode.ON:
                cancel_queued(tx, device, lamp, reason, now, origin=Origin.RULE)
            if lamp is not None and profile.lamp_mode is LampMode.OFF and before.lamp_mode is not LampMode.OFF:
                self._commands.put_out(tx, device, lamp, who, now)
            tx.events.add(device, EventType.AUTOMATION, profile_document(profile, version), now)
            return device.number, version

        number, version = await self._storage.write(work)
        self._bus.publish("device", number)
        self._bus.publish("commands", number)
        return profile, version

    async def decisions(
        self, who: Principal, device_id: str, before_id: int | None, limit: int
    ) -> Sequence[DecisionRecord]:
        """Give a device's decision ledger, newest first. Raises NotFound."""
        return await self._storage.read(
            lambda tx: tx.automation.decisions(tx.devices.get(who, device_id).number, before_id, limit)
        )

    def _act(
        self, tx: Transaction, number: int, heard: Mapping[int, Heard], now: datetime, known_at: datetime, mark: int
    ) -> tuple[Decision, DecisionRecord | None]:
        device = tx.devices.by_number(number)
        if device is None:
            return Decision((), (), (), is_thirsty=False, wake_at=None), None
        if not self._watch.is_settled(mark):
            # `now` is of another time than the dates in the queue: look again.
            return Decision((), (), (), is_thirsty=False, wake_at=now), None
        pump = pump_of(device)
        plant = snapshot(tx, device, pump, heard, now)
        decision = decide(plant, now)
        command_id = None
        if (
            pump is not None
            and (why := _waiting_without_reason(tx, device, plant, decision, now, known_at)) is not None
        ):
            reason, origin = why
            cancel_queued(tx, device, pump, f"Taken back before the node fetched it. {reason.text}", now, origin=origin)
        if pump is not None and plant.pump is not None and outcome_of(plant, decision) is DecisionOutcome.WATERED:
            command = self._commands.claim_dose(tx, device, pump, decision.doses[0].duration_ms, plant.profile, now)
            if command is not None:
                command_id = command.id
            else:
                # The guard inside the statement said no: that is what the ledger has to show.
                plant = replace(plant, pump=replace(plant.pump, is_busy=True))
                decision = decide(plant, now)
        outcome = outcome_of(plant, decision)
        _keep(tx, number, plant, decision)
        for change in decision.alerts:
            self._apply(tx, device, change, now)
        lamp = lamp_of(device)
        if decision.lamp is not None and lamp is not None and plant.profile.mode is Mode.ON:
            switch = self._commands.claim_lamp(tx, device, lamp, decision.lamp, now)
            if switch is None and command_id is None:
                return decision, None
            command_id = command_id or (switch.id if switch else None)
        if (RULES_FAILED, "") in plant.open_alerts:
            self._apply(tx, device, ClearAlert(RULES_FAILED), now)
        record = None
        if self._is_to_be_written(number, plant, decision, now):
            record = tx.automation.record(number, now, outcome, decision.reasons, plant, command_id)
            tx.events.add(device, EventType.DECISION, decision_document(record), now)
        return decision, record

    def _is_overtaken(self, tx: Transaction, number: int, heard_through: int, now: datetime) -> bool:
        last = self._written.get(number)
        return (last is not None and last.at > now) or tx.history.is_behind(number, heard_through)

    def _apply(self, tx: Transaction, device: Device, change: AlertChange, now: datetime) -> None:
        announce(tx, device, tx.alerts.apply(device.number, change, now), now)

    def _is_news(self, number: int, plant: PlantSnapshot, decision: Decision, now: datetime) -> bool:
        """Tell whether there is anything to do or to write down."""
        if (RULES_FAILED, "") in plant.open_alerts:
            return True
        if _memory(decision) != _memory(plant) or self._is_to_be_written(number, plant, decision, now):
            return True
        return any(self._is_alert_due(number, plant, change, now) for change in decision.alerts)

    def _is_alert_due(self, number: int, plant: PlantSnapshot, change: AlertChange, now: datetime) -> bool:
        if not isinstance(change, RaiseAlert) or (change.kind, change.channel) not in plant.open_alerts:
            return True
        counted_at = self._alerted.setdefault((number, change.kind, change.channel), now)
        return now - counted_at >= _REPEAT_AFTER

    def _is_to_be_written(self, number: int, plant: PlantSnapshot, decision: Decision, now: datetime) -> bool:
        written, outcome = self._written.get(number), outcome_of(plant, decision)
        if written is None or outcome in _ALWAYS_WRITTEN:
            return True
        codes = tuple(reason.code for reason in decision.reasons)
        if (written.outcome, written.mode, written.codes) != (outcome, plant.profile.mode, codes):
            return True
        return outcome is DecisionOutcome.REFUSED and now - written.at >= _REPEAT_AFTER

    def _forget(self, number: int) -> None:
        """Drop what was kept of a device that is gone."""
        self._written.pop(number, None)
        self._alerted = {key: at for key, at in self._alerted.items() if key[0] != number}

    def _recall(self, tx: Transaction, number: int) -> None:
        """Go by what the ledger says. Where it says nothing that can be read, what we said before is not the last."""
        self._written.pop(number, None)
        self._remember(number, tx.automation.last(number))

    def _remember(self, number: int, record: DecisionRecord | None) -> None:
        if record is not None:
            codes = tuple(reason.code for reason in record.reasons)
            self._written[number] = _Written(record.outcome, record.mode, codes, record.at)


def _waiting_without_reason(
    tx: Transaction, device: Device, plant: PlantSnapshot, decision: Decision, now: datetime, known_at: datetime
) -> tuple[Reason, Origin | None] | None:
    """Say why a run that its node has not fetched shall not begin any more, and whose it is (None: whoever asked).

    A node that is away for a moment must not come back to a dose for soil that is moist by now, or for an empty tank.
    """
    pump = plant.pump
    if pump is None or not pump.is_busy:
        return None
    refusal, origin = block_refusal(plant) or reservoir_refusal(plant, now), None
    if refusal is None and decision.reasons[0].code is not ReasonCode.PUMP_BUSY:
        refusal, origin = decision.reasons[0], Origin.RULE
    if refusal is None:
        return None
    waits = any(
        command.state is CommandState.QUEUED
        and command.actuator == pump.key
        and command.action is Action.ON
        and origin in (None, command.origin)
        # One that was asked for since then may know better than we do.
        and command.created_at < known_at
        for command in tx.commands.live(device.number)
    )
    return (refusal, origin) if waits else None


def _keep(tx: Transaction, number: int, plant: PlantSnapshot, decision: Decision) -> None:
    """Remember what the rules want remembered."""
    if decision.is_thirsty != plant.is_thirsty:
        tx.automation.set_thirsty(number, decision.is_thirsty)
    if decision.effect != plant.effect:
        tx.automation.set_effect(number, decision.effect)
    if decision.held_back_since != plant.held_back_since:
        tx.automation.set_held_back_since(number, decision.held_back_since)


def _memory(kept: PlantSnapshot | Decision) -> tuple[object, ...]:
    """Give what the rules remember."""
    return kept.is_thirsty, kept.effect, kept.held_back_since
