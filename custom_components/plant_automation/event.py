"""What happens, as it happens."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PlantConfigEntry
from .entity import PlantEntity, add_as_they_come
from .happenings import Happening

PARALLEL_UPDATES = 0

ALERT = EventEntityDescription(
    key="alert",
    translation_key="alert",
    event_types=["opened", "worsened", "acknowledged", "snoozed", "snooze_ended", "resolved"],
)
WATERING = EventEntityDescription(
    key="watering_event", translation_key="watering", event_types=["started", "finished", "failed"]
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the events of all plants."""
    add_as_they_come(
        entry,
        async_add_entities,
        lambda coordinator, plant: [
            PlantEvent(coordinator, plant, description)
            for description in (ALERT, *([WATERING] if plant.device.pump else []))
        ],
    )


class PlantEvent(PlantEntity, EventEntity):
    """Tells of one kind of happenings."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_subscribe(self.device_id, self._happened))

    @callback
    def _happened(self, happening: Happening) -> None:
        if happening.entity == self.entity_description.translation_key:
            self._trigger_event(happening.type, happening.attributes)
            self.async_write_ha_state()
