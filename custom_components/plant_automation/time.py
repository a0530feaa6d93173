"""Times of day in a plant's profile: when its lamp burns, and when its pump keeps quiet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, override

from homeassistant.components.time import TimeEntity, TimeEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import Plant
from .coordinator import PlantConfigEntry
from .entity import PlantEntity, add_as_they_come, translated_errors

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class PlantTimeDescription(TimeEntityDescription):
    """A time of day in the profile."""

    exists: Callable[[Plant], bool]
    entity_category: EntityCategory | None = EntityCategory.CONFIG


def _has_lamp(plant: Plant) -> bool:
    return plant.device.lamp is not None


def _has_pump(plant: Plant) -> bool:
    return plant.device.pump is not None


DESCRIPTIONS = (
    PlantTimeDescription(key="lamp_on_at", translation_key="lamp_on_at", exists=_has_lamp),
    PlantTimeDescription(key="lamp_off_at", translation_key="lamp_off_at", exists=_has_lamp),
    PlantTimeDescription(key="quiet_from", translation_key="quiet_from", exists=_has_pump),
    PlantTimeDescription(key="quiet_until", translation_key="quiet_until", exists=_has_pump),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the times of all plants."""
    add_as_they_come(
        entry,
        async_add_entities,
        lambda coordinator, plant: [
            PlantTime(coordinator, plant, description)
            for description in DESCRIPTIONS
            if description.key in plant.profile.fields and description.exists(plant)
        ],
    )


class PlantTime(PlantEntity, TimeEntity):
    """One time of day, on the clock of the profile's time zone."""

    entity_description: PlantTimeDescription

    @property
    @override
    def native_value(self) -> time | None:
        """Give the time; None where there is none."""
        value = self.plant.profile.get(self.entity_description.key)
        return None if value is None else time.fromisoformat(value)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Say whose clock it is."""
        return {"time_zone": self.plant.profile.get("time_zone")}

    @override
    async def async_set_value(self, value: time) -> None:
        """Change this time and leave the others as they are."""
        with translated_errors(self.coordinator):
            await self.coordinator.async_change_profile(
                self.device_id, {self.entity_description.key: value.isoformat()}
            )
