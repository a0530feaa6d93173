"""Measures, and sends what was measured."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
from collections.abc import Callable

from plant_node.backend import Backend, TooLarge, Unavailable
from plant_node.channels import Sensor
from plant_node.clock import Clock
from plant_node.drivers import Driver, SensorError
from plant_node.link import Backoff, Trouble
from plant_node.reading_queue import Batch, BatchGone, ReadingQueue
from plant_node.workers import BEAT_S, pause

log = logging.getLogger(__name__)

_ANSWER_S = 10.0
_CATCHING_UP = 5
_SAMPLE_WITHIN_S = 5.0


class Sampler:
    """Reads every sensor at each interval and queues what it shows."""

    def __init__(
        self,
        driver: Driver,
        sensors: tuple[Sensor, ...],
        queue: ReadingQueue,
        clock: Clock,
        stop: threading.Event,
        *,
        interval_ms: int,
    ) -> None:
        self._driver = driver
        self._sensors = sensors
        self._queue = queue
        self._clock = clock
        self._stop = stop
        self._interval_ms = interval_ms
        self._troubles = {sensor.key: Trouble(f"sensor {sensor.key}") for sensor in sensors}
        self._disk = Trouble("telemetry")
        self.sampled = threading.Event()

    def run(self, beat: Callable[[], None]) -> None:
        """Sample until told to stop. What a late start has missed is not made up for in a bunch."""
        next_ms = self._clock.mono_ms()
        while not self._stop.is_set():
            beat()
            now = self._clock.mono_ms()
            if now < next_ms:
                self._stop.wait(min(self._clock.real_seconds(next_ms - now), BEAT_S))
                continue
            self.sample()
            self.sampled.set()
            # Of two readings within a millisecond history holds one.
            missed = (self._clock.mono_ms() - next_ms) // self._interval_ms
            next_ms += (missed + 1) * self._interval_ms

    def sample(self) -> None:
        """Read every sensor once. What cannot be read, or is no number, is not sent."""
        for sensor in self._sensors:
            trouble = self._troubles[sensor.key]
            try:
                value = self._driver.read(sensor)
            except SensorError as error:
                trouble.happened(f"cannot be read ({error})")
                continue
            if not math.isfinite(value):
                trouble.happened("reads no finite number")
                continue
            trouble.is_over()
            self._queue.add(sensor.key, value, self._clock.mono_ms())
        try:
            self._queue.flush_if_due()
            self._disk.is_over()
        except sqlite3.Error as error:
            self._disk.happened(f"readings cannot be written ({error})")


class Sender:
    """Sends batches, the oldest first, and keeps each until the backend has it."""

    def __init__(
        self, backend: Backend, queue: ReadingQueue, clock: Clock, stop: threading.Event, *, interval_ms: int
    ) -> None:
        self._backend = backend
        self._queue = queue
        self._clock = clock
        self._stop = stop
        self._interval_ms = interval_ms
        self._backoff = Backoff()
        self._trouble = Trouble("telemetry")

    def run(self, beat: Callable[[], None], *, sampled: threading.Event | None = None) -> None:
        """Send at each interval until told to stop, just after a sample if there is one about then."""
        next_ms = self._clock.mono_ms()
        while not self._stop.is_set():
            beat()
            self._keep(self._queue.flush_if_due)
            now = self._clock.mono_ms()
            if now < next_ms:
                self._stop.wait(min(self._clock.real_seconds(next_ms - now), BEAT_S))
                continue
            if sampled is not None:
                # What goes out fresh need not be written.
                sampled.wait(min(_SAMPLE_WITHIN_S, self._clock.real_seconds(self._interval_ms) / 2))
                sampled.clear()
            pause_s = self.send_all(beat)
            pause(self._stop, pause_s, beat)
            next_ms = max(next_ms + self._interval_ms, self._clock.mono_ms() - self._interval_ms)
            if pause_s:
                next_ms = self._clock.mono_ms()

    def send_all(self, beat: Callable[[], None] = lambda: None) -> float:
        """Send what waits; returns the seconds to wait before the next try, 0 when all is sent."""
        sent = 0
        while not self._stop.is_set():
            beat()
            try:
                batch = self._queue.next_batch()
                if batch is None:
                    break
                sent += self._send(batch, _ANSWER_S)
            except Unavailable as error:
                if not error.is_said:
                    self._trouble.happened(str(error))
                self._keep(self._queue.flush)
                return self._backoff.failed(error.retry_after_s)
            except sqlite3.Error as error:
                self._trouble.happened(f"the queue cannot be used ({error})")
                return self._backoff.failed()
        self._backoff.succeeded()
        self._trouble.is_over()
        if sent > _CATCHING_UP:
            log.info("telemetry: caught up, %d batches sent", sent)
        return 0.0

    def _keep(self, flush: Callable[[], None]) -> None:
        """Bring readings to the disk, as far as it takes them."""
        try:
            flush()
        except sqlite3.Error as error:
            self._trouble.happened(f"readings cannot be written ({error})")

    def send_one(self, *, timeout_s: float) -> None:
        """One last try before the node stops.

        Raises Unavailable.
        """
        batch = self._queue.next_batch()
        if batch is not None:
            self._send(batch, timeout_s)

    def _send(self, batch: Batch, timeout_s: float) -> int:
        """Send one batch; 1 when the backend has it."""
        try:
            # Ages are as of the moment of sending, and a sign-in may come before it.
            answer = self._backend.post("/telemetry", lambda: self._queue.payload(batch), timeout_s=timeout_s)
        except BatchGone:
            self._queue.dissolve(batch)
            return 0
        except TooLarge:
            if self._queue.split(batch):
                return 0
            raise
        if answer.status == 202:
            self._queue.remove(batch)
            return 1
        if answer.status in (400, 409, 422):
            gone = self._queue.remove(batch)
            log.error("telemetry: dropped %d readings, batch %s: %s", gone, batch.batch_id, answer.problem)
            return 0
        if answer.status == 413 and self._queue.split(batch):
            return 0
        raise Unavailable(answer.problem)
