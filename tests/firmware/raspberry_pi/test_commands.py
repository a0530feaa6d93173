"""A command runs at most once, inside the envelope, and its outcome reaches the backend."""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from plant_node import actuation
from plant_node.channels import Sensor
from plant_node.drivers import EndedBy, OnTime, SensorError
from plant_node.drivers.simulated import SimulatedDriver
from plant_node.drivers.world import WorldParameters
from plant_node.envelope import Limits, Reason

from tests.firmware.raspberry_pi.builders import EASY, Node, an_off, an_on, wait_for
from tests.firmware.raspberry_pi.fake_backend import FakeBackend, Handler, busy, lost, page_of_a_proxy


@pytest.fixture
def build(backend: FakeBackend, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Nodes that differ; each call is a new start on the same state."""
    nodes: list[Node] = []

    def make(**how: Any) -> Node:
        nodes.append(Node(backend, tmp_path, **how))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


def edges(tmp_path: Path, actuator: str = "pump") -> list[bool]:
    file = tmp_path / "pin_trace.jsonl"
    # The last line may be half written.
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [edge["on"] for edge in map(json.loads, lines) if edge["actuator"] == actuator]


def test_a_command_runs_and_is_told(backend: FakeBackend, node: Node, tmp_path: Path) -> None:
    node.work()
    seq = backend.order("on", 60)
    ack = backend.wait_for_outcome(seq)
    assert ack == {"id": 4001, "seq": 1, "status": "succeeded", "ran_ms": 60, "reason": None}
    assert edges(tmp_path) == [True, False]
    backend.wait_for(lambda: backend.polls[-1]["after"] == "1")


def test_a_lost_ack_is_sent_again_and_runs_nothing_twice(backend: FakeBackend, node: Node, tmp_path: Path) -> None:
    for _ in range(2):
        backend.on("/commands/ack", lambda handler: (handler.hang_up(), True)[1])
    node.work()
    backend.wait_for_outcome(backend.order("on", 30))
    assert edges(tmp_path) == [True, False]


def test_a_lost_poll_answer_is_not_a_lost_command(backend: FakeBackend, node: Node, tmp_path: Path) -> None:
    backend.on("/commands", lost)
    seq = backend.order("on", 30)
    node.work()
    assert backend.wait_for_outcome(seq)["status"] == "succeeded"
    assert edges(tmp_path) == [True, False]


def test_a_busy_backend_is_not_hammered(backend: FakeBackend, node: Node) -> None:
    backend.on("/commands", busy("3"))
    assert node.poller.poll_once() >= 3


def test_a_repeated_command_is_acknowledged_again_and_never_run_again(
    backend: FakeBackend, node: Node, tmp_path: Path
) -> None:
    entry = {"id": 4001, "seq": 1, "actuator": "pump", "action": "on", "duration_ms": 30, "ttl_ms": 60_000}
    assert node.handler.handle({"commands": [entry]}, asked_mono_ms=node.clock.mono_ms())
    assert node.outcome(1)[0] == "succeeded"
    node.outbox.done(node.outbox.waiting())
    for _ in range(3):
        assert not node.handler.handle({"commands": [entry]}, asked_mono_ms=node.clock.mono_ms())
    assert [ack.wire() for ack in node.outbox.waiting()] == [
        {"id": 4001, "seq": 1, "status": "succeeded", "ran_ms": 30, "reason": None}
    ]
    assert edges(tmp_path) == [True, False]


def test_an_older_unknown_seq_is_a_duplicate(node: Node, tmp_path: Path) -> None:
    node.order(an_off(7))
    entry = {"id": 4003, "seq": 3, "actuator": "pump", "action": "on", "duration_ms": 30, "ttl_ms": 60_000}
    node.handler.handle({"commands": [entry]}, asked_mono_ms=node.clock.mono_ms())
    statuses = {ack.seq: ack.outcome.status for ack in node.outbox.waiting()}
    assert statuses[3] == "duplicate"
    assert edges(tmp_path) == []


def test_a_command_past_its_ttl_never_starts(node: Node, tmp_path: Path) -> None:
    """A pump starts on reconnect (HA-NeoPool-MQTT-Package #21)."""
    entry = {"id": 4001, "seq": 1, "actuator": "pump", "action": "on", "duration_ms": 30, "ttl_ms": 500}
    node.handler.handle({"commands": [entry]}, asked_mono_ms=node.clock.mono_ms() - 500)
    assert node.outcome(1) == ("expired", 0, None)
    assert edges(tmp_path) == []


def test_what_the_backend_held_the_question_makes_a_command_no_older(node: Node, tmp_path: Path) -> None:
    entry = {"id": 4001, "seq": 1, "actuator": "pump", "action": "on", "duration_ms": 30, "ttl_ms": 60_000}
    held = {"commands": [entry], "held_ms": 900_000}
    node.handler.handle(held, asked_mono_ms=node.clock.mono_ms() - 930_000)
    assert node.outcome(1)[0] == "succeeded"
    node.handler.handle({**held, "commands": [{**entry, "seq": 2}]}, asked_mono_ms=node.clock.mono_ms() - 960_000)
    assert node.outcome(2) == ("expired", 0, None)
    assert edges(tmp_path) == [True, False]


def test_a_backend_held_no_question_for_longer_than_the_node_waited(node: Node, tmp_path: Path) -> None:
    """Its clock runs fast, or what stands between them makes things up: that makes no command younger than now."""
    entry = {"id": 4001, "seq": 1, "actuator": "pump", "action": "on", "duration_ms": 30, "ttl_ms": 0}
    for held_ms in (60_000, 2**62):
        node.handler.handle({"commands": [entry], "held_ms": held_ms}, asked_mono_ms=node.clock.mono_ms())
        assert node.outcome(1) == ("expired", 0, None)
    assert edges(tmp_path) == []


def test_a_disk_that_takes_longer_than_the_ttl_starts_nothing(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = node.ledger.begin_run

    def slowly(*arguments: Any) -> int:
        run = begin(*arguments)
        wait_for(lambda: node.clock.mono_ms() >= deadline)
        return run

    monkeypatch.setattr(node.ledger, "begin_run", slowly)
    deadline = node.clock.mono_ms() + 100
    node.actuation.turn_on(an_on(1), start_before_mono_ms=deadline)
    assert node.outcome(1) == ("expired", 0, None)
    assert edges(tmp_path) == []
    assert node.ledger.past_runs("pump") == []


def test_off_ends_a_run_at_once(node: Node, tmp_path: Path) -> None:
    node.order(an_on(1, 20_000))
    assert edges(tmp_path) == [True]
    node.order(an_off(2))
    assert edges(tmp_path) == [True, False]
    status, ran_ms, reason = node.outcome(1)
    assert (status, reason) == ("interrupted", "off")
    assert 0 <= ran_ms < 15_000
    assert node.outcome(2) == ("succeeded", 0, None)


def test_off_without_a_run_is_fine_and_an_unknown_actuator_is_not(node: Node) -> None:
    node.order(an_off(1))
    assert node.outcome(1) == ("succeeded", 0, None)
    node.order(an_off(2, actuator="fan"))
    assert node.outcome(2) == ("rejected", 0, "unknown_actuator")
    node.order(an_on(3, actuator="fan"))
    assert node.outcome(3) == ("rejected", 0, "unknown_actuator")


def test_off_in_the_same_answer_leaves_the_pump_off(node: Node, tmp_path: Path) -> None:
    entries = [
        {"id": 4002, "seq": 2, "actuator": "pump", "action": "off", "duration_ms": None, "ttl_ms": 60_000},
        {"id": 4001, "seq": 1, "actuator": "pump", "action": "on", "duration_ms": 9000, "ttl_ms": 60_000},
    ]
    node.handler.handle({"commands": entries}, asked_mono_ms=node.clock.mono_ms())
    assert (node.outcome(1)[0], node.outcome(2)[0]) == ("interrupted", "succeeded")
    assert edges(tmp_path) == [True, False]


def test_a_second_run_meanwhile_is_busy(node: Node) -> None:
    node.order(an_on(1, 20_000))
    node.order(an_on(2, 50))
    assert node.outcome(2) == ("rejected", 0, "busy")


def test_max_run_cuts_min_off_pauses_and_max_day_ends_it(build: Callable[..., Node]) -> None:
    node = build(limits=Limits(max_run_ms=40, min_off_ms=0, max_day_ms=100))
    for seq in (1, 2, 3, 4):
        node.order(an_on(seq, 50))
        node.outcome(seq)
        wait_for(lambda: "pump" not in node.actuation._running)
    assert node.outcome(1) == ("succeeded", 40, "max_run")
    assert node.outcome(3) == ("succeeded", 20, "max_day")
    assert node.outcome(4) == ("rejected", 0, "max_day")
    paused = build(limits=Limits(max_run_ms=40, min_off_ms=60_000, max_day_ms=10_000))
    paused.order(an_on(5, 10))
    assert paused.outcome(5) == ("rejected", 0, "min_off")


def test_a_lost_link_ends_the_run(build: Callable[..., Node]) -> None:
    """Wi-Fi drops and the node's relays stay on (irrigation_unlimited #43)."""
    node = build(link_timeout_s=0.2)
    node.order(an_on(1, 20_000))
    status, ran_ms, reason = node.outcome(1)
    assert (status, reason) == ("interrupted", "link_lost")
    # A slow disk takes the link's time before the run begins.
    assert 0 <= ran_ms < 15_000


def test_an_empty_reservoir_lets_nothing_run(build: Callable[..., Node], tmp_path: Path) -> None:
    node = build(parameters=WorldParameters(reservoir_percent=4))
    node.order(an_on(1))
    assert node.outcome(1) == ("rejected", 0, "reservoir_empty")
    assert edges(tmp_path) == []


class Bench:
    """A driver whose reservoir and pins a test can break."""

    def __init__(self) -> None:
        self.level: float | SensorError = 80.0
        self.hang = threading.Event()
        self.hang.set()
        self.is_on = False
        self.refuses_on = False
        self.refuses_off = 0
        self.runs = 0
        self.flowed: list[float | None] = [None]
        self.ended_by = EndedBy.ORDER
        self.on_on: Callable[[], object] = lambda: None

    def read(self, sensor: Sensor) -> float:
        self.hang.wait(20)
        if isinstance(self.level, SensorError):
            raise self.level
        return self.level

    def turn_on(self, actuator: str, most_ms: int | None) -> None:
        if self.refuses_on:
            raise OSError("no such pin")
        self.is_on = True
        self.runs += 1
        self.on_on()

    def keep_on(self, actuator: str) -> bool:
        return True

    def fault(self) -> str | None:
        return None

    def flowed_ml(self, actuator: str) -> float | None:
        return self.flowed.pop(0) if len(self.flowed) > 1 else self.flowed[0]

    def turn_off(self, actuator: str) -> OnTime | None:
        if self.refuses_off:
            self.refuses_off -= 1
            raise OSError("the bus is stuck")
        was_on, self.is_on = self.is_on, False
        return OnTime(10, 0, self.ended_by) if was_on else None

    def close(self) -> None:
        self.is_on = False


@pytest.mark.parametrize("level", [SensorError("gone"), math.nan, 250.0])
def test_an_unreadable_reservoir_lets_nothing_run(build: Callable[..., Node], level: float | SensorError) -> None:
    """An unplugged probe waters for ever (GrowCube port #2)."""
    bench = Bench()
    bench.level = level
    node = build(driver=bench)
    node.order(an_on(1))
    assert node.outcome(1) == ("rejected", 0, "reservoir_unknown")
    assert bench.runs == 0


def test_a_reservoir_sensor_that_hangs_lets_nothing_run(
    build: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plant_node.reservoirs._ANSWER_WITHIN_S", 0.05)
    bench = Bench()
    bench.hang.clear()
    node = build(driver=bench)
    node.order(an_on(1))
    assert node.outcome(1) == ("rejected", 0, "reservoir_unknown")
    bench.hang.set()


@pytest.mark.parametrize(("level", "reason"), [(0.0, "reservoir_empty"), (SensorError("gone"), "reservoir_unknown")])
def test_a_reservoir_that_goes_empty_or_silent_ends_the_run(
    build: Callable[..., Node], level: float | SensorError, reason: str
) -> None:
    bench = Bench()
    node = build(driver=bench)
    node.order(an_on(1, 20_000))
    assert bench.is_on
    bench.level = level
    assert node.outcome(1) == ("interrupted", 10, reason)
    assert not bench.is_on


def test_a_pump_that_moves_no_water_is_stopped(build: Callable[..., Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """Hoses burst or clog unseen: irrigation_unlimited #214."""
    monkeypatch.setattr(actuation, "_NO_FLOW_AFTER_MS", 200)
    monkeypatch.setattr(actuation, "_LOOK_AGAIN_S", 0.02)
    bench = Bench()
    node = build(driver=bench, pulses_per_l=450)
    bench.flowed = [0.0]
    node.order(an_on(1, 20_000))
    assert node.outcome(1) == ("failed", 10, "no_flow")
    wait_for(lambda: not node.actuation.is_pumping())
    bench.flowed = [5.0, 9.0]
    node.order(an_on(2, 20_000))
    assert node.outcome(2) == ("failed", 10, "no_flow"), "it began well"
    wait_for(lambda: not node.actuation.is_pumping())
    bench.flowed = [float(number) for number in range(1, 1000)]
    node.order(an_on(3, 600))
    assert node.outcome(3) == ("succeeded", 10, None)


def test_the_guard_ends_a_run_though_the_driver_forgets_to(build: Callable[..., Node]) -> None:
    bench = Bench()
    node = build(driver=bench)
    node.order(an_on(1, 50))
    wait_for(lambda: not bench.is_on)
    assert node.outcome(1)[0] == "succeeded"


def test_the_guard_ends_a_run_though_the_ledger_is_locked(build: Callable[..., Node], tmp_path: Path) -> None:
    """A stall leaves the valve open (farmbot_os #1494)."""
    bench = Bench()
    node = build(driver=bench)
    lock = sqlite3.connect(tmp_path / "node.db", isolation_level=None)
    # As soon as the pin is on, whenever that is.
    bench.on_on = lambda: lock.execute("BEGIN IMMEDIATE")
    node.order(an_on(1, 100))
    # The ledger gives up after 10 s.
    wait_for(lambda: not bench.is_on, 8)
    recorded = lock.execute("SELECT status FROM commands").fetchall()
    assert recorded == [("accepted",)], "off comes first, the paper later"
    lock.execute("ROLLBACK")
    lock.close()
    assert node.outcome(1)[0] == "succeeded"


def test_a_pin_that_refuses_off_is_tried_until_it_obeys(build: Callable[..., Node]) -> None:
    bench = Bench()
    node = build(driver=bench)
    bench.refuses_off = 3
    node.order(an_on(1, 20))
    assert node.outcome(1)[0] == "succeeded"
    assert not bench.is_on


def test_a_pin_that_refuses_on_is_a_failure(build: Callable[..., Node]) -> None:
    bench = Bench()
    bench.refuses_on = True
    node = build(driver=bench)
    node.order(an_on(1, 20))
    assert node.outcome(1) == ("failed", 0, "pin_error")


def test_a_ledger_that_cannot_be_written_moves_nothing(
    build: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    node = build(driver=bench)

    monkeypatch.setattr(node.ledger, "begin_run", full)
    entry = {"id": 4001, "seq": 1, "actuator": "pump", "action": "on", "duration_ms": 30, "ttl_ms": 60_000}
    assert not node.handler.handle({"commands": [entry]}, asked_mono_ms=node.clock.mono_ms())
    assert bench.runs == 0
    (ack,) = node.outbox.waiting()
    assert (ack.outcome.status, ack.outcome.reason) == ("rejected", "ledger_unwritable")


def full(*_: Any) -> Any:
    raise sqlite3.OperationalError("database or disk is full")


def test_an_off_that_cannot_be_written_down_was_carried_out_all_the_same(
    build: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    node = build(driver=bench)
    node.order(an_on(1, 20_000))
    monkeypatch.setattr(node.ledger, "record", full)
    off = {"id": 4002, "seq": 2, "actuator": "pump", "action": "off", "ttl_ms": 60_000}
    assert not node.handler.handle({"commands": [off]}, asked_mono_ms=node.clock.mono_ms())
    assert not bench.is_on
    assert node.outcome(1)[::2] == ("interrupted", "off")
    ghost = off | {"id": 4003, "seq": 3, "actuator": "ghost"}
    assert not node.handler.handle({"commands": [ghost]}, asked_mono_ms=node.clock.mono_ms())
    told = {ack.seq: (ack.outcome.status, ack.outcome.reason) for ack in node.outbox.waiting()}
    assert (told[2], told[3]) == (("succeeded", None), ("rejected", "unknown_actuator"))


def test_of_a_command_that_came_before_nothing_else_is_said_on_a_full_disk(
    build: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has run: a refusal would contradict what the backend was told."""
    node = build(driver=Bench())
    node.order(an_on(1, 20))
    assert node.outcome(1)[0] == "succeeded"
    wait_for(lambda: not node.actuation.is_pumping())
    node.outbox.done(node.outbox.waiting())
    entry = {"id": 4001, "seq": 1, "actuator": "pump", "action": "on", "duration_ms": 20, "ttl_ms": 60_000}
    for broken in ("ack_again", "last_seq"):
        with monkeypatch.context() as patch:
            patch.setattr(node.ledger, broken, full)
            assert not node.handler.handle({"commands": [entry]}, asked_mono_ms=node.clock.mono_ms())
        assert node.outbox.waiting() == []


@pytest.mark.parametrize(
    "change",
    [
        {"action": "explode"},
        {"duration_ms": "30"},
        {"duration_ms": -1},
        {"duration_ms": True},
        {"ttl_ms": None},
        {"actuator": 7},
        {"duration_ms": None},
        {"duration_ms": 0},
    ],
)
def test_a_command_that_makes_no_sense_is_rejected(node: Node, tmp_path: Path, change: dict[str, Any]) -> None:
    entry = {"id": 4001, "seq": 1, "actuator": "pump", "action": "on", "duration_ms": 30, "ttl_ms": 60_000} | change
    node.handler.handle({"commands": [entry]}, asked_mono_ms=node.clock.mono_ms())
    status, ran_ms, reason = node.outcome(1)
    assert (status, ran_ms) == ("rejected", 0)
    assert reason in ("invalid_command", "invalid_duration")
    assert edges(tmp_path) == []


@pytest.mark.parametrize("data", [None, [], {}, {"commands": 3}, {"commands": [None, {}, {"id": 1}, {"seq": "x"}]}])
def test_an_answer_that_makes_no_sense_is_survived(node: Node, data: Any) -> None:
    assert not node.handler.handle(data, asked_mono_ms=node.clock.mono_ms())


def test_a_lamp_burns_until_told_otherwise_and_says_so_at_once(node: Node, tmp_path: Path) -> None:
    node.order(an_on(1, None, actuator="lamp"))
    assert node.outcome(1) == ("succeeded", 0, None)
    assert edges(tmp_path, "lamp") == [True]
    node.order(an_on(2, 20, actuator="lamp"))
    assert node.outcome(2) == ("succeeded", 20, None)
    assert edges(tmp_path, "lamp") == [True, False, True, False]
    node.order(an_on(3, None, actuator="lamp"))
    node.order(an_off(4, actuator="lamp"))
    assert edges(tmp_path, "lamp")[4:] == [True, False]
    assert node.outcome(3) == ("succeeded", 0, None)


def test_closing_ends_runs_and_starts_no_more(node: Node, tmp_path: Path) -> None:
    node.order(an_on(1, 20_000))
    node.actuation.close(Reason.SHUTDOWN)
    assert node.outcome(1)[0::2] == ("interrupted", "shutdown")
    node.order(an_on(2, 20_000))
    assert node.ledger.last_seq() == 1, "the backend brings it again"
    assert edges(tmp_path) == [True, False]


def test_who_stops_because_the_supervisor_is_lost_says_so(build: Callable[..., Node]) -> None:
    bench = Bench()
    node = build(driver=bench)
    node.order(an_on(1, 20_000))
    bench.ended_by = EndedBy.LOSS
    node.actuation.close(Reason.SHUTDOWN)
    assert node.outcome(1) == ("interrupted", 10, "supervisor_lost")


def test_a_start_that_hangs_on_the_disk_starts_nothing_after_the_end(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, is_on_its_way = node.ledger.begin_run, threading.Event()

    def begin_run(*arguments: Any) -> int:
        is_on_its_way.set()
        return begin(*arguments)

    monkeypatch.setattr(node.ledger, "begin_run", begin_run)
    lock = sqlite3.connect(tmp_path / "node.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    ordering = threading.Thread(target=node.order, args=(an_on(1, 60_000),))
    ordering.start()
    assert is_on_its_way.wait(45)
    node.actuation.close(Reason.SHUTDOWN)
    lock.execute("ROLLBACK")
    lock.close()
    ordering.join()

    assert edges(tmp_path) == []
    assert node.outcome(1) == ("rejected", 0, "shutdown")
    assert node.ledger.past_runs("pump") == [], "it costs neither pause nor daily amount"


def test_outcomes_are_told_after_an_outage_and_a_restart(
    backend: FakeBackend, build: Callable[..., Node], tmp_path: Path
) -> None:
    first = build()
    backend.order("on", 20)
    first.order(an_on(1, 20))
    first.outcome(1)
    backend.is_down = True
    assert first.acker.send_all() > 0
    first.close()
    backend.is_down = False
    second = build()
    assert second.acker.send_all() == 0
    assert backend.outcome(1) is not None
    assert second.acker.send_all() == 0
    assert len(backend.acks) == 1


def test_a_conflict_is_said_and_ends_the_matter(
    backend: FakeBackend, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    backend.order("on", 20)
    backend.order("off")
    backend.acks.append({"id": 4001, "seq": 1, "status": "failed", "ran_ms": 0, "reason": None})
    node.order(an_on(1, 20))
    node.outcome(1)
    node.order(an_off(2))
    node.order(an_off(9))
    assert node.acker.send_all() == 0
    assert node.outbox.waiting() == []
    assert backend.outcome(2) is not None
    assert "seq 1 was succeeded here, the backend has failed" in caplog.text
    assert "seq 9 was succeeded here, the backend has no such command" in caplog.text


@pytest.mark.parametrize("body", [b"{}", b'{"results": {}}', b'{"status": "ok"}'])
def test_nor_does_a_portal_that_says_yes_to_everything(backend: FakeBackend, node: Node, body: bytes) -> None:
    def portal(handler: Handler) -> bool:
        handler.answer(200, body)
        return True

    backend.order("off")
    node.order(an_off(1))
    backend.on("/commands/ack", portal)
    assert node.acker.send_all() > 0
    assert node.acker.send_all() == 0
    assert backend.outcome(1) is not None


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_proxys_page_ends_no_matter(backend: FakeBackend, node: Node, status: int) -> None:
    backend.order("off")
    node.order(an_off(1))
    backend.on("/commands/ack", page_of_a_proxy(status))
    assert node.acker.send_all() > 0
    assert node.acker.send_all() == 0
    assert backend.outcome(1) is not None


def test_more_acks_than_fit_go_in_several_requests(backend: FakeBackend, node: Node) -> None:
    for seq in range(1, 121):
        backend.order("off")
        node.order(an_off(seq))
    assert node.acker.send_all() == 0
    sizes = [len(body["acks"]) for _, path, body in backend.requests if path == "/commands/ack"]
    assert sizes == [50, 50, 20]


def test_ran_ms_is_exact_in_accelerated_time(backend: FakeBackend, tmp_path: Path) -> None:
    from plant_node.clock import Clock

    node = Node(backend, tmp_path, clock=Clock(speed=1440, origin_ms=1_795_464_000_000), limits=EASY)
    for seq in range(1, 6):
        node.order(an_on(seq, 8000, ttl_ms=100_000_000))
        assert node.outcome(seq) == ("succeeded", 8000, None)
        wait_for(lambda: "pump" not in node.actuation._running)
    assert isinstance(node.driver, SimulatedDriver)
    node.close()
