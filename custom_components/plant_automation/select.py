"""Choices of a plant's profile: who waters, and when the lamp burns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import Plant
from .coordinator import PlantConfigEntry
from .entity import PlantEntity, add_as_they_come, translated_errors
from .profile_fields import CHOICES

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class PlantSelectDescription(SelectEntityDescription):
    """A field of the profile that is one of a few words."""

    exists: Callable[[Plant], bool]


def _has_rules(plant: Plant) -> bool:
    return plant.device.has_rules


def _has_lamp(plant: Plant) -> bool:
    return plant.device.lamp is not None


DESCRIPTIONS = (
    PlantSelectDescription(key="mode", translation_key="mode", options=list(CHOICES["mode"]), exists=_has_rules),
    PlantSelectDescription(
        key="lamp_mode",
        translation_key="lamp_mode",
        options=list(CHOICES["lamp_mode"]),
        entity_category=EntityCategory.CONFIG,
        exists=_has_lamp,
    ),
    PlantSelectDescription(
        key="lamp_catch_up",
        translation_key="lamp_catch_up",
        options=list(CHOICES["lamp_catch_up"]),
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        exists=_has_lamp,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the choices of all plants."""
    add_as_they_come(
        entry,
        async_add_entities,
        lambda coordinator, plant: [
            ProfileSelect(coordinator, plant, description)
            for description in DESCRIPTIONS
            if description.key in plant.profile.fields and description.exists(plant)
        ],
    )


class ProfileSelect(PlantEntity, SelectEntity):
    """One choice, named as in the backend."""

    entity_description: PlantSelectDescription

    @property
    @override
    def current_option(self) -> str | None:
        """Give the choice; None for one that this version does not know."""
        value = self.plant.profile.get(self.entity_description.key)
        return value if value in self.options else None

    @override
    async def async_select_option(self, option: str) -> None:
        """Change it and leave the rest of the profile as it is."""
        with translated_errors(self.coordinator):
            await self.coordinator.async_change_profile(self.device_id, {self.entity_description.key: option})
