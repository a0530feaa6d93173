"""An agent whose worker hangs stops, and one whose worker waits does not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from plant_node.ledger import Ack, Outcome, Status
from plant_node.telemetry import Sender
from plant_node.workers import Workers

from tests.firmware.raspberry_pi.builders import HandClock, Node, open_queue
from tests.firmware.raspberry_pi.fake_backend import FakeBackend, Handler

_CHECK_EVERY_MS = 10_000


class HastyStop(threading.Event):
    """Waits in no time: turns the clock instead, and lets the agent look after its workers meanwhile."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self.workers = Workers(clock, self)
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        left_ms = round(timeout * 1000)
        while left_ms > 0 and not self.is_set():
            step_ms = min(left_ms, _CHECK_EVERY_MS)
            self._clock.turn(step_ms)
            left_ms -= step_ms
            self.workers.check()
        return self.is_set()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def stop(clock: HandClock) -> HastyStop:
    return HastyStop(clock)


@pytest.fixture
def waiting_node(backend: FakeBackend, tmp_path: Path, clock: HandClock, stop: HastyStop) -> Iterator[Node]:
    node = Node(backend, tmp_path, clock=clock, stop=stop)
    yield node
    node.close()


def runs_until_told(stop: HastyStop, work: Callable[[Callable[[], None]], None]) -> None:
    has_ended = threading.Event()

    def run(beat: Callable[[], None]) -> None:
        work(beat)
        has_ended.set()

    stop.workers.start("worker", run)
    assert has_ended.wait(45)
    assert stop.workers.fault is None


def asked_at(backend: FakeBackend, path: str, stop: HastyStop, work: Callable[[Callable[[], None]], None]) -> list[int]:
    """When a worker asks a backend that wants to be left alone for five minutes, each of three times."""
    asked: list[int] = []

    def not_now(handler: Handler) -> bool:
        asked.append(stop._clock.mono_ms())
        if len(asked) == 3:
            stop.set()
        handler.answer(429, {"code": "too_many_requests"}, {"Retry-After": "300"})
        return True

    for _ in range(9):
        backend.on(path, not_now)
    runs_until_told(stop, work)
    return asked


def is_left_alone(asked: list[int]) -> bool:
    return len(asked) == 3 and all(300_000 <= later - earlier <= 331_000 for earlier, later in pairwise(asked))


def test_a_poller_that_is_told_to_wait_does_not_hang(backend: FakeBackend, waiting_node: Node, stop: HastyStop) -> None:
    assert is_left_alone(asked_at(backend, "/commands", stop, waiting_node.poller.run))


def test_an_acker_that_is_told_to_wait_does_not_hang(backend: FakeBackend, waiting_node: Node, stop: HastyStop) -> None:
    waiting_node.outbox.add(Ack(4001, 1, Outcome(Status.DUPLICATE)))
    assert is_left_alone(asked_at(backend, "/commands/ack", stop, waiting_node.acker.run))


def test_a_sender_that_is_told_to_wait_does_not_hang(
    backend: FakeBackend, waiting_node: Node, stop: HastyStop, clock: HandClock, tmp_path: Path
) -> None:
    queue = open_queue(tmp_path / "queue.db", clock)
    queue.add("soil", 40.0, clock.mono_ms())
    sender = Sender(waiting_node.client, queue, clock, stop, interval_ms=60_000)
    assert is_left_alone(asked_at(backend, "/telemetry", stop, sender.run))


def test_a_refused_secret_is_tried_again_and_again_by_the_same_agent(
    backend: FakeBackend, waiting_node: Node, stop: HastyStop
) -> None:
    """Its pauses grow to five minutes, and a person may take days."""
    backend.secret = "pds_other"

    def refuse(handler: Handler) -> bool:
        if len(backend.sign_ins) == 11:
            stop.set()
        return False

    for _ in range(12):
        backend.on("/auth/device", refuse)
    runs_until_told(stop, waiting_node.poller.run)
    assert len(backend.sign_ins) == 12


def test_a_worker_that_gives_no_sign_of_life_ends_the_agent(clock: HandClock, stop: HastyStop) -> None:
    release = threading.Event()
    stop.workers.start("sampler", lambda _: (release.wait(), None)[1])
    try:
        assert not stop.wait(120)
        assert stop.wait(10)
    finally:
        release.set()
    assert stop.workers.fault == "sampler hangs"
