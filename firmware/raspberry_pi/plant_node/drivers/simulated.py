"""A plant without hardware. Its world and its pump go on where a killed process left them.

While a pump is on, a small file says every few milliseconds that the process still lives. After a kill that file
tells when the pump stopped, as a real pump stops when its board dies, and the world got exactly the water until then.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plant_node.channels import PUMP, Channels, Sensor
from plant_node.clock import Clock
from plant_node.drivers import OnTime, SensorError
from plant_node.drivers.faults import Fault, Faults
from plant_node.drivers.world import World, WorldParameters

log = logging.getLogger(__name__)

_TICK_S = 0.01
_SAVE_EVERY_S = 1.0


@dataclass(slots=True)
class _Run:
    """An actuator that is on."""

    on_at_mono_ms: int
    most_ms: int | None
    poured_until_mono_ms: int
    is_over: threading.Event = field(default_factory=threading.Event)

    def ends_by(self, mono_ms: int) -> int:
        """When it is off if someone switches it off at that moment: its own deadline may come first."""
        if self.most_ms is None:
            return mono_ms
        return min(mono_ms, self.on_at_mono_ms + self.most_ms)


class SimulatedDriver:
    """Sensors and actuators of one simulated pot."""

    def __init__(
        self,
        channels: Channels,
        clock: Clock,
        state_dir: Path,
        parameters: WorldParameters,
        *,
        pin_trace: bool = False,
        faults: Iterable[Fault] = (),
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds = {actuator.key: actuator.kind for actuator in channels.actuators}
        self._has_meter = {actuator.key: actuator.has_flow_meter for actuator in channels.actuators}
        self._flowed_ml: dict[str, float] = {}
        self._flow_ml_per_ms = {actuator.key: actuator.flow_ml_per_min / 60_000 for actuator in channels.actuators}
        self._world_file = state_dir / "world.json"
        self._alive_file = state_dir / "world.alive"
        self._trace_file = state_dir / "pin_trace.jsonl" if pin_trace else None
        self._faults = Faults(faults, state_dir / "faults")
        self._stuck: dict[str, float] = {}
        self._running: dict[str, _Run] = {}
        self._ended: dict[str, OnTime] = {}
        self._saved_s = 0.0
        self._world = self._resume(parameters)
        self._save()

    def read(self, sensor: Sensor) -> float:
        """Measure the simulated pot."""
        with self._lock:
            self._catch_up()
            lamp_is_on = any(self._kinds[key] != PUMP for key in self._running)
            faults = self._faults.now()
            value = self._world.measure(sensor.kind, self._clock.wall_ms(), lamp_is_on=lamp_is_on, faults=faults)
            if sensor.kind == "soil_moisture" and Fault.STUCK_PROBE in faults and value is not None:
                value = self._stuck.setdefault(sensor.key, value)
            else:
                self._stuck.pop(sensor.key, None)
            if self._clock.real_s() - self._saved_s >= _SAVE_EVERY_S:
                self._save()
        if value is None:
            raise SensorError(f"the simulated room has no {sensor.kind}")
        return value

    def turn_on(self, actuator: str, most_ms: int | None) -> None:
        """Switch on; a thread of the driver's own switches off at the deadline."""
        with self._lock:
            if actuator in self._running:
                return
            self._ended.pop(actuator, None)
            self._flowed_ml[actuator] = 0.0
            self._world.advance(self._clock.wall_ms())
            now = self._clock.mono_ms()
            run = _Run(now, most_ms, now)
            # Started before the pump: a watch that cannot start must not leave it on.
            threading.Thread(target=self._live, args=(actuator, run), name=f"simulated {actuator}", daemon=True).start()
            self._running[actuator] = run
            self._save()
            self._trace(actuator, True, now)

    def keep_on(self, actuator: str) -> bool:
        """Tell whether it is on. A simulated pump dies with its process: it needs no sign of life."""
        return actuator in self._running

    def flowed_ml(self, actuator: str) -> float | None:
        """What the pump has moved since it was switched on."""
        if not self._has_meter[actuator]:
            return None
        with self._lock:
            self._catch_up()
            return self._flowed_ml.get(actuator, 0.0)

    def fault(self) -> str | None:
        """None: what is simulated does not break."""
        return None

    def turn_off(self, actuator: str) -> OnTime | None:
        """Switch off."""
        with self._lock:
            if actuator in self._running:
                self._end(actuator, self._clock.mono_ms())
            return self._ended.pop(actuator, None)

    def close(self) -> None:
        """Switch everything off and keep the world."""
        with self._lock:
            for actuator in list(self._running):
                self._end(actuator, self._clock.mono_ms())
            self._world.advance(self._clock.wall_ms())
            self._save()

    def _live(self, actuator: str, run: _Run) -> None:
        """The run's own thread: says that the process lives, and ends the run when nobody else does."""
        descriptor = os.open(self._alive_file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            while True:
                now = self._clock.mono_ms()
                os.pwrite(descriptor, f"{now:020d}".encode(), 0)
                if run.most_ms is None:
                    left_s = _TICK_S
                else:
                    left_s = self._clock.real_seconds(run.on_at_mono_ms + run.most_ms - now)
                if left_s <= 0:
                    break
                if run.is_over.wait(min(left_s, _TICK_S)):
                    return
        finally:
            os.close(descriptor)
        with self._lock:
            if self._running.get(actuator) is run:
                self._end(actuator, self._clock.mono_ms())

    def _end(self, actuator: str, mono_ms: int) -> None:
        run = self._running[actuator]
        off_at = run.ends_by(mono_ms)
        self._pour(actuator, run, off_at)
        del self._running[actuator]
        run.is_over.set()
        self._trace(actuator, False, off_at)
        self._ended[actuator] = OnTime(off_at - run.on_at_mono_ms, off_at)
        self._save()

    def _catch_up(self) -> None:
        self._world.advance(self._clock.wall_ms())
        now = self._clock.mono_ms()
        for actuator, run in self._running.items():
            self._pour(actuator, run, run.ends_by(now))

    def _pour(self, actuator: str, run: _Run, until_mono_ms: int) -> None:
        span_ms = max(0, until_mono_ms - run.poured_until_mono_ms)
        run.poured_until_mono_ms = max(until_mono_ms, run.poured_until_mono_ms)
        if self._kinds[actuator] == PUMP:
            poured_ml = self._world.pour(span_ms * self._flow_ml_per_ms[actuator], self._faults.now())
            self._flowed_ml[actuator] = self._flowed_ml.get(actuator, 0.0) + poured_ml

    def _trace(self, actuator: str, on: bool, mono_ms: int, **more: bool) -> None:
        if self._trace_file is None:
            return
        edge = {"at_ms": mono_ms, "wall_ms": self._wall_at(mono_ms), "actuator": actuator, "on": on, **more}
        with self._trace_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(edge) + "\n")

    def _wall_at(self, mono_ms: int) -> int:
        # Two clocks are read one after the other, and a busy machine may do much between: the quickest reading counts.
        readings = [(self._clock.mono_ms(), self._clock.wall_ms(), self._clock.mono_ms()) for _ in range(5)]
        before, wall_ms, _ = min(readings, key=lambda each: each[2] - each[0])
        return wall_ms - (before - mono_ms)

    def _save(self) -> None:
        self._saved_s = self._clock.real_s()
        running = {
            actuator: {
                "on_at_mono_ms": run.on_at_mono_ms,
                "most_ms": run.most_ms,
                "poured_until_mono_ms": run.poured_until_mono_ms,
            }
            for actuator, run in self._running.items()
        }
        saved = {"boot_id": self._clock.boot_id, "world": self._world.saved(), "running": running}
        scratch = self._world_file.with_suffix(".new")
        scratch.write_text(json.dumps(saved), encoding="utf-8")
        scratch.replace(self._world_file)

    def _resume(self, parameters: WorldParameters) -> World:
        try:
            saved = json.loads(self._world_file.read_text(encoding="utf-8"))
            world = World.resume(parameters, saved["world"])
            left_on = {actuator: run for actuator, run in saved["running"].items() if actuator in self._kinds}
            is_same_boot = saved["boot_id"] == self._clock.boot_id
        except FileNotFoundError:
            return World.begin(parameters, self._clock.wall_ms())
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("simulated: %s is damaged (%s), beginning with a fresh pot", self._world_file.name, error)
            return World.begin(parameters, self._clock.wall_ms())
        self._world = world
        for actuator, run in left_on.items():
            self._stop_killed(actuator, run, is_same_boot=is_same_boot)
        return world

    def _stop_killed(self, actuator: str, saved: dict[str, Any], *, is_same_boot: bool) -> None:
        """The pump stopped when the process died: at its last sign of life, and not after its deadline."""
        run = _Run(saved["on_at_mono_ms"], saved["most_ms"], saved["poured_until_mono_ms"])
        try:
            alive_at = int(self._alive_file.read_bytes())
        except (OSError, ValueError):
            alive_at = run.on_at_mono_ms
        if is_same_boot:
            alive_at = min(alive_at, self._clock.mono_ms())
        off_at = run.ends_by(max(alive_at, run.on_at_mono_ms))
        self._pour(actuator, run, off_at)
        self._trace(actuator, False, off_at, recovered=True)
