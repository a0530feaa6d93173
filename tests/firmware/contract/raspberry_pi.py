"""The Raspberry Pi agent as a node under test: the real process, with a simulated plant behind its driver."""

import json
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.firmware.contract.node_under_test import Edge, Limits, Setup
from tests.firmware.contract.process_node import ProcessNode


class RaspberryPiNode(ProcessNode):
    """Fulfils `NodeUnderTest`."""

    keeps_readings_through_a_restart = True

    def __init__(self, setup: Setup, folder: Path) -> None:
        super().__init__(folder)
        self._state = folder / "state"
        self._setup = setup
        self.set_limits(setup.limits)

    def command_line(self) -> Sequence[str | Path]:
        """Give the agent's."""
        return [sys.executable, "-m", "plant_node", "run"]

    def lose_ledger(self) -> None:
        """As if its card had been written anew; what its pins did stays in our memory."""
        for file in self._state.glob("node.db*"):
            file.unlink()

    def set_limits(self, limits: Limits) -> None:
        """Write its file anew."""
        self._setup = replace(self._setup, limits=limits)
        (self.folder / "node.toml").write_text(_config(self._setup))

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

    def settings(self) -> Mapping[str, object]:
        """Give what the agent takes from the environment."""
        setup = self._setup
        settings: dict[str, object] = {
            "PLANT_API_BASE_URL": setup.url,
            "PLANT_DEVICE_ID": setup.device_id,
            "PLANT_DEVICE_SECRET": setup.secret,
            "PLANT_NODE_STATE_DIR": self._state,
            "PLANT_NODE_CONFIG": self.folder / "node.toml",
            "PLANT_NODE_SAMPLE_INTERVAL_S": setup.sample_every_s,
            "PLANT_NODE_SEND_INTERVAL_S": setup.send_every_s,
            "PLANT_NODE_LINK_TIMEOUT_S": setup.link_timeout_s,
            "PLANT_NODE_CLOCK_TRUST": "always",
            "PLANT_NODE_PIN_TRACE": "1",
        }
        if setup.speed != 1:
            settings |= {"PLANT_NODE_CLOCK_SPEED": setup.speed, "PLANT_NODE_CLOCK_ORIGIN": setup.origin_ms}
        return settings


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
