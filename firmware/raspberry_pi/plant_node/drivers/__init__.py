"""What the agent asks of the hardware, and the way to get it.

A driver's libraries are imported only when it is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from plant_node.channels import NodeConfig, Sensor
from plant_node.clock import Clock
from plant_node.sensors import SensorError

__all__ = ["Driver", "DriverError", "EndedBy", "OnTime", "SensorError", "open_driver"]


class DriverError(Exception):
    """The hardware cannot be used at all; the text says what to do."""


class EndedBy(StrEnum):
    """What switched an actuator off."""

    ORDER = "order"
    DEADLINE = "deadline"
    LEASE = "lease"
    """Nobody watched the run any more."""
    STOP = "stop"
    LOSS = "loss"
    """The supervisor died."""


@dataclass(frozen=True, slots=True)
class OnTime:
    """How long an actuator was on, when it went off, and by what."""

    ran_ms: int
    off_at_mono_ms: int
    ended_by: EndedBy = EndedBy.ORDER


class Driver(Protocol):
    """Sensors and actuators.

    Every output is off from the moment that the driver exists until `turn_on`, and after `close`.
    """

    def read(self, sensor: Sensor) -> float:
        """Measure one value now.

        Raises SensorError.
        """

    def turn_on(self, actuator: str, most_ms: int | None) -> None:
        """Switch on. The driver by itself switches off after `most_ms`, whatever becomes of its caller."""

    def keep_on(self, actuator: str) -> bool:
        """Say that somebody still watches the run, every second or so; False when it is over by itself."""

    def flowed_ml(self, actuator: str) -> float | None:
        """What its flow meter has counted since it was switched on; None without one. Raises OSError."""

    def turn_off(self, actuator: str) -> OnTime | None:
        """Switch off, at any time; None when it was not on since the last call."""

    def fault(self) -> str | None:
        """Why the hardware can no longer be trusted, if so: the agent then has to start anew."""

    def close(self) -> None:
        """Switch everything off and let go of the hardware."""


def open_driver(
    name: str,
    config: NodeConfig,
    clock: Clock,
    state_dir: Path,
    *,
    pin_trace: bool = False,
    simulated: Mapping[str, str] | None = None,
) -> Driver:
    """The driver of that name, with every output off.

    Raises DriverError.
    """
    if name == "hardware":
        from plant_node.drivers.board import BoardDriver

        return BoardDriver(config.channels)
    from plant_node.drivers.faults import read_faults
    from plant_node.drivers.simulated import SimulatedDriver
    from plant_node.drivers.world import WorldParameters

    parameters = WorldParameters.build(config.simulated, simulated or {})
    faults = read_faults(config.simulated, simulated or {})
    return SimulatedDriver(config.channels, clock, state_dir, parameters, pin_trace=pin_trace, faults=faults)
