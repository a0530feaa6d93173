"""What all entities have in common."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar, override

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity
from homeassistant.util import dt as dt_util

from .api import (
    Actuator,
    InvalidAuth,
    InvalidInput,
    NotAllowed,
    NotThere,
    Outdated,
    Plant,
    PlantApiError,
    Refused,
)
from .const import DOMAIN
from .coordinator import PlantConfigEntry, PlantCoordinator
from .issues import async_tell_token_is_limited


class PlantEntity(CoordinatorEntity[PlantCoordinator]):
    """Something of one device."""

    _attr_has_entity_name = True
    _needs_node: ClassVar[bool] = False
    """Says something only while the node is heard; the backend alone knows the rest."""

    def __init__(
        self, coordinator: PlantCoordinator, plant: Plant, description: EntityDescription, channel: str | None = None
    ) -> None:
        """Belong to the device of `plant`, or to one of its channels."""
        super().__init__(coordinator)
        self.entity_description = description
        self.device_id = plant.device.id
        self._seen: Plant | None = plant
        self._was: tuple[bool, bool] | None = None
        self._attr_unique_id = (
            f"{plant.device.id}_{description.key}" if channel is None else channel_unique_id(plant.device.id, channel)
        )
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, plant.device.id)},
            name=plant.device.name,
            manufacturer="Plant Automation",
            model=plant.device.firmware,
            sw_version=plant.device.version,
            via_device_id=coordinator.hub_id,
        )

    @property
    def plant(self) -> Plant:
        """What is known of the device now."""
        return self.coordinator.data.plants[self.device_id]

    @property
    @override
    def available(self) -> bool:
        """Tell whether there is something to say: some need the node, some only the backend."""
        needs_node = getattr(self.entity_description, "needs_node", self._needs_node)
        return (
            super().available
            and self.device_id in self.coordinator.data.plants
            and (not needs_node or self.device_id in self.coordinator.connected)
        )

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Look again, if there is anything new about this device: a reading of one is no work for the others."""
        plant = self.coordinator.data.plants.get(self.device_id)
        # A node that falls silent changes nothing of its plant.
        now = (self.available, self.device_id in self.coordinator.connected)
        if plant is self._seen and now == self._was:
            return
        self._seen, self._was = plant, now
        self.async_write_ha_state()


def channel_unique_id(device_id: str, channel: str) -> str:
    """Name the entity of a channel. Nodes choose keys as they like: none may meet the name of something worked out."""
    return f"{device_id}_channel_{channel}"


def add_as_they_come(
    entry: PlantConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    build: Callable[[PlantCoordinator, Plant], Sequence[PlantEntity]],
) -> None:
    """Add the entities of all plants, now and whenever a device or channel appears.

    Those of a channel that a node does not name any more end. Their place in the registry stays, with the name that a
    person gave them: a firmware that forgot a channel by mistake brings it back.
    """
    coordinator = entry.runtime_data
    known: dict[str | None, PlantEntity] = {}
    shape: object = None

    @callback
    def look() -> None:
        nonlocal known, shape
        if coordinator.data.shape == shape:
            return
        shape = coordinator.data.shape
        built = [entity for plant in coordinator.data.plants.values() for entity in build(coordinator, plant)]
        found = {entity.unique_id: known.get(entity.unique_id, entity) for entity in built}
        add([entity for unique_id, entity in found.items() if unique_id not in known])
        for unique_id, entity in known.items():
            # What is disabled was never added.
            if unique_id not in found and entity.hass is not None:
                entry.async_create_task(coordinator.hass, entity.async_remove())
        known = found

    look()
    entry.async_on_unload(coordinator.async_add_listener(look))


def dose_ms(plant: Plant, pump: Actuator) -> int:
    """Give how long one dose of the profile runs. Raises ServiceValidationError where that cannot be told."""
    duration_ms = plant.profile.dose_ms(pump)
    if duration_ms is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_flow", translation_placeholders={"pump": pump.key}
        )
    return duration_ms


async def stop_pumps(targets: Iterable[tuple[PlantCoordinator, Plant]]) -> tuple[list[str], list[Exception]]:
    """Tell all pumps of some plants to stop, at once: one that cannot be told, or hangs, keeps no other on.

    Gives which were told, and what went wrong with the others.
    """

    async def stop(coordinator: PlantCoordinator, plant: Plant, pump: Actuator) -> str:
        with translated_errors(coordinator):
            await coordinator.client.switch_off(plant.device.id, pump.key)
        return f"{plant.device.name}: {pump.key}"

    # Also those that a node does not name any more: a run may still be under way.
    stops = [
        stop(coordinator, plant, actuator)
        for coordinator, plant in targets
        for actuator in plant.device.actuators
        if actuator.kind == "pump"
    ]
    answers = await asyncio.gather(*stops, return_exceptions=True)
    stopped = [answer for answer in answers if isinstance(answer, str)]
    return stopped, [answer for answer in answers if isinstance(answer, Exception)]


REFUSALS = frozenset(
    {
        "actuator_busy",
        "cooling_down",
        "daily_cap_reached",
        "pump_busy",
        "pump_limit",
        "reservoir_low",
        "reservoir_unknown",
        "watering_without_effect",
    }
)
"""Refusals that have words of their own here; another is told in the backend's."""


def _local(at: datetime | None) -> str:
    """Give a time on the clock at home, with its day where that is another."""
    if at is None:
        return ""
    local = dt_util.as_local(at)
    return f"{local:%H:%M}" if local.date() == dt_util.now().date() else f"{local:%Y-%m-%d %H:%M}"


@contextmanager
def translated_errors(coordinator: PlantCoordinator) -> Iterator[None]:
    """Say in the user's language what the backend refuses."""
    try:
        yield
    except Refused as error:
        is_known = error.code in REFUSALS and (error.code != "cooling_down" or error.until is not None)
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=f"refused_{error.code}" if is_known else "refused",
            translation_placeholders={"detail": error.detail, "until": _local(error.until)},
        ) from error
    except InvalidInput as error:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="invalid_input",
            translation_placeholders={"detail": error.detail},
        ) from error
    except NotThere as error:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_there") from error
    except Outdated as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="outdated") from error
    except NotAllowed as error:
        async_tell_token_is_limited(coordinator.hass, coordinator.config_entry)
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_allowed") from error
    except InvalidAuth as error:
        coordinator.config_entry.async_start_reauth(coordinator.hass)
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="invalid_auth") from error
    except PlantApiError as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="cannot_connect",
            translation_placeholders={"error": str(error)},
        ) from error
