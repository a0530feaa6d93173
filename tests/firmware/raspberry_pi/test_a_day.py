"""24 hours of a node without a clock chip: an outage of six hours, two reboots, a clock that starts in 1970."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from plant_node.backend import Backend
from plant_node.channels import Sensor
from plant_node.link import Link
from plant_node.telemetry import Sampler, Sender

from tests.firmware.raspberry_pi.builders import HandClock, channels, open_queue
from tests.firmware.raspberry_pi.fake_backend import FakeBackend, lost

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
NOON_MS = 1_795_464_000_000
TOLERANCE_MS = 2_000


class World:
    """True time, and a probe whose every value is another one, so that each can be found again."""

    def __init__(self) -> None:
        self.true_ms = NOON_MS
        self.measured: dict[float, int] = {}

    def read(self, sensor: Sensor) -> float:
        value = float(len(self.measured))
        self.measured[value] = self.true_ms
        return value


class Life:
    """A node from one boot of its machine to the next. Its clock says 1970 until a time service comes through."""

    def __init__(self, world: World, backend: FakeBackend, state: Path, number: int) -> None:
        self.world = world
        self.clock = HandClock(mono_ms=15_000, wall_ms=20_000, boot=f"boot-{number}")
        self.queue = open_queue(state, self.clock, max_readings=100_000)
        stop = threading.Event()
        sensors = channels().sensors
        link = Link(self.clock, timeout_s=120)
        client = Backend(backend.url, backend.device_id, backend.secret, None, clock=self.clock, link=link)
        self.sampler = Sampler(world, sensors, self.queue, self.clock, stop, interval_ms=MINUTE_MS)  # type: ignore[arg-type]
        self.sender = Sender(client, self.queue, self.clock, stop, interval_ms=MINUTE_MS)

    def pass_a_minute(self, arrivals: Arrivals) -> None:
        self.sampler.sample()
        self.turn(1_500)
        self.sender.send_all()
        arrivals.look()
        self.turn(MINUTE_MS - 1_500)

    def turn(self, by_ms: int) -> None:
        self.clock.turn(by_ms)
        self.world.true_ms += by_ms

    def is_synchronized(self) -> bool:
        return self.clock.trusted

    def synchronize(self) -> None:
        self.clock.wall = self.world.true_ms + 40
        self.clock.trusted = True

    def end(self) -> None:
        self.queue.close()


class Arrivals:
    """When the backend would say that each value was measured."""

    def __init__(self, backend: FakeBackend, world: World) -> None:
        self.backend, self.world = backend, world
        self.known = 0
        self.dated: dict[float, int] = {}
        self.undated = 0
        self.times = Counter[float]()

    def look(self) -> None:
        """Date what came since the last look: it has just come."""
        batches = list(self.backend.batches.values())
        for batch in batches[self.known :]:
            for reading in batch["readings"]:
                self.times[reading["value"]] += 1
                when = self._when(reading)
                if when is None:
                    self.undated += 1
                else:
                    self.dated[reading["value"]] = when
        self.known = len(batches)

    def _when(self, reading: dict[str, Any]) -> int | None:
        if "age_ms" in reading:
            return self.world.true_ms - int(reading["age_ms"])
        if "measured_at" in reading:
            return int(datetime.fromisoformat(reading["measured_at"]).timestamp() * 1000)
        return None


@pytest.mark.slow
def test_every_reading_of_a_bad_day_arrives_once_and_with_its_time(backend: FakeBackend, tmp_path: Path) -> None:
    """Offline gaps are never filled in (esphome/feature-requests #2628); 1970 stops programs (OpenSprinkler #396)."""
    world = World()
    arrivals = Arrivals(backend, world)
    outage = range(8 * 60, 14 * 60)
    # The first while all is well, the second in the middle of the outage.
    reboots = (3 * 60, 11 * 60)
    life = Life(world, backend, tmp_path / "node.db", 0)
    booted_at = 0
    for minute in range(24 * 60):
        backend.is_down = minute in outage
        if minute in reboots:
            life.end()
            # A minute and a half without power: nobody measures it.
            world.true_ms += 90_000
            life = Life(world, backend, tmp_path / "node.db", minute)
            booted_at = minute
        if not backend.is_down and not life.is_synchronized() and minute >= booted_at + 2:
            life.synchronize()
        life.pass_a_minute(arrivals)
    life.end()

    assert len(world.measured) == 24 * 60 * len(channels().sensors)
    waiting = set(world.measured) - set(arrivals.times)
    assert waiting == set(), "nothing is missing, and nothing waits any more"
    assert set(arrivals.times.values()) == {1}, "nothing came twice"
    assert arrivals.undated == 0
    late = {value: arrivals.dated[value] - true_ms for value, true_ms in world.measured.items()}
    assert max(abs(each) for each in late.values()) <= TOLERANCE_MS
    assert backend.duplicates == 0


@pytest.mark.slow
def test_an_answer_lost_in_each_hour_doubles_nothing(backend: FakeBackend, tmp_path: Path) -> None:
    world = World()
    arrivals = Arrivals(backend, world)
    life = Life(world, backend, tmp_path / "node.db", 0)
    for minute in range(6 * 60):
        if minute % 60 == 30:
            backend.on("/telemetry", lost)
        life.pass_a_minute(arrivals)
    life.end()
    assert set(arrivals.times) == set(world.measured)
    assert set(arrivals.times.values()) == {1}
    assert backend.duplicates == 6, "each was sent again as the same batch"


@pytest.mark.slow
def test_without_any_time_service_a_reboot_costs_the_date_and_not_the_reading(
    backend: FakeBackend, tmp_path: Path
) -> None:
    """Nobody measured how long the power was away: better no date than a wrong one."""
    world = World()
    arrivals = Arrivals(backend, world)
    backend.is_down = True
    life = Life(world, backend, tmp_path / "node.db", 0)
    for _ in range(30):
        life.pass_a_minute(arrivals)
    life.end()
    world.true_ms += HOUR_MS
    life = Life(world, backend, tmp_path / "node.db", 1)
    backend.is_down = False
    for _ in range(30):
        life.pass_a_minute(arrivals)
    life.end()
    assert set(arrivals.times) == set(world.measured)
    assert arrivals.undated == 30 * len(channels().sensors)
    late = [arrivals.dated[value] - world.measured[value] for value in arrivals.dated]
    assert max(map(abs, late)) <= TOLERANCE_MS
