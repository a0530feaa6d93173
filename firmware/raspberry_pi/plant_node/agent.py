"""The whole agent: puts the parts together, starts them, and takes them down with the pump first."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from plant_node import __version__, database, systemd
from plant_node.actuation import Actuation
from plant_node.backend import Backend, Unavailable
from plant_node.channels import PUMP
from plant_node.clock import Clock, kernel_clock_is_synchronized
from plant_node.commands import Acker, AckOutbox, CommandHandler, Poller
from plant_node.drivers import Driver, open_driver
from plant_node.envelope import Reason
from plant_node.ledger import Ledger
from plant_node.link import Link
from plant_node.lived import LivedClock
from plant_node.reading_queue import ReadingQueue
from plant_node.settings import Settings
from plant_node.telemetry import Sampler, Sender
from plant_node.workers import Workers

log = logging.getLogger(__name__)

STATE_FILE = "node.db"
_LAST_WORDS_S = 2.0
_LAST_WORD_S = 1.0
_CHECK_EVERY_S = 10.0


class StateBusy(Exception):
    """Another agent works in this state folder."""


def make_clock(settings: Settings) -> Clock:
    """The clock that the settings ask for."""
    # Simulated time is right by definition.
    trust = "always" if settings.clock_speed != 1 else settings.clock_trust
    return Clock(
        speed=settings.clock_speed,
        origin_ms=settings.clock_origin_ms,
        wall_is_right=kernel_clock_is_synchronized if trust == "auto" else lambda: trust == "always",
    )


@contextlib.contextmanager
def only_one(state_dir: Path) -> Iterator[None]:
    """Two agents on one state would run one pump twice.

    Raises StateBusy.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateBusy(f"another plant-node works in {state_dir}") from None
        yield
    finally:
        os.close(descriptor)


class Agent:
    """One node."""

    def __init__(self, settings: Settings, clock: Clock, driver: Driver) -> None:
        self._settings = settings
        self._clock = clock
        self._driver = driver
        self._stop = threading.Event()
        self._workers = Workers(clock, self._stop)
        channels = settings.config.channels

        path = settings.state_dir / STATE_FILE
        is_whole = database.prepare(path)
        connection = database.connect(path, synchronous="FULL")
        lived = LivedClock.resume(connection, clock)
        self._ledger = Ledger(connection, lived)
        self._recover(is_whole)
        if not self._ledger.is_new():
            self._ledger.belong_to(settings.device_id)
        self._queue = ReadingQueue(
            database.connect(path, synchronous="NORMAL"), clock, lived, max_readings=settings.queue_max_readings
        )

        self._link = Link(clock, timeout_s=settings.link_timeout_s)
        backend = Backend(
            settings.api_base_url,
            settings.device_id,
            settings.device_secret,
            channels.manifest(),
            clock=clock,
            link=self._link,
            on_sign_in=self._learn_past,
            # There is one before anybody signs in.
            is_in_run=lambda: self._actuation.is_pumping(),  # noqa: PLW0108
        )
        self._outbox = AckOutbox(self._ledger)
        self._actuation = Actuation(
            driver,
            channels,
            self._ledger,
            clock,
            self._link,
            now_lived_ms=lived.now,
            on_outcome=self._outbox.news.set,
            on_fault=self._workers.fail,
        )
        handler = CommandHandler(self._actuation, self._ledger, self._outbox, self._clock)
        self._poller = Poller(backend, handler, self._ledger, self._link, clock, self._stop)
        self._acker = Acker(backend, self._outbox, self._stop)
        self._sampler = Sampler(
            driver, channels.sensors, self._queue, clock, self._stop, interval_ms=settings.sample_interval_ms
        )
        self._sender = Sender(backend, self._queue, clock, self._stop, interval_ms=settings.send_interval_ms)

    def run(self) -> int:
        """Work until a signal or a fault; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        log.info(
            "agent: plant-node %s, driver %s, boot %s, %d readings wait, last seq %d",
            __version__,
            self._settings.driver,
            self._queue.boot_id,
            self._queue.depth(),
            self._ledger.last_seq(),
        )
        # Acks of an earlier life go out at once.
        self._outbox.news.set()
        self._workers.start("sampler", self._sampler.run)
        self._workers.start("sender", self._send)
        self._workers.start("acks", self._acker.run)
        self._workers.start("commands", self._poller.run)
        systemd.notify("READY=1")
        pause_s = min(systemd.watchdog_interval_s() or _CHECK_EVERY_S, _CHECK_EVERY_S)
        while not self._stop.wait(pause_s):
            self._workers.check()
            if (fault := self._driver.fault()) is not None:
                self._workers.fail(fault)
            if not self._stop.is_set():
                systemd.notify("WATCHDOG=1")
        return self._shut_down()

    def _send(self, beat: Callable[[], None]) -> None:
        self._sender.run(beat, sampled=self._sampler.sampled)

    def _recover(self, is_whole: bool) -> None:
        for run in self._ledger.recover():
            log.warning(
                "%s: a run was cut off by the last stop (seq %s); it counts in full, %s ms",
                run.actuator,
                run.seq,
                run.planned_ms,
            )
        if is_whole:
            return
        for actuator in self._settings.config.channels.actuators:
            if actuator.kind == PUMP:
                log.critical("%s: the ledger is lost; no run for 24 h, since nobody knows what ran", actuator.key)
                self._ledger.assume_ran(actuator.key, actuator.limits.max_day_ms)

    def _learn_past(self, used_ms: Mapping[str, int]) -> None:
        """A ledger that nobody has begun, of pumps that the backend has seen run, is a lost one."""
        try:
            if not self._ledger.is_new():
                return
            for actuator in self._settings.config.channels.actuators:
                ran_ms = used_ms.get(actuator.key, 0) if actuator.kind == PUMP else 0
                if ran_ms > 0:
                    log.warning("%s: no ledger of its own; as if it had run until now, for %d ms", actuator.key, ran_ms)
                    self._ledger.assume_ran(actuator.key, ran_ms)
            self._ledger.belong_to(self._settings.device_id)
        except sqlite3.Error as error:
            raise Unavailable(f"the ledger cannot be written ({error})") from error

    def _shut_down(self) -> int:
        systemd.notify("STOPPING=1")
        self._stop.set()
        self._actuation.close(Reason.SHUTDOWN)
        last_words = threading.Thread(target=self._say_last_words, name="last words", daemon=True)
        last_words.start()
        last_words.join(_LAST_WORDS_S)
        with contextlib.suppress(sqlite3.Error):
            self._queue.close()
        with contextlib.suppress(sqlite3.Error):
            self._ledger.close()
        if self._workers.fault is not None:
            log.critical("agent: stopped: %s", self._workers.fault)
            return 1
        log.info("agent: stopped, outputs are off")
        return 0

    def _say_last_words(self) -> None:
        """Acks first, then one batch; whatever does not get through is on the disk."""
        with contextlib.suppress(Unavailable, sqlite3.Error):
            self._queue.flush()
            if self._acker.send_all(timeout_s=_LAST_WORD_S) == 0:
                self._sender.send_one(timeout_s=_LAST_WORD_S)


def run_agent(settings: Settings, clock: Clock) -> int:
    """Switch the outputs off, then work.

    Raises DriverError, StateBusy, StateDamaged.
    """
    with only_one(settings.state_dir):
        # Outputs are off before anything else: before the disk is looked at, and before the network.
        driver = open_driver(
            settings.driver,
            settings.config,
            clock,
            settings.state_dir,
            pin_trace=settings.pin_trace,
            simulated=settings.simulated,
        )
        try:
            return Agent(settings, clock, driver).run()
        finally:
            driver.close()
