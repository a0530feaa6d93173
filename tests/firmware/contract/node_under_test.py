"""What the contract suite asks of a node, whatever it is made of. Each kind of node has an adapter that fulfils it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

LATE_MS = 8_000
"""How late a machine may wake what is due that stands still for seconds. What would be wrong has to be later still."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The envelope of the node's pump."""

    max_run_ms: int = 30_000
    min_off_ms: int = 0
    max_day_ms: int = 300_000


@dataclass(frozen=True, slots=True)
class Setup:
    """How a node is configured. It has a soil probe `soil`, a reservoir `tank`, a pump `pump` and a lamp `lamp`."""

    url: str
    device_id: str
    secret: str
    limits: Limits = field(default_factory=Limits)
    reservoir_percent: float = 100.0
    reservoir_ml: float = 2000.0
    flow_ml_per_min: int = 100
    sample_every_s: float = 0.2
    send_every_s: float = 0.2
    link_timeout_s: float = 10.0
    speed: float = 1.0
    origin_ms: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """A pin that went on or off; `at` is Unix seconds (of the plants' time).

    An edge that was `recovered` was written down afterwards: the pin went off with the process.
    """

    actuator: str
    is_on: bool
    at: float
    was_recovered: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """How long an actuator was on; `ended_at` is missing while it is on, or until a killed node is back."""

    actuator: str
    began_at: float
    ended_at: float | None

    @property
    def ran_ms(self) -> float:
        """How long it has run."""
        return ((self.ended_at or time.time()) - self.began_at) * 1000


class NodeUnderTest(Protocol):
    """A node as a process of its own. Its memory stays where it is when it ends, and is there when it starts again."""

    keeps_readings_through_a_restart: bool

    def start(self) -> None:
        """Switch it on."""

    def kill(self) -> None:
        """Pull its plug."""

    def stop(self) -> None:
        """End it in good order."""

    def set_limits(self, limits: Limits) -> None:
        """Change its configuration, from its next start on."""

    def lose_ledger(self) -> None:
        """Take what it has written down from a node that is off."""

    @property
    def is_running(self) -> bool:
        """Tell whether it is on."""

    def edges(self) -> Sequence[Edge]:
        """Give all that its pins did, over all its lives."""

    def last_seq(self) -> int:
        """Give the last `seq` that it has written down."""

    def log(self) -> str:
        """Give what it said, over all its lives."""


NodeFactory = Callable[[Setup, Path], NodeUnderTest]


def runs_of(edges: Sequence[Edge], actuator: str = "pump") -> list[Run]:
    """Pair the edges of one actuator. A second `on` before an `off` would be a pump that runs twice."""
    runs: list[Run] = []
    for edge in edges:
        if edge.actuator != actuator:
            continue
        is_open = bool(runs) and runs[-1].ended_at is None
        assert edge.is_on != is_open, f"{actuator} went {'on' if edge.is_on else 'off'} twice: {edges}"
        if edge.is_on:
            runs.append(Run(actuator, edge.at, None))
        else:
            runs[-1] = Run(actuator, runs[-1].began_at, edge.at)
    return runs


def ran_for(run_ms: float, asked_ms: int) -> bool:
    """A pump may stop a little early, as its clock ticks, or late, as a busy machine wakes."""
    return asked_ms - 50 <= run_ms <= asked_ms + LATE_MS
