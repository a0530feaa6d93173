"""The supervisor, as a real process that owns the pins of a board that forgives nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from plant_node.drivers import DriverError, EndedBy
from plant_node.hardware.gpio import Output
from plant_node.supervisor import client
from plant_node.supervisor.client import SupervisedOutputs, SupervisedPin
from plant_node.supervisor.process import SupervisedOutput, now_ms

from tests.firmware.raspberry_pi.board import PUMP_PIN, Board
from tests.firmware.raspberry_pi.builders import wait_for

LAMP_PIN = 22
PINS = (SupervisedPin("pump", PUMP_PIN, True, 60_000), SupervisedPin("lamp", LAMP_PIN, False, None))


@pytest.fixture
def outputs(board: Board, monkeypatch: pytest.MonkeyPatch) -> Iterator[SupervisedOutputs]:
    for name, value in board.env.items():
        monkeypatch.setenv(name, value)
    # A busy machine may give no sign of life for a while.
    monkeypatch.setattr(client, "LEASE_MS", 60_000)
    opened = SupervisedOutputs(PINS)
    yield opened
    opened.close()


def test_outputs_are_off_from_the_first_moment(board: Board, outputs: SupervisedOutputs) -> None:
    """Relays fire at boot (Mycodo #555, TerrariumPI #990)."""
    assert board.edges(PUMP_PIN) == []
    assert not board.is_high(PUMP_PIN)
    assert board.is_high(LAMP_PIN), "an active-low output is off when it is high"


def test_a_pin_that_a_dead_process_left_high_is_low_before_anybody_asks(
    board: Board, outputs: SupervisedOutputs
) -> None:
    outputs.turn_on("pump", 60_000)
    os.kill(outputs.pid, signal.SIGSTOP)
    os.kill(outputs.pid, signal.SIGKILL)
    wait_for(lambda: outputs.fault)
    assert board.is_high(), "this test needs a pin that stays"
    second = SupervisedOutputs(PINS)
    assert not board.is_high()
    second.close()


def test_a_run_ends_at_its_deadline_without_a_word_from_the_agent(board: Board, outputs: SupervisedOutputs) -> None:
    asked_at = now_ms()
    outputs.turn_on("pump", 120)
    wait_for(lambda: len(board.edges()) == 2)
    assert not board.is_high()
    on, off = board.edges()
    assert (on.is_high, off.is_high) == (True, False)
    # Its time runs from the word, which a busy machine may carry out late; the lease is a minute.
    assert off.at_ms - asked_at >= 120
    assert off.at_ms - on.at_ms <= 20_000
    assert not outputs.keep_on("pump")
    ended = outputs.turn_off("pump")
    assert ended is not None
    assert (ended.ended_by, ended.ran_ms >= off.at_ms - on.at_ms) == (EndedBy.DEADLINE, True)
    assert outputs.turn_off("pump") is None


def test_no_caller_gets_more_than_the_pumps_cap(board: Board, outputs: SupervisedOutputs) -> None:
    outputs.close()
    capped = SupervisedOutputs([SupervisedPin("pump", PUMP_PIN, True, 1_000)])
    asked_at = now_ms()
    capped.turn_on("pump", 50_000)
    wait_for(lambda: len(board.edges()) == 2)
    capped.close()
    on, off = board.edges()
    assert off.at_ms - asked_at >= 1_000
    assert off.at_ms - on.at_ms <= 20_000


def test_off_is_off_at_once_and_its_old_deadline_ends_no_later_run(board: Board, outputs: SupervisedOutputs) -> None:
    outputs.turn_on("pump", 200)
    first = outputs.turn_off("pump")
    assert not board.is_high()
    asked_at = now_ms()
    outputs.turn_on("pump", 900)
    wait_for(lambda: len(board.edges()) == 4)
    assert board.edges()[-1].at_ms - asked_at >= 900
    assert first is not None
    # On a machine that stands still the deadline comes first.
    assert first.ended_by == EndedBy.ORDER or first.ran_ms >= 200


def test_an_agent_that_hangs_does_not_keep_the_pump_on(
    board: Board, monkeypatch: pytest.MonkeyPatch, outputs: SupervisedOutputs
) -> None:
    monkeypatch.setattr(client, "LEASE_MS", 3_000)
    outputs.turn_on("lamp", None)
    began_s = said_s = time.monotonic()
    while time.monotonic() < began_s + 3.6:
        time.sleep(0.3)
        before_s, said_s = said_s, time.monotonic()
        if not outputs.keep_on("lamp"):
            # Only a machine that stood still for the whole lease gave none.
            assert time.monotonic() - before_s >= 3, "signs of life keep it on"
            break
    wait_for(lambda: board.is_high(LAMP_PIN))
    ended = outputs.turn_off("lamp")
    assert ended is not None
    assert ended.ended_by == EndedBy.LEASE


def test_a_second_on_is_refused(outputs: SupervisedOutputs) -> None:
    # Not the pump, whose cap may end it on a busy machine before the second word.
    outputs.turn_on("lamp", None)
    with pytest.raises(DriverError, match="busy"):
        outputs.turn_on("lamp", None)


def test_a_stop_signal_switches_off_and_the_agent_still_hears_how_long_it_was(
    board: Board, outputs: SupervisedOutputs
) -> None:
    outputs.turn_on("lamp", None)
    os.kill(outputs.pid, signal.SIGTERM)
    wait_for(lambda: board.is_high(LAMP_PIN))
    ended = outputs.turn_off("lamp")
    assert ended is not None
    assert ended.ended_by == EndedBy.STOP
    for key in ("pump", "lamp"):
        with pytest.raises(DriverError):
            outputs.turn_on(key, 900)


def test_a_stop_signal_between_the_word_and_the_pin_leaves_it_off() -> None:
    """Python runs a signal's handler between two steps of whatever it interrupts."""
    levels = []

    class Pin:
        def set(self, is_on: bool) -> None:
            if is_on:
                output.refuse()
            levels.append(is_on)

    output = SupervisedOutput(cast(Output, Pin()), 1_000)

    assert output.turn_on(500, 5_000) is None
    assert levels[-1] is False


def test_closing_switches_everything_off(board: Board, outputs: SupervisedOutputs) -> None:
    outputs.turn_on("pump", 900)
    outputs.turn_on("lamp", None)
    outputs.close()
    assert not board.is_high(PUMP_PIN)
    assert board.is_high(LAMP_PIN)


def test_a_pin_that_somebody_else_has_is_one_clear_error(
    board: Board, outputs: SupervisedOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        client,
        "_START",
        client._START.replace(
            "sys.exit(", "import plant_node.supervisor.process as process\nprocess._PATIENCE_S = 0.1\nsys.exit("
        ),
    )
    with pytest.raises(DriverError, match="cannot open the pins: GPIO 27: Device or resource busy"):
        SupervisedOutputs(PINS)


def test_without_a_board_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="no Raspberry Pi header here"):
        SupervisedOutputs(PINS)


def test_it_knows_no_more_of_python_than_it_needs(board: Board, outputs: SupervisedOutputs) -> None:
    """Every module more is memory, and something that may fail."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import plant_node.supervisor.process; "
        "print(*sorted(name for name in sys.modules if '.' not in name))"
    )
    package_root = Path(client.__file__).parents[2]
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, package_root], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"typing", "re", "threading", "logging", "subprocess", "socket", "json", "dataclasses"} & set(shown)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_when_it_dies_or_hangs_the_agents_side_says_so(
    number: signal.Signals, outputs: SupervisedOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_ANSWER_WITHIN_S", 0.3)
    monkeypatch.setattr(client, "_RELEASE_WITHIN_S", 0.1)
    os.kill(outputs.pid, number)
    with pytest.raises(DriverError):
        outputs.turn_on("pump", 900)
    assert outputs.fault is not None
    assert not outputs.keep_on("pump")


def test_the_off_command_needs_nobody_else(board: Board, tmp_path: Path, plant_node: Callable[..., str]) -> None:
    """systemd runs it after whatever became of agent and supervisor."""
    config = tmp_path / "node.toml"
    config.write_text("[actuators.pump]\nkind = 'pump'\npin = 27\n[actuators.lamp]\nkind = 'lamp'\npin = 22\n")
    board.drive(PUMP_PIN, high=True)
    board.drive(LAMP_PIN, high=True)
    plant_node("off", PLANT_NODE_DRIVER="hardware", PLANT_NODE_CONFIG=str(config), **board.env)
    assert not board.is_high(PUMP_PIN)
    assert not board.is_high(LAMP_PIN)
