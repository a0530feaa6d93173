"""What a decision comes to, in one word."""

from collections.abc import Sequence

from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.domain.model import Mode, PlantSnapshot
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.rules import Decision

_NOT_NEEDED = frozenset(
    {
        ReasonCode.MOIST,
        ReasonCode.AUTOMATION_OFF,
        ReasonCode.NO_PUMP,
        ReasonCode.LAMP_ON,
        ReasonCode.LAMP_OFF,
        ReasonCode.LAMP_BY_HAND,
    }
)


def outcome_of(plant: PlantSnapshot, decision: Decision) -> DecisionOutcome:
    """Say in one word what a decision comes to."""
    if decision.doses:
        return DecisionOutcome.WOULD_WATER if plant.profile.mode is Mode.SHADOW else DecisionOutcome.WATERED
    if decision.lamp is not None:
        return DecisionOutcome.WOULD_SWITCH if plant.profile.mode is Mode.SHADOW else DecisionOutcome.SWITCHED
    return DecisionOutcome.REFUSED if refusals(decision.reasons) else DecisionOutcome.NOT_NEEDED


def refusals(reasons: Sequence[Reason]) -> Sequence[Reason]:
    """Give those of some reasons that hold something back: water, or light."""
    return [reason for reason in reasons if reason.code not in _NOT_NEEDED]
