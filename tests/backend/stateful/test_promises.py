"""Anything may happen in any order: the three promises hold.

The services run over a real file, in process; the node has no envelope of its own, so that what it runs in true time is
what the backend allowed. A crash of the backend goes on with the bytes that were on the disk.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from plant_backend.domain.command import LIVE_STATES, Ack, AckStatus, Action, Command, CommandState, Origin
from plant_backend.domain.errors import WateringRefused
from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.domain.model import Mode
from plant_backend.domain.rules import decide
from plant_backend.services.plants import listen, pump_of, snapshot
from plant_backend.storage.times import from_ms

from tests.backend.stateful.bench import CAP_MS, PROFILE, Backend, Node, Reading

T = TypeVar("T")

HOUR_S = 3_600
waits = st.sampled_from([1, 4, 30, 119, 125, 190, 610, HOUR_S, 5 * HOUR_S, 23 * HOUR_S])
jumps = st.sampled_from([-48 * HOUR_S, -3 * HOUR_S, -300, -61, 61, 300, 3 * HOUR_S, 25 * HOUR_S, 48 * HOUR_S])
soils = st.sampled_from([3.0, 12.0, 12.0, 12.0, 14.0, 29.0, 33.0, 60.0, 250.0])
tanks = st.sampled_from([80.0, 80.0, 80.0, 80.0, 12.0, 5.0])
fates = st.sampled_from([AckStatus.SUCCEEDED, AckStatus.SUCCEEDED, *AckStatus])


class Promises(RuleBasedStateMachine):
    """One node, one backend, and everything that can go wrong between them."""

    empty: Path | str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="promises-"))
        self.backend = Backend(self.folder)
        self.clock = self.backend.clock
        self.node = Node(self.clock)
        self.profile = PROFILE
        self.batches: dict[str, tuple[int, list[Reading]]] = {}
        self.final: dict[int, CommandState] = {}
        self.cooldown_s: dict[int, int] = {}
        self.has_jumped = False

    def go(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.go(self.backend.begin(self.empty))

    def teardown(self) -> None:
        try:
            if hasattr(self.backend, "storage"):
                self.check_what_was_acknowledged()
                self.check_the_ledger()
                self.go(self.backend.end())
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    # What a node says

    @rule(soil=soils, tank=tanks)
    def tell(self, soil: float, tank: float) -> None:
        for _ in range(2):
            self.clock.wait(20)
            self._send([Reading("soil", soil), Reading("tank", tank)])

    @rule(soil=soils, age_s=st.sampled_from([0, 5, 600, HOUR_S, 20 * HOUR_S]))
    def tell_late(self, soil: float, age_s: int) -> None:
        self._send([Reading("soil", soil, age_s * 1000), Reading("tank", 80.0, age_s * 1000)])

    @rule(soil=soils)
    def tell_without_an_age(self, soil: float) -> None:
        self._send([Reading("soil", soil, None)])

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def tell_again(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.batches)))
        assert self.go(self.backend.telemetry(name, self.batches[name][1])).is_duplicate

    def _send(self, readings: list[Reading]) -> None:
        name, received_ms = f"b-{len(self.batches):05}", self.clock.now_ms()
        assert not self.go(self.backend.telemetry(name, readings)).is_duplicate
        self.batches[name] = (received_ms, readings)

    @rule(fate=fates)
    def poll(self, fate: AckStatus) -> None:
        for command, left_ms in self.go(self.backend.poll(self.node.last_seq)):
            if self.node.obey(command, left_ms, fate):
                self._check_run(command)

    @rule()
    def poll_and_lose_the_answer(self) -> None:
        self.go(self.backend.poll(self.node.last_seq))

    @rule(wait_s=st.sampled_from([3, 60, 118, 121]), fate=fates)
    def poll_over_a_slow_link(self, wait_s: int, fate: AckStatus) -> None:
        answer = self.go(self.backend.poll(self.node.last_seq))
        self.clock.wait(wait_s)
        for command, left_ms in answer:
            if self.node.obey(command, left_ms - wait_s * 1000, fate):
                self._check_run(command)

    @rule(is_heard=st.sampled_from([True, True, False]))
    def acknowledge(self, is_heard: bool) -> None:
        acks = self.node.ready_acks()
        self._acknowledge(acks)
        if is_heard:
            self.node.said(acks)

    def _acknowledge(self, acks: list[Ack]) -> None:
        if not acks:
            return
        for ack, result in zip(acks, self.go(self.backend.acknowledge(acks)), strict=True):
            assert result.state is not None, ack
            assert not result.is_conflict, (ack, result)
            if result.state not in LIVE_STATES:
                assert self.final.setdefault(ack.id, result.state) is result.state

    @rule()
    def node_loses_power(self) -> None:
        self.node.crash()

    # What happens to the backend

    @rule()
    def backend_loses_power(self) -> None:
        if self.has_jumped:
            # A jump that no living process saw goes unseen: docs/safety.md says so.
            self.go(self.backend.sweep())
            self.has_jumped = False
        self.go(self.backend.crash())
        self.check_what_was_acknowledged()

    @rule(seconds=jumps)
    def clock_jumps(self, seconds: int) -> None:
        self.clock.jump(seconds)
        self.has_jumped = True

    @rule(seconds=waits)
    def wait(self, seconds: int) -> None:
        self.clock.wait(seconds)

    @rule(workers=st.integers(1, 3))
    def evaluate(self, workers: int) -> None:
        async def all_at_once() -> None:
            await asyncio.gather(*(self.backend.evaluate() for _ in range(workers)))

        before = len(self.go(self.backend.commands()))
        self.go(all_at_once())
        assert len(self.go(self.backend.commands())) - before <= 1, "two workers give one dose"
        self.note_new_commands()
        self.check_that_the_last_decision_is_written()

    @rule(soil=st.sampled_from([3.0, 12.0, 14.0]), fate=fates, wait_s=waits)
    def a_dry_hour(self, soil: float, fate: AckStatus, wait_s: int) -> None:
        """The usual order of things, so that water runs often enough to be worth a guard."""
        self.tell(soil, 80.0)
        self.evaluate(2)
        self.poll(fate)
        self.clock.wait(wait_s)
        self.acknowledge(is_heard=True)

    @rule()
    def sweep(self) -> None:
        self.go(self.backend.sweep())
        self.has_jumped = False

    # What people do

    @rule(duration_ms=st.sampled_from([1_000, 6_000, CAP_MS]), is_forced=st.booleans())
    def person_waters(self, duration_ms: int, is_forced: bool) -> None:
        async def both() -> Any:
            return await asyncio.gather(
                self.backend.dose(duration_ms, is_forced=is_forced), self.backend.evaluate(), return_exceptions=True
            )

        asked, looked = self.go(both())
        assert looked is None
        assert isinstance(asked, Command | WateringRefused), asked
        self.note_new_commands(forced=asked.id if is_forced and isinstance(asked, Command) else None)

    @rule()
    def person_stops_the_pump(self) -> None:
        command = self.go(self.backend.off())
        assert command.action is Action.OFF

    @rule(
        dose_ms=st.sampled_from([2_000, 5_000]),
        cooldown_s=st.sampled_from([60, 600, 2 * HOUR_S]),
        soak_s=st.sampled_from([0, 60]),
        without_effect=st.sampled_from([0, 3]),
    )
    def person_edits_the_profile(self, dose_ms: int, cooldown_s: int, soak_s: int, without_effect: int) -> None:
        self._set(dose_ms=dose_ms, cooldown_s=cooldown_s, soak_s=soak_s, doses_without_effect_max=without_effect)

    @rule(mode=st.sampled_from([Mode.ON, Mode.ON, Mode.SHADOW, Mode.OFF]))
    def person_switches_the_mode(self, mode: Mode) -> None:
        self._set(mode=mode)

    def _set(self, **changes: Any) -> None:
        self.profile = replace(self.profile, **changes)
        self.go(self.backend.services.automation.set_profile(self.backend.who, self.backend.device.id, self.profile))

    @rule()
    def person_resolves_all_alerts(self) -> None:
        backend = self.backend
        for alert in self.go(backend.services.alerts.all(backend.who, None, None, 100)):
            self.go(backend.services.alerts.resolve(backend.who, alert.id))

    # What holds

    @invariant()
    def never_two_live_runs(self) -> None:
        if hasattr(self.backend, "storage"):
            live = [
                command
                for command in self.go(self.backend.commands())
                if command.state in LIVE_STATES and command.action is Action.ON
            ]
            assert len(live) <= 1

    def _check_run(self, command: Command) -> None:
        assert self.node.most_in_24_hours_ms() <= CAP_MS, "any 24 hours of true time"
        if len(self.node.runs) > 1:
            gap_ms = self.node.runs[-1].from_ms - self.node.runs[-2].from_ms
            assert gap_ms >= self.cooldown_s[command.id] * 1000, "the cooldown, in true time"

    def note_new_commands(self, forced: int | None = None) -> None:
        for command in self.go(self.backend.commands()):
            self.cooldown_s.setdefault(command.id, 0 if command.id == forced else self.profile.cooldown_s)

    def check_what_was_acknowledged(self) -> None:
        """Nothing that got its 2xx is lost, and nothing is taken twice."""
        device = self.backend.device
        soil = next(sensor for sensor in device.sensors if sensor.key == "soil")
        history = self.go(
            self.backend.storage.read(
                lambda tx: {
                    round(sample.ts.timestamp() * 1000): sample.value
                    for sample in tx.history.readings(soil.id, from_ms(0), from_ms(10**14), 100_000)
                }
            )
        )
        for name, (received_ms, readings) in self.batches.items():
            age_ms = readings[0].age_ms
            # What has no age lies from its arrival on.
            assert received_ms + (1 if age_ms is None else -age_ms) in history, name
        for name in list(self.batches)[-5:]:
            assert self.go(self.backend.telemetry(name, self.batches[name][1])).is_duplicate, name
        known = {command.id: command for command in self.go(self.backend.commands())}
        for command_id, state in self.final.items():
            assert known[command_id].state is state

    def check_that_the_last_decision_is_written(self) -> None:
        """Always a reason: what the rules say now is what the ledger said last."""
        device, storage = self.backend.device, self.backend.storage
        heard, now = listen(storage, device), self.clock.now()
        plant = self.go(storage.read(lambda tx: snapshot(tx, device, pump_of(device), heard, now)))
        last = self.go(storage.read(lambda tx: tx.automation.last(device.number)))
        assert last is not None
        if last.outcome in (DecisionOutcome.REFUSED, DecisionOutcome.NOT_NEEDED):
            assert [reason.code for reason in last.reasons] == [reason.code for reason in decide(plant, now).reasons]

    def check_the_ledger(self) -> None:
        """Each watering of the rules has its line, and each line decides the same again."""
        device = self.backend.device
        lines = self.go(self.backend.storage.read(lambda tx: tx.automation.decisions(device.number, None, 10_000)))
        for line in lines:
            again = decide(line.inputs, line.at)
            assert again.reasons == line.reasons
            assert bool(again.doses) is (line.outcome in (DecisionOutcome.WATERED, DecisionOutcome.WOULD_WATER))
        explained = {line.command_id for line in lines if line.outcome is DecisionOutcome.WATERED}
        ours = {command.id for command in self.go(self.backend.commands()) if command.origin is Origin.RULE}
        assert ours == explained


def hold(empty: Path | str, *, examples: int, steps: int) -> None:
    machine = type("PromisesOverAFile", (Promises,), {"empty": empty})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps))


def test_the_three_promises_hold(empty: Path) -> None:
    """Against FarmBot forum 7912, thingsboard #7123 and #1769, HA-NeoPool-MQTT-Package #21, HAsmartirrigation #841."""
    hold(empty, examples=8, steps=25)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_they_hold_on_postgresql(postgres_url: str) -> None:
    hold(postgres_url, examples=6, steps=25)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_three_promises_hold_for_longer(empty: Path) -> None:
    hold(empty, examples=30, steps=50)
