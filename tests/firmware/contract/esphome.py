"""The ESPHome component as a node under test: compiled for this machine with sanitizers, its pins traced."""

import functools
import json
import shutil
import signal
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.firmware.contract.node_under_test import Edge, Limits, Setup
from tests.firmware.contract.process_node import ProcessNode
from tests.firmware.esphome.building import HERE, build_for_host

# `ActuatorRecord`: device, last_seq; the second word is what counts.
_RECORD = struct.Struct("<II")


HOST = "host"


@functools.cache
def program(name: str) -> Path:
    """Build a node, once a session, from the configuration of that name."""
    return build_for_host(HERE / f"{name}.yaml")


class EsphomeNode(ProcessNode):
    """Fulfils `NodeUnderTest`."""

    # Readings wait in memory: flash wears out.
    keeps_readings_through_a_restart = False

    def __init__(
        self,
        setup: Setup,
        folder: Path,
        *,
        built_from: str = HOST,
        authority: Path | None = None,
        poll_every_s: float = 0.3,
        ota_port: int = 0,
    ) -> None:
        """`built_from` is its configuration.

        `authority` signs the certificates that it trusts, and it polls so often, on HTTPS.
        """
        super().__init__(folder)
        self._setup = setup
        self._trace = folder / "pin_trace.jsonl"
        self._program = program(built_from)
        self._authority = authority
        self._poll_every_s = poll_every_s
        self._ota_port = ota_port
        self._power_cuts: list[float] = []
        (folder / "hands").mkdir()
        if ota_port:
            # An update takes its place.
            self._program = Path(shutil.copy(self._program, folder / "program"))

    def command_line(self) -> Sequence[str | Path]:
        """Give the program."""
        return [self._program]

    def lose_ledger(self) -> None:
        """As if its flash had been erased."""
        (self.folder / "state" / "node.prefs").unlink()

    def set_limits(self, limits: Limits) -> None:
        """Give its next life other limits, as a new upload would."""
        self._setup = replace(self._setup, limits=limits)

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        if self._end(signal.SIGKILL):
            self._power_cuts.append(time.time())

    def stop(self) -> None:
        """SIGTERM: ESPHome's own orderly end."""
        if self._end(signal.SIGTERM):
            assert self._process is not None
            assert self._process.returncode == 0, self.log()[-4000:]

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives. One that a sanitizer ended is a failure, not a node that is off."""
        if self._process is None:
            return False
        code = self._process.poll()
        assert code is None or code in (0, -signal.SIGKILL), self.log()[-6000:]
        return code is None

    def edges(self) -> Sequence[Edge]:
        """Read the pin trace. A pin whose node lost its power went off with it."""
        if not self._trace.exists():
            return ()
        *lines, _ = self._trace.read_text().split("\n")
        written = [Edge(line["pin"], line["on"], line["at"]) for line in map(json.loads, lines)]
        edges: list[Edge] = []
        cuts = list(self._power_cuts)
        on: set[str] = set()
        for edge in [*written, None]:
            while cuts and (edge is None or edge.at > cuts[0]):
                edges += [Edge(actuator, False, cuts[0], was_recovered=True) for actuator in sorted(on)]
                on.clear()
                cuts.pop(0)
            if edge is not None:
                edges.append(edge)
                (on.add if edge.is_on else on.discard)(edge.actuator)
        return edges

    def last_seq(self) -> int:
        """Read what is on the disk: each actuator has a record."""
        data = (self.folder / "state" / "node.prefs").read_bytes()
        last, at = 0, 0
        while at < len(data):
            size = data[at + 4]
            if size > _RECORD.size:
                last = max(last, _RECORD.unpack_from(data, at + 5)[1])
            at += 5 + size
        return last

    def hand(self, what: str) -> None:
        """Do something at the node itself; `host.yaml` says what its hands can do."""
        (self.folder / "hands" / what).touch()

    def settings(self) -> Mapping[str, object]:
        """Give what its YAML takes from the environment."""
        setup = self._setup
        return {
            "ESPHOME_PREFDIR": self.folder / "state",
            # What ESPHome makes at its start lives as long as the process.
            "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PLANT_TRACE": self._trace,
            "PLANT_HANDS": self.folder / "hands",
            "PLANT_URL": setup.url,
            "PLANT_CA": self._authority or "",
            "PLANT_POLL_MS": round(self._poll_every_s * 1000),
            "PLANT_OTA_PORT": self._ota_port,
            "PLANT_DEVICE_ID": setup.device_id,
            "PLANT_DEVICE_SECRET": setup.secret,
            "PLANT_LINK_TIMEOUT_MS": round(setup.link_timeout_s * 1000),
            "PLANT_SEND_MS": round(setup.send_every_s * 1000),
            "PLANT_SAMPLE_MS": round(setup.sample_every_s * 1000),
            "PLANT_MAX_RUN_MS": setup.limits.max_run_ms,
            "PLANT_MIN_OFF_MS": setup.limits.min_off_ms,
            "PLANT_MAX_DAY_MS": setup.limits.max_day_ms,
            "PLANT_FLOW_ML_PER_MIN": setup.flow_ml_per_min,
            "PLANT_RESERVOIR_ML": round(setup.reservoir_ml),
            "PLANT_RESERVOIR_PERCENT": round(setup.reservoir_percent),
        }
