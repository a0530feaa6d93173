"""What automations may ask."""

from homeassistant.const import STATE_ON, Platform, UnitOfRatio
from homeassistant.core import HomeAssistant
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import (
    Condition,
    make_entity_numerical_condition,
    make_entity_state_condition,
)

CONDITIONS: dict[str, type[Condition]] = {
    "is_dry": make_entity_state_condition({Platform.BINARY_SENSOR: DomainSpec()}, STATE_ON),
    "is_watering": make_entity_state_condition({Platform.BINARY_SENSOR: DomainSpec()}, STATE_ON),
    "reservoir_level": make_entity_numerical_condition({Platform.SENSOR: DomainSpec()}, UnitOfRatio.PERCENTAGE),
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Give the conditions."""
    return CONDITIONS
