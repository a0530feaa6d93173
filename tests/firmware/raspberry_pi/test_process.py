"""The real agent in a real process: signals, kills, and what systemd sees."""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.raspberry_pi.builders import PatientProcess, Process, wait_for
from tests.firmware.raspberry_pi.fake_backend import FakeBackend

pytestmark = pytest.mark.crash
FAST = {"PLANT_NODE_SAMPLE_INTERVAL_S": "0.1", "PLANT_NODE_SEND_INTERVAL_S": "0.1"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "node"


@pytest.fixture
def process(backend: FakeBackend, state: Path) -> Iterator[Process]:
    with Process(backend, state, **FAST) as running:
        yield running


def edges(state: Path) -> list[dict[str, Any]]:
    file = state / "pin_trace.jsonl"
    # The last line of a killed process may be torn.
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(line) for line in lines]


def spans(state: Path) -> list[tuple[int, int]]:
    """When the pump was on, by the pin's own trace."""
    found: list[tuple[int, int]] = []
    on_at = None
    for edge in edges(state):
        if edge["on"]:
            assert on_at is None, "on while on"
            on_at = edge["at_ms"]
        elif on_at is not None:
            found.append((on_at, edge["at_ms"]))
            on_at = None
    assert on_at is None, "left on"
    return found


def test_sigterm_in_mid_run_is_clean(backend: FakeBackend, state: Path) -> None:
    # Samples gather for the last words, which are one batch: none is on its way just then.
    with PatientProcess(backend, state, **FAST | {"PLANT_NODE_SEND_INTERVAL_S": "600"}) as process:
        backend.wait_for(lambda: backend.batches)
        seq = backend.order("on", 25_000)
        wait_for(lambda: edges(state))
        assert process.terminate() == 0
    (span,) = spans(state)
    assert 0 <= span[1] - span[0] < 20_000
    ack = backend.outcome(seq)
    assert ack is not None, "told before it went"
    assert (ack["status"], ack["reason"]) == ("interrupted", "shutdown")
    assert ack["ran_ms"] == span[1] - span[0]
    with sqlite3.connect(state / "node.db") as database:
        (left,) = database.execute("SELECT count(*) FROM readings").fetchone()
    database.close()
    assert left <= 5, "all were sent, but for a sample that was being taken at the end"
    log = process.log()
    assert "pump: on for 25000 ms (command 4001, seq 1)" in log
    assert "agent: stopped, outputs are off" in log
    for secret in (backend.secret, "jwt-", "prt-"):
        assert secret not in log


def test_a_ledger_that_is_gone_is_no_fresh_allowance(backend: FakeBackend, state: Path) -> None:
    """A card that was written anew, a container without a volume: the backend knows what the pump ran."""
    backend.used_ms["pump"] = 295_000
    config = state.with_name("node.toml")
    config.write_text("[actuators.pump]\nkind = 'pump'\nmin_off_ms = 0\nmax_day_ms = 300_000\n")
    with Process(backend, state, PLANT_NODE_CONFIG=str(config), **FAST) as running:
        cut = backend.wait_for_outcome(backend.order("on", 25_000))
        assert running.terminate() == 0
    # It has a ledger now, which a new sign-in adds nothing to.
    config.write_text("[actuators.pump]\nkind = 'pump'\nmin_off_ms = 0\nmax_day_ms = 301_000\n")
    with Process(backend, state, PLANT_NODE_CONFIG=str(config), **FAST) as running:
        again = backend.wait_for_outcome(backend.order("on", 300))
        assert running.terminate() == 0

    assert (cut["status"], cut["reason"]) == ("succeeded", "max_day")
    assert 4_900 <= cut["ran_ms"] <= 15_000
    assert (again["status"], again["ran_ms"] >= 300) == ("succeeded", True)


def test_a_ledger_that_is_gone_begins_with_a_pause(backend: FakeBackend, state: Path) -> None:
    backend.used_ms["pump"] = 1
    with Process(backend, state, **FAST) as running:
        refused = backend.wait_for_outcome(backend.order("on", 300))
        assert running.terminate() == 0

    assert (refused["status"], refused["reason"]) == ("rejected", "min_off")
    assert spans(state) == []


def test_sigterm_in_an_outage_keeps_everything_and_does_not_wait(
    backend: FakeBackend, state: Path, process: Process
) -> None:
    seq = backend.order("on", 25_000)
    wait_for(lambda: edges(state))
    backend.is_down = True
    assert process.terminate() == 0
    assert backend.outcome(seq) is None
    backend.is_down = False
    depth = len(backend.readings())
    with Process(backend, state, **FAST):
        assert backend.wait_for_outcome(seq)["reason"] == "shutdown"
        backend.wait_for(lambda: len(backend.readings()) > depth)


def test_kill_9_at_any_moment_keeps_the_envelope(backend: FakeBackend, state: Path) -> None:
    """Run after run, killed after kill: every pin edge is inside the envelope, and no seq runs twice."""
    chance = random.Random(20261123)
    config = state.with_name("node.toml")
    config.write_text(
        "[sensors.soil]\nkind = 'soil_moisture'\n[sensors.tank]\nkind = 'reservoir_level'\n"
        "[actuators.pump]\nkind = 'pump'\nmax_run_ms = 200\nmin_off_ms = 150\nmax_day_ms = 1600\n"
    )
    for _ in range(14):
        with Process(backend, state, PLANT_NODE_CONFIG=str(config), **FAST) as running:
            polls, runs = len(backend.polls), len(edges(state))
            for _ in range(3):
                backend.order("on", chance.choice((60, 150, 900)), ttl_ms=1_200_000)
            backend.wait_for(lambda before=polls: len(backend.polls) > before)
            if chance.random() < 0.7:
                # Into a run, or past it: the kill comes somewhere around the first edges.
                wait_until_s = time.monotonic() + 0.5
                while len(edges(state)) == runs and time.monotonic() < wait_until_s:
                    time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.25))
            running.kill()
    with Process(backend, state, PLANT_NODE_CONFIG=str(config), **FAST) as running:
        polls = len(backend.polls)
        backend.wait_for(lambda: len(backend.polls) > polls)
        for command in backend.commands:
            backend.wait_for_outcome(command["seq"])
        assert running.terminate() == 0

    with sqlite3.connect(state / "node.db") as database:
        ledger = database.execute("SELECT seq, counted_ms FROM runs ORDER BY id").fetchall()
    database.close()
    pump = spans(state)
    assert len(pump) >= 3, "the test has to have seen runs"
    assert len(pump) <= len(ledger), "no edge without a run written down before"
    assert len({seq for seq, _ in ledger}) == len(ledger)
    started = [line for line in running.log().splitlines() if "pump: on for" in line]
    assert len(set(started)) == len(started)
    for (_, off), (on, _) in itertools.pairwise(pump):
        assert on - off >= 150
    assert all(off - on <= 200 for on, off in pump)
    assert sum(off - on for on, off in pump) <= sum(counted for _, counted in ledger) <= 1600
    for ack in backend.acks:
        assert ack["status"] != "succeeded" or ack["ran_ms"] <= 200
    assert not [ack for ack in backend.acks if ack["status"] == "duplicate"]


def test_kill_9_loses_no_reading_that_was_written_and_doubles_none(backend: FakeBackend, state: Path) -> None:
    for _ in range(4):
        before = len(backend.batches)
        with Process(backend, state, **FAST) as running:
            backend.wait_for(lambda before=before: len(backend.batches) > before + 1)
            running.kill()
    with Process(backend, state, **FAST) as running:
        before = len(backend.batches)
        backend.wait_for(lambda: len(backend.batches) > before + 1)
        assert running.terminate() == 0
    assert len({batch["boot_id"] for batch in backend.batches.values()}) == 5
    assert list(backend.batches) == sorted(backend.batches)


def test_two_agents_do_not_share_a_state(backend: FakeBackend, state: Path, process: Process) -> None:
    backend.wait_for(lambda: backend.polls)
    with Process(backend, state) as second:
        assert second.wait() == 1
        assert "another plant-node works in" in second.log()


def test_it_lives_without_a_backend_and_finds_it_later(backend: FakeBackend, state: Path) -> None:
    backend.is_down = True
    with Process(backend, state, **FAST) as running:
        wait_for(lambda: "link: the backend does not answer" in running.log())
        backend.is_down = False
        backend.wait_for(lambda: len(backend.readings()) > 10)
        assert "link: the backend answers again" in running.log()


def test_a_day_passes_in_a_minute(backend: FakeBackend, state: Path) -> None:
    origin = {"PLANT_NODE_CLOCK_SPEED": "1440", "PLANT_NODE_CLOCK_ORIGIN": str(int(time.time() * 1000))}
    backend.speed = 1440
    with Process(backend, state, **origin) as running:
        backend.wait_for(lambda: backend.polls)
        ack = backend.wait_for_outcome(backend.order("on", 8000, ttl_ms=100_000_000))
        assert (ack["status"], ack["ran_ms"]) == ("succeeded", 8000)
        backend.wait_for(lambda: len(backend.readings()) > 60)
        assert running.terminate() == 0
    soil = [reading for reading in backend.readings() if reading["sensor"] == "soil"]
    assert len(soil) > 10


def test_systemd_hears_when_it_is_ready_alive_and_stopping(backend: FakeBackend, state: Path, tmp_path: Path) -> None:
    # A path in a temporary folder may be longer than a socket's name can be.
    name = f"plant-node-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name)
        systemd.settimeout(45)
        # A socket holds few messages, and a node that has one too many waits until somebody hears them.
        env = {"NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": "1000000"}
        with Process(backend, state, **FAST, **env) as running:
            assert systemd.recv(100) == b"READY=1"
            assert systemd.recv(100) == b"WATCHDOG=1"
            assert running.terminate() == 0
            heard = systemd.recv(100)
            while heard == b"WATCHDOG=1":
                heard = systemd.recv(100)
            assert heard == b"STOPPING=1"


def test_status_tells_what_the_state_holds(backend: FakeBackend, state: Path, process: Process) -> None:
    backend.wait_for_outcome(backend.order("on", 50))
    status = subprocess.run(
        [sys.executable, "-m", "plant_node", "status"],
        env=os.environ | {"PLANT_NODE_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "last seq          1" in status.stdout
    assert "pump, last 24 h  1 runs, 0.05 s" in status.stdout


def test_it_stays_small(backend: FakeBackend, state: Path, process: Process) -> None:
    backend.wait_for(lambda: len(backend.readings()) > 20)
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    assert int(fields["VmRSS"].split()[0]) < 40 * 1024
