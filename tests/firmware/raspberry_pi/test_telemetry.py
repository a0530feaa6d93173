"""Nothing measured is lost, and nothing senseless is sent."""

from __future__ import annotations

import logging
import math
import threading
from pathlib import Path

import pytest
from plant_node.channels import Sensor
from plant_node.drivers import OnTime, SensorError
from plant_node.reading_queue import ReadingQueue
from plant_node.telemetry import Sampler, Sender

from tests.firmware.raspberry_pi.builders import HandClock, Node, open_queue, wait_for
from tests.firmware.raspberry_pi.fake_backend import FakeBackend, Fault, busy, lost, page_of_a_proxy, refusing


@pytest.fixture
def queue(node: Node, tmp_path: Path) -> ReadingQueue:
    return open_queue(tmp_path / "queue.db", node.clock)


@pytest.fixture
def sender(node: Node, queue: ReadingQueue) -> Sender:
    return Sender(node.client, queue, node.clock, node.stop, interval_ms=1000)


def fill(queue: ReadingQueue, *values: float) -> None:
    for value in values:
        queue.add("soil", value, queue._clock.mono_ms())


def values(backend: FakeBackend) -> list[float]:
    return [reading["value"] for reading in backend.readings()]


def test_an_outage_loses_and_doubles_nothing(backend: FakeBackend, queue: ReadingQueue, sender: Sender) -> None:
    fill(queue, 1, 2)
    assert sender.send_all() == 0
    backend.is_down = True
    fill(queue, 3)
    assert sender.send_all() > 0
    fill(queue, 4)
    assert sender.send_all() > 0
    backend.is_down = False
    assert sender.send_all() == 0
    assert values(backend) == [1, 2, 3, 4]
    assert queue.depth() == 0


def test_a_lost_answer_doubles_nothing(backend: FakeBackend, queue: ReadingQueue, sender: Sender) -> None:
    backend.on("/telemetry", lost)
    fill(queue, 1, 2)
    assert sender.send_all() > 0
    fill(queue, 3)
    assert sender.send_all() == 0
    assert values(backend) == [1, 2, 3]
    assert backend.duplicates == 1


def test_a_full_backend_keeps_the_batch_and_sets_the_pace(
    backend: FakeBackend, queue: ReadingQueue, sender: Sender
) -> None:
    backend.on("/telemetry", busy("20"))
    fill(queue, 1)
    assert sender.send_all() >= 20
    assert queue.depth() == 1
    assert sender.send_all() == 0
    assert values(backend) == [1]


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_batch_that_can_never_succeed_is_dropped_and_said(
    backend: FakeBackend, queue: ReadingQueue, sender: Sender, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    backend.on("/telemetry", refusing(status, "batch_conflict"))
    fill(queue, 1, 2)
    assert sender.send_all() == 0
    assert queue.depth() == 0
    assert "dropped 2 readings" in caplog.text
    assert "told so" in caplog.text
    fill(queue, 3)
    sender.send_all()
    assert values(backend) == [3]


def test_a_batch_that_is_too_large_is_split(backend: FakeBackend, queue: ReadingQueue, sender: Sender) -> None:
    backend.on("/telemetry", refusing(413, "body_too_large"))
    backend.on("/telemetry", refusing(413, "body_too_large"))
    fill(queue, 1, 2, 3, 4, 5)
    assert sender.send_all() == 0
    assert values(backend) == [1, 2, 3, 4, 5]
    assert len(backend.batches) == 3


@pytest.mark.parametrize("answer", [page_of_a_proxy(413), refusing(413, "body_too_large")])
def test_a_reading_that_alone_is_too_large_is_kept(
    backend: FakeBackend, queue: ReadingQueue, sender: Sender, answer: Fault
) -> None:
    """A proxy that lets nothing through is mended one day; until then nothing is lost."""
    for _ in range(9):
        backend.on("/telemetry", answer)
    fill(queue, 1, 2, 3)
    for _ in range(3):
        assert sender.send_all() > 0
        assert queue.depth() == 3
    backend.faults.clear()
    assert sender.send_all() == 0
    assert values(backend) == [1, 2, 3]


def test_what_a_proxy_finds_too_large_is_split_and_is_no_link(
    node: Node, backend: FakeBackend, queue: ReadingQueue, sender: Sender
) -> None:
    heard: list[bool] = []
    node.client.sign_in()
    node.link.answered = lambda: heard.append(True)  # type: ignore[method-assign]
    backend.on("/telemetry", page_of_a_proxy(413))
    fill(queue, 1, 2, 3)
    assert sender.send_all() == 0
    assert values(backend) == [1, 2, 3]
    assert len(heard) == len(backend.batches) == 2


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refusal_that_is_not_the_backends_keeps_the_batch(
    backend: FakeBackend, queue: ReadingQueue, sender: Sender, status: int
) -> None:
    """A proxy's or a captive portal's page is no verdict on the readings."""
    backend.on("/telemetry", page_of_a_proxy(status))
    fill(queue, 1)
    assert sender.send_all() > 0
    assert sender.send_all() == 0
    assert values(backend) == [1]


@pytest.mark.parametrize("status", [403, 404, 500, 502])
def test_every_other_answer_keeps_the_batch(
    backend: FakeBackend, queue: ReadingQueue, sender: Sender, status: int
) -> None:
    backend.on("/telemetry", refusing(status, "strange"))
    fill(queue, 1)
    assert sender.send_all() > 0
    assert sender.send_all() == 0
    assert values(backend) == [1]


class Probes:
    """Sensors that can break."""

    def __init__(self) -> None:
        self.soil = 40.0
        self.is_broken = False

    def read(self, sensor: Sensor) -> float:
        if sensor.key == "soil":
            return self.soil
        if self.is_broken:
            raise SensorError("no answer on the bus")
        return 80.0

    def turn_on(self, actuator: str, most_ms: int | None) -> None: ...

    def keep_on(self, actuator: str) -> bool: ...

    def turn_off(self, actuator: str) -> OnTime | None: ...

    def fault(self) -> str | None: ...

    def flowed_ml(self, actuator: str) -> float | None: ...

    def close(self) -> None: ...


def test_a_broken_sensor_does_not_silence_the_others(
    node: Node, queue: ReadingQueue, sender: Sender, backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    probes = Probes()
    sensors = node.channels.sensors[:2]
    sampler = Sampler(probes, sensors, queue, node.clock, node.stop, interval_ms=1000)
    probes.is_broken = True
    for soil in (math.nan, math.inf, -math.inf, 41.0):
        probes.soil = soil
        sampler.sample()
    probes.is_broken = False
    with caplog.at_level(logging.INFO, logger="plant_node"):
        sampler.sample()
    sender.send_all()
    assert [(reading["sensor"], reading["value"]) for reading in backend.readings()] == [
        ("soil", 41.0),
        ("soil", 41.0),
        ("tank", 80.0),
    ]
    assert len([record for record in caplog.records if "no answer on the bus" in record.message]) == 1
    assert "sensor tank: works again" in caplog.text


def test_sampling_and_sending_go_on_by_themselves(node: Node, queue: ReadingQueue, backend: FakeBackend) -> None:
    sampler = Sampler(node.driver, node.channels.sensors, queue, node.clock, node.stop, interval_ms=20)
    sender = Sender(node.client, queue, node.clock, node.stop, interval_ms=20)
    threads = [
        threading.Thread(target=sampler.run, args=(lambda: None,)),
        threading.Thread(target=sender.run, args=(lambda: None,)),
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(backend.batches) >= 5)
    node.stop.set()
    for thread in threads:
        thread.join()
    assert {reading["sensor"] for reading in backend.readings()} == {"soil", "tank", "temperature", "humidity", "light"}
    assert all(0 <= reading["age_ms"] < 60_000 for reading in backend.readings())


def test_what_a_machine_missed_while_it_stood_still_is_not_made_up_for_in_a_bunch(node: Node, tmp_path: Path) -> None:
    """Of two readings within a millisecond history would hold one."""
    clock = HandClock()
    clock.speed = 1000
    began_ms = clock.mono
    end_ms = began_ms + 9_500
    read_at: list[int] = []

    class Slow(Probes):
        def read(self, sensor: Sensor) -> float:
            value = super().read(sensor)
            read_at.append(clock.mono)
            if len(read_at) == 1:
                clock.turn(5_000)
            return value

    def beat() -> None:
        clock.turn(100)
        if clock.mono >= end_ms:
            node.stop.set()

    queue = open_queue(tmp_path / "late.db", clock)
    Sampler(Slow(), node.channels.sensors[:1], queue, clock, node.stop, interval_ms=1000).run(beat)

    # At its interval again, in step with before.
    assert read_at == [began_ms + after_ms for after_ms in (100, 6_000, 7_000, 8_000, 9_000)]
