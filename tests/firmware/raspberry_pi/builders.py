"""Builds the agent's parts, as the agent does, so that a test can look between them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plant_node import database
from plant_node.actuation import Actuation
from plant_node.backend import Backend
from plant_node.channels import LAMP, PUMP, SIMULATED_CHANNELS, Actuator, Channels
from plant_node.clock import Clock
from plant_node.commands import Acker, AckOutbox, CommandHandler, Poller
from plant_node.drivers.simulated import SimulatedDriver
from plant_node.drivers.world import WorldParameters
from plant_node.envelope import Limits, Reason
from plant_node.ledger import Command, Ledger
from plant_node.link import Link
from plant_node.lived import LivedClock
from plant_node.reading_queue import ReadingQueue

from tests.firmware.raspberry_pi.fake_backend import FakeBackend

EASY = Limits(max_run_ms=30_000, min_off_ms=0, max_day_ms=300_000)


class HandClock(Clock):
    """A clock that a test turns by hand; several machines' boots in one test."""

    def __init__(self, *, mono_ms: int = 1_000_000, wall_ms: int = 1_795_464_000_000, boot: str = "boot-1") -> None:
        super().__init__(boot_id=boot, wall_is_right=lambda: self.trusted)
        self.trusted = False
        self.mono = mono_ms
        self.wall = wall_ms

    def mono_ms(self) -> int:
        return self.mono

    def wall_ms(self) -> int:
        return self.wall

    def real_s(self) -> float:
        return self.mono / 1000

    def turn(self, by_ms: int) -> None:
        self.mono += by_ms
        self.wall += by_ms

    def reboot(self, boot: str, *, uptime_ms: int = 20_000, wall_ms: int | None = None) -> None:
        self.boot_id = boot
        self.mono = uptime_ms
        self.wall = self.wall if wall_ms is None else wall_ms


def channels(limits: Limits = EASY, *, pulses_per_l: int | None = None) -> Channels:
    """The simulated plant's channels with other limits, and a flow meter if wanted."""
    pump = Actuator("pump", PUMP, limits=limits, pulses_per_l=pulses_per_l)
    return Channels(SIMULATED_CHANNELS.sensors, (pump, Actuator("lamp", LAMP)))


def an_on(seq: int, duration_ms: int | None = 50, *, actuator: str = "pump", ttl_ms: int = 60_000) -> Command:
    return Command(4000 + seq, seq, actuator, "on", duration_ms, ttl_ms)


def an_off(seq: int, *, actuator: str = "pump") -> Command:
    return Command(4000 + seq, seq, actuator, "off", None, 60_000)


def wait_for(what: Callable[[], Any], timeout_s: float = 45.0) -> Any:
    """Wait until something is true and return it."""
    end_s = time.monotonic() + timeout_s
    while not (value := what()):
        assert time.monotonic() < end_s, f"did not happen in {timeout_s} s"
        time.sleep(0.005)
    return value


def open_ledger(path: Path, clock: Clock) -> tuple[Ledger, LivedClock, sqlite3.Connection]:
    database.prepare(path)
    connection = database.connect(path, synchronous="FULL")
    lived = LivedClock.resume(connection, clock)
    return Ledger(connection, lived), lived, connection


def open_queue(path: Path, clock: Clock, *, max_readings: int = 10_000) -> ReadingQueue:
    database.prepare(path)
    connection = database.connect(path, synchronous="NORMAL")
    return ReadingQueue(connection, clock, LivedClock.resume(connection, clock), max_readings=max_readings)


class Node:
    """The agent's command side, with its parts within reach."""

    def __init__(
        self,
        backend: FakeBackend,
        state_dir: Path,
        *,
        clock: Clock | None = None,
        limits: Limits = EASY,
        link_timeout_s: float = 60.0,
        driver: Any = None,
        parameters: WorldParameters | None = None,
        pulses_per_l: int | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.channels = channels(limits, pulses_per_l=pulses_per_l)
        self.stop = stop or threading.Event()
        self.faults: list[str] = []
        self.driver = driver or SimulatedDriver(
            self.channels, self.clock, state_dir, parameters or WorldParameters(), pin_trace=True
        )
        self.ledger, self.lived, _ = open_ledger(state_dir / "node.db", self.clock)
        self.recovered = self.ledger.recover()
        self.link = Link(self.clock, timeout_s=link_timeout_s)
        self.client = Backend(
            backend.url,
            backend.device_id,
            backend.secret,
            self.channels.manifest(),
            clock=self.clock,
            link=self.link,
        )
        self.outbox = AckOutbox(self.ledger)
        self.actuation = Actuation(
            self.driver,
            self.channels,
            self.ledger,
            self.clock,
            self.link,
            now_lived_ms=self.lived.now,
            on_outcome=self.outbox.news.set,
            on_fault=self.faults.append,
        )
        self.handler = CommandHandler(self.actuation, self.ledger, self.outbox, self.clock)
        self.poller = Poller(self.client, self.handler, self.ledger, self.link, self.clock, self.stop)
        self.acker = Acker(self.client, self.outbox, self.stop)
        self._backend = backend
        self._working: list[threading.Thread] = []

    def work(self) -> None:
        """Poll and acknowledge, as the agent does."""
        for name, target in (("poller", self.poller.run), ("acker", self.acker.run)):
            thread = threading.Thread(target=target, args=(lambda: None,), name=name, daemon=True)
            thread.start()
            self._working.append(thread)

    def order(self, command: Command) -> None:
        """Carry out a command that arrives now."""
        before = self.clock.mono_ms() + command.ttl_ms
        if command.action == "off":
            self.ledger.record(command, self.actuation.turn_off(command))
        else:
            self.actuation.turn_on(command, start_before_mono_ms=before)

    def outcome(self, seq: int) -> Any:
        """The final outcome of a command, as (status, ran_ms, reason)."""

        def final() -> Any:
            found = self.ledger.outcome_of(seq)
            return found if found is not None and found.status != "accepted" else None

        found = wait_for(final)
        return found.status, found.ran_ms, found.reason

    def close(self) -> None:
        self.stop.set()
        self.outbox.news.set()
        self.actuation.close(Reason.SHUTDOWN)
        # Whoever closes the state file under a thread that reads it crashes the interpreter.
        with self._backend.change:
            self._backend.next_poll_turn()
        for thread in self._working:
            thread.join()
        self.driver.close()


class Process:
    """The real agent in a process of its own."""

    _run: tuple[str, ...] = ("-m", "plant_node", "run")

    def __init__(self, backend: FakeBackend, state_dir: Path, **env: str) -> None:
        self.log_file = state_dir.with_name(state_dir.name + ".log")
        settings = {
            "PLANT_API_BASE_URL": backend.url,
            "PLANT_DEVICE_ID": backend.device_id,
            "PLANT_DEVICE_SECRET": backend.secret,
            "PLANT_NODE_STATE_DIR": str(state_dir),
            "PLANT_NODE_PIN_TRACE": "1",
            **env,
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PLANT_")}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, *self._run], env=clean | settings, stderr=log)

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """SIGTERM; the exit code. systemd waits for 10 s; a busy machine may take longer."""
        self._process.terminate()
        return self._process.wait(timeout=120)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self, timeout_s: float = 45.0) -> int:
        return self._process.wait(timeout=timeout_s)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()


_PATIENT = """import sys
from plant_node import agent, cli
agent._LAST_WORDS_S = agent._LAST_WORD_S = 60.0
sys.exit(cli.main(["run"]))
"""


class PatientProcess(Process):
    """One that waits at its end until its last words were heard, however long a busy machine takes."""

    _run = ("-c", _PATIENT)
