"""The Raspberry Pi agent as a node under test: the real process, with a simulated plant behind its driver."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.firmware.contract.node_under_test import Edge, Setup

_STOP_WITHIN_S = 30.0


class RaspberryPiNode:
    """Fulfils `NodeUnderTest`."""

    keeps_readings_through_a_restart = True

    def __init__(self, setup: Setup, folder: Path) -> None:
        self._setup = setup
        self._folder = folder
        self._state = folder / "state"
        self._log = folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "node.toml").write_text(_config(setup))

    def start(self) -> None:
        """Start the agent."""
        assert not self.is_running
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "plant_node", "run"],
                env=self._environment(),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it ends in good order, and soon."""
        self._end(signal.SIGTERM)

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def edges(self) -> Sequence[Edge]:
        """Read the pin trace."""
        trace = self._state / "pin_trace.jsonl"
        if not trace.exists():
            return ()
        # The last line may be half written, or half lost to a kill.
        *lines, _ = trace.read_text().split("\n")
        edges = [json.loads(line) for line in lines]
        return [
            Edge(edge["actuator"], edge["on"], edge["wall_ms"] / 1000, edge.get("recovered", False)) for edge in edges
        ]

    def last_seq(self) -> int:
        """Read the ledger."""
        with closing(sqlite3.connect(f"file:{self._state / 'node.db'}?mode=ro", uri=True, timeout=10)) as ledger:
            return int(ledger.execute("SELECT coalesce(max(seq), 0) FROM commands").fetchone()[0])

    def log(self) -> str:
        """Read the log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"The node did not end within {_STOP_WITHIN_S:g} s of {number.name}.") from None

    def _environment(self) -> dict[str, str]:
        setup = self._setup
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PLANT_")}
        settings = {
            "PLANT_API_BASE_URL": setup.url,
            "PLANT_DEVICE_ID": setup.device_id,
            "PLANT_DEVICE_SECRET": setup.secret,
            "PLANT_NODE_STATE_DIR": self._state,
            "PLANT_NODE_CONFIG": self._folder / "node.toml",
            "PLANT_NODE_SAMPLE_INTERVAL_S": setup.sample_every_s,
            "PLANT_NODE_SEND_INTERVAL_S": setup.send_every_s,
            "PLANT_NODE_LINK_TIMEOUT_S": setup.link_timeout_s,
            "PLANT_NODE_CLOCK_TRUST": "always",
            "PLANT_NODE_PIN_TRACE": "1",
        }
        if setup.speed != 1:
            settings |= {"PLANT_NODE_CLOCK_SPEED": setup.speed, "PLANT_NODE_CLOCK_ORIGIN": setup.origin_ms}
        return inherited | {name: str(value) for name, value in settings.items()}


def _config(setup: Setup) -> str:
    limits = setup.limits
    return f"""
[sensors.soil]
kind = "soil_moisture"
[sensors.tank]
kind = "reservoir_level"

[actuators.pump]
kind = "pump"
max_run_ms = {limits.max_run_ms}
min_off_ms = {limits.min_off_ms}
max_day_ms = {limits.max_day_ms}
flow_ml_per_min = {setup.flow_ml_per_min}
[actuators.lamp]
kind = "lamp"

[simulated]
reservoir_ml = {setup.reservoir_ml}
reservoir_percent = {setup.reservoir_percent}
"""
