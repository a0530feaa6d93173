"""What is written down for good: decisions with their inputs, and events for those who listen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from plant_backend.domain.model import Mode, PlantSnapshot
from plant_backend.domain.reason import Reason


class DecisionOutcome(StrEnum):
    """What came of an evaluation. In shadow mode it is `would_water`, and `would_switch` (the lamp)."""

    WATERED = "watered"
    WOULD_WATER = "would_water"
    SWITCHED = "switched"
    WOULD_SWITCH = "would_switch"
    REFUSED = "refused"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One line of the decision ledger. `inputs` and `at` reproduce the decision exactly."""

    id: int
    device_id: str
    at: datetime
    mode: Mode
    outcome: DecisionOutcome
    reasons: tuple[Reason, ...]
    inputs: PlantSnapshot
    command_id: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision without its inputs."""

    at: datetime
    outcome: DecisionOutcome
    reasons: tuple[Reason, ...]
    command_id: int | None


@dataclass(frozen=True, slots=True)
class UnreadableDecision:
    """A line of the ledger whose inputs or reasons this version does not understand."""

    id: int
    device_id: str
    at: datetime
    why: str


class EventType(StrEnum):
    """What a listener hears of."""

    READINGS = "readings"
    DEVICE = "device"
    DEVICE_DELETED = "device_deleted"
    AUTOMATION = "automation"
    COMMAND = "command"
    ALERT = "alert"
    DECISION = "decision"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a device of `owner_id`. `id` grows in the order of the commits."""

    id: int
    at: datetime
    owner_id: int
    device_id: str
    type: EventType
    data: dict[str, Any]
