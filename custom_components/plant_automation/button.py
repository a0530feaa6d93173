"""What a person does with one press."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import Plant
from .coordinator import PlantConfigEntry, PlantCoordinator
from .entity import PlantEntity, add_as_they_come, dose_ms, stop_pumps, translated_errors

PARALLEL_UPDATES = 0
"""The backend lets one run through for each pump; here nothing waits, least of all a stop behind a start that hangs."""


@dataclass(frozen=True, kw_only=True)
class PlantButtonDescription(ButtonEntityDescription):
    """A button and what it does."""

    press: Callable[[PlantCoordinator, Plant], Awaitable[None]]
    exists: Callable[[Plant], bool] = lambda plant: True
    needs_node: bool = False


async def _water(coordinator: PlantCoordinator, plant: Plant) -> None:
    pump = plant.device.pump
    if pump is not None:
        await coordinator.client.switch_on(plant.device.id, pump.key, dose_ms(plant, pump))


async def _stop(coordinator: PlantCoordinator, plant: Plant) -> None:
    _, troubles = await stop_pumps([(coordinator, plant)])
    for trouble in troubles:
        raise trouble


async def _resolve(coordinator: PlantCoordinator, plant: Plant) -> None:
    for alert_id in sorted(plant.alerts):
        await coordinator.client.resolve_alert(alert_id)


def _has_pump(plant: Plant) -> bool:
    return plant.device.pump is not None


DESCRIPTIONS = (
    PlantButtonDescription(
        key="water_now", translation_key="water_now", press=_water, exists=_has_pump, needs_node=True
    ),
    # Also while the node is silent: what it has not fetched yet is cancelled by it.
    PlantButtonDescription(key="stop_watering", translation_key="stop_watering", press=_stop, exists=_has_pump),
    PlantButtonDescription(key="resolve_alerts", translation_key="resolve_alerts", press=_resolve),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons of all plants."""
    add_as_they_come(
        entry,
        async_add_entities,
        lambda coordinator, plant: [
            PlantButton(coordinator, plant, description) for description in DESCRIPTIONS if description.exists(plant)
        ],
    )


class PlantButton(PlantEntity, ButtonEntity):
    """One button."""

    entity_description: PlantButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it."""
        with translated_errors(self.coordinator):
            await self.entity_description.press(self.coordinator, self.plant)
