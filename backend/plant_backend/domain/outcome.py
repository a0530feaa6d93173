"""What a decision comes to, in one word."""

from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.domain.model import Mode, PlantSnapshot
from plant_backend.domain.reason import ReasonCode
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
    if all(reason.code in _NOT_NEEDED for reason in decision.reasons):
        return DecisionOutcome.NOT_NEEDED
    return DecisionOutcome.REFUSED
