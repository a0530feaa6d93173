"""What automations may ask."""

from typing import override

from homeassistant.const import STATE_ON, Platform, UnitOfRatio
from homeassistant.core import HomeAssistant
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import Condition, EntityNumericalConditionBase, EntityStateConditionBase

from .targets import about


class _IsOn(EntityStateConditionBase):
    """Something about a plant is so."""

    _domain_specs = {Platform.BINARY_SENSOR: DomainSpec()}  # noqa: RUF012 - as the base class has it
    _states = {STATE_ON}  # noqa: RUF012
    _translation_key: str

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Keep what tells that."""
        return about(self._hass, super().entity_filter(entities), self._translation_key)


class IsDry(_IsOn):
    """The soil is below its minimum."""

    _translation_key = "needs_water"


class IsWatering(_IsOn):
    """A pump runs."""

    _translation_key = "watering"


class ReservoirLevel(EntityNumericalConditionBase):
    """How full the reservoir is."""

    _domain_specs = {Platform.SENSOR: DomainSpec()}  # noqa: RUF012
    _valid_unit = UnitOfRatio.PERCENTAGE

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Keep the levels of reservoirs."""
        return about(self._hass, super().entity_filter(entities), "reservoir_level")


CONDITIONS: dict[str, type[Condition]] = {
    "is_dry": IsDry,
    "is_watering": IsWatering,
    "reservoir_level": ReservoirLevel,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Give the conditions."""
    return CONDITIONS
