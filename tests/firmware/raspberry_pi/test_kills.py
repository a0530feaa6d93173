"""Kill -9 of agent, supervisor and both at every single thing that they do for a dose."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.firmware.raspberry_pi.board import Board
from tests.firmware.raspberry_pi.builders import Process, wait_for
from tests.firmware.raspberry_pi.fake_backend import FakeBackend

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(600)]

DOSE_MS = 120
LATE_MS = 4_500
"""How late an off may come on a busy machine: still before what ends a run whose timer was lost, which takes 5 s."""
MOST_POINTS = 80


def has_ended(pid: int) -> bool:
    """Tell whether a process that is nobody's child has ended: its files are closed, init may take notice later."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in ("Z", "X")


class Unit:
    """What systemd does for the node: start, notice its end, run ExecStopPost, start again."""

    def __init__(
        self, backend: FakeBackend, board: Board, state: Path, plant_node: Callable[..., str], **limits: int
    ) -> None:
        self._backend, self._board, self._state, self._plant_node = backend, board, state, plant_node
        config = state.with_name("node.toml")
        words = {"max_run_ms": 300, "min_off_ms": 0, "max_day_ms": 3_600_000} | limits
        config.write_text(
            "[actuators.pump]\nkind = 'pump'\npin = 27\n"
            + "".join(f"{key} = {value}\n" for key, value in words.items())
        )
        self._env = {
            "PLANT_NODE_DRIVER": "hardware",
            "PLANT_NODE_CONFIG": str(config),
            # How often the agent looks after its parts follows from this.
            "WATCHDOG_USEC": "400000",
            **board.env,
        }
        self.process = self.start()

    def start(self) -> Process:
        polls = len(self._backend.polls)
        self.process = Process(self._backend, self._state, **self._env)
        try:
            self._backend.wait_for(lambda: len(self._backend.polls) > polls, timeout_s=30)
        except BaseException as error:
            self.process.kill()
            raise AssertionError(self.process.log()) from error
        return self.process

    def has_ended(self) -> bool:
        return self.process.has_ended()

    def is_pumping(self) -> bool:
        """Tell whether the pin is high, and the agent has heard so."""
        return self._board.is_high() and "pump: on for" in self.process.log()

    def stop_post(self) -> None:
        """KillMode: whatever is left of the unit is killed; then the pins go low."""
        supervisor = self._board.pid("supervisor")
        wait_for(lambda: has_ended(supervisor))
        self._plant_node("off", **self._env)


@pytest.mark.parametrize("victim", ["agent", "supervisor", "both"])
@pytest.mark.parametrize("at", ["agent", "supervisor"])
def test_kill_9_at_every_point_of_a_dose(
    at: str, victim: str, backend: FakeBackend, board: Board, tmp_path: Path, plant_node: Callable[..., str]
) -> None:
    state = tmp_path / "node"
    unit = Unit(backend, board, state, plant_node)
    doses_with_water = killed = 0
    for number in range(1, MOST_POINTS):
        before = len(board.edges())
        board.plan_a_kill(at, number, victim)
        seq = backend.order("on", DOSE_MS, ttl_ms=60_000)
        wait_for(lambda seq=seq: not board.kill_is_due() or backend.outcome(seq))
        if board.call_off_the_kill():
            break
        points = board.points()
        killed += 1
        # Whoever is left has ended by itself: systemd did not have to do anything yet.
        wait_for(unit.has_ended)
        if victim != "both":
            # Killed between its decision and the pin's move, the agent leaves the supervisor to drive it once more.
            wait_for(lambda: has_ended(board.pid("supervisor")))
            wait_for(lambda: not board.is_high())
            spans = board.edges()[before:]
            assert len(spans) in (0, 2), (number, points)
            assert not spans or spans[1].at_ms - spans[0].at_ms <= DOSE_MS + LATE_MS, (number, points)
        unit.stop_post()
        assert not board.is_high(), (number, points)
        unit.start()
        outcome = backend.wait_for_outcome(seq)
        edges = [edge.is_high for edge in board.edges()[before:]]
        # Water flowed at most once; when it did, the node does not say that nothing happened.
        assert edges in ([], [True, False]), (number, points, edges)
        if edges:
            assert outcome["status"] in ("succeeded", "interrupted", "failed"), (number, points, outcome)
        doses_with_water += edges != []
    else:
        raise AssertionError("the dose never came through")
    assert killed >= (4 if at == "supervisor" else 10), "the test has to have seen the points of a dose"
    assert doses_with_water >= 1
    assert unit.process.terminate() == 0
    with sqlite3.connect(state / "node.db") as database:
        runs = database.execute("SELECT seq, ended_lived_ms, counted_ms FROM runs").fetchall()
    database.close()
    assert len({run[0] for run in runs}) == len(runs)
    assert all(ended is not None for _, ended, _ in runs)
    assert doses_with_water <= len(runs), "no edge without a run written down before"


@pytest.mark.parametrize("victim", ["agent", "supervisor"])
def test_a_process_that_hangs_in_mid_run_does_not_keep_the_pump_on(
    victim: str, backend: FakeBackend, board: Board, tmp_path: Path, plant_node: Callable[..., str]
) -> None:
    unit = Unit(backend, board, tmp_path / "node", plant_node, max_run_ms=20_000)
    seq = backend.order("on", 20_000)
    wait_for(unit.is_pumping)
    pid = board.pid(victim)
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: not board.is_high())
    on, off = board.edges()
    # The lease of an agent is 5 s, a supervisor has 3 s to answer, and a busy machine takes its time.
    assert off.at_ms - on.at_ms <= 15_000
    if victim == "agent":
        os.kill(pid, signal.SIGCONT)
        outcome = backend.wait_for_outcome(seq)
        assert (outcome["status"], outcome["reason"]) == ("interrupted", "stalled")
        assert abs(outcome["ran_ms"] - (off.at_ms - on.at_ms)) < 1_000
        assert unit.process.terminate() == 0
    else:
        wait_for(unit.has_ended)
        assert "the pump's supervisor hangs; the pins are off" in unit.process.log()
        outcome = backend.wait_for_outcome(seq)
        assert (outcome["status"], outcome["reason"]) == ("interrupted", "supervisor_lost")


def test_sigterm_to_the_whole_unit_is_a_clean_stop(
    backend: FakeBackend, board: Board, tmp_path: Path, plant_node: Callable[..., str]
) -> None:
    unit = Unit(backend, board, tmp_path / "node", plant_node, max_run_ms=20_000)
    seq = backend.order("on", 20_000)
    wait_for(unit.is_pumping)
    os.kill(board.pid("supervisor"), signal.SIGTERM)
    assert unit.process.terminate() == 0
    on, off = board.edges()
    outcome = backend.wait_for_outcome(seq)
    assert (outcome["status"], outcome["reason"]) == ("interrupted", "shutdown")
    assert abs(outcome["ran_ms"] - (off.at_ms - on.at_ms)) < 1_000


def test_a_flow_meter_is_counted_and_a_dry_pump_stopped(
    backend: FakeBackend, board: Board, tmp_path: Path, plant_node: Callable[..., str]
) -> None:
    unit = Unit(backend, board, tmp_path / "node", plant_node, max_run_ms=20_000, flow_pin=5, pulses_per_l=450)
    # Long enough for pulses that a busy machine brings late, and ended long before the water would be missed.
    seq = backend.order("on", 2_000)
    wait_for(board.is_high)
    board.pulse(5, times=9)
    wet = backend.wait_for_outcome(seq)
    assert wet["status"] == "succeeded"
    assert "20 ml measured" in unit.process.log()
    dry = backend.wait_for_outcome(backend.order("on", 20_000))
    assert (dry["status"], dry["reason"]) == ("failed", "no_flow")
    assert 3_000 <= dry["ran_ms"] <= 15_000
    assert unit.process.terminate() == 0


def test_agent_and_supervisor_stay_small(
    backend: FakeBackend, board: Board, tmp_path: Path, plant_node: Callable[..., str]
) -> None:
    """A page that both share counts once."""
    unit = Unit(backend, board, tmp_path / "node", plant_node)
    proportional_kb = 0
    for role in ("agent", "supervisor"):
        lines = Path(f"/proc/{board.pid(role)}/smaps_rollup").read_text().splitlines()
        proportional_kb += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    assert proportional_kb < 40 * 1024
    assert unit.process.terminate() == 0
