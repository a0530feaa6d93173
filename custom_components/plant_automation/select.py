"""Who waters: the backend's rules, nobody, or the rules on paper."""

from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PlantConfigEntry
from .entity import PlantEntity, add_as_they_come, translated_errors

PARALLEL_UPDATES = 1

MODE = SelectEntityDescription(key="mode", translation_key="mode", options=["off", "shadow", "on"])


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the mode of all plants that can be watered."""
    add_as_they_come(
        entry,
        async_add_entities,
        lambda coordinator, plant: [ModeSelect(coordinator, plant, MODE)] if plant.device.pump else [],
    )


class ModeSelect(PlantEntity, SelectEntity):
    """The automation mode."""

    @property
    @override
    def current_option(self) -> str | None:
        """Give the mode; None for one that this version does not know."""
        mode = self.plant.profile.mode
        return mode if mode in self.options else None

    @override
    async def async_select_option(self, option: str) -> None:
        """Change the mode and leave the rest of the profile as it is."""
        with translated_errors():
            await self.coordinator.async_change_profile(self.device_id, {"mode": option})
