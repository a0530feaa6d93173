"""Pumps and lamps."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .api import Plant
from .coordinator import PlantConfigEntry, PlantCoordinator
from .entity import PlantEntity, add_as_they_come, dose_ms, translated_errors
from .profile_fields import QUIET_HOURS

PARALLEL_UPDATES = 0
"""The backend lets one run through for each pump; here nothing waits, least of all a stop behind a start that hangs."""


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the actuators of all plants."""
    add_as_they_come(entry, async_add_entities, _build)


ASSISTANT = "conversation"
"""Home Assistant's name for Assist, by voice or by a language model."""

QUIET = SwitchEntityDescription(key="quiet_hours", translation_key="quiet_hours", entity_category=EntityCategory.CONFIG)


def _build(coordinator: PlantCoordinator, plant: Plant) -> Sequence[PlantEntity]:
    seen: dict[str, int] = {}
    switches: list[PlantEntity] = []
    for actuator in plant.device.actuators:
        kind = {"pump": PumpSwitch, "lamp": LampSwitch}.get(actuator.kind)
        if kind is not None and actuator.retired_at is None:
            seen[actuator.kind] = seen.get(actuator.kind, 0) + 1
            switches.append(kind(coordinator, plant, actuator.key, actuator.kind, seen[actuator.kind]))
    if plant.device.pump is not None and set(QUIET_HOURS) <= set(plant.profile.fields):
        switches.append(QuietHoursSwitch(coordinator, plant, QUIET))
    return switches


class ActuatorSwitch(PlantEntity, SwitchEntity):
    """One actuator."""

    _needs_node = True

    def __init__(self, coordinator: PlantCoordinator, plant: Plant, key: str, kind: str, number: int) -> None:
        """Drive the channel `key`, the device's `number`th of its kind."""
        super().__init__(coordinator, plant, SwitchEntityDescription(key=key), key)
        self._key = key
        self._attr_translation_key = kind
        self._attr_translation_placeholders = {"number": "" if number == 1 else f" {number}"}

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """End the run; always passes."""
        with translated_errors(self.coordinator):
            await self.coordinator.client.switch_off(self.device_id, self._key)


class PumpSwitch(ActuatorSwitch):
    """A pump: on means one dose of the profile, which ends by itself at the node."""

    @override
    async def async_added_to_hass(self) -> None:
        """Keep it from assistants, which Home Assistant shows new switches, until a person shows it to them."""
        await super().async_added_to_hass()
        entity = self.registry_entry
        if entity is not None and ASSISTANT not in entity.options:
            er.async_get(self.hass).async_update_entity_options(self.entity_id, ASSISTANT, {"should_expose": False})

    @property
    @override
    def is_on(self) -> bool:
        """On from the order to the end of the run."""
        return self.plant.live_on(self._key) is not None

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Give one dose."""
        pump = self.plant.device.actuator(self._key)
        if pump is None:
            return
        with translated_errors(self.coordinator):
            await self.coordinator.client.switch_on(self.device_id, self._key, dose_ms(self.plant, pump))


class LampSwitch(ActuatorSwitch):
    """A lamp: what its node last said it did."""

    _unsubscribe: CALLBACK_TYPE | None = None

    @property
    @override
    def is_on(self) -> bool | None:
        """Tell whether it is lit; None while nobody knows."""
        return self.plant.lamp_is_on(self._key, dt_util.utcnow())

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Light it until told otherwise."""
        with translated_errors(self.coordinator):
            await self.coordinator.client.switch_on(self.device_id, self._key)

    @override
    async def async_added_to_hass(self) -> None:
        """It may be lit already."""
        await super().async_added_to_hass()
        self._watch_end()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Look again, also for its end."""
        super()._handle_coordinator_update()
        self._watch_end()

    def _watch_end(self) -> None:
        """A lamp that was lit for a while goes out without an event."""
        self._forget_end()
        last = self.plant.last.get(self._key) if self.available else None
        if last is not None and last.duration_ms is not None and self.is_on:
            end = last.started_at + timedelta(milliseconds=last.duration_ms)
            self._unsubscribe = async_track_point_in_utc_time(self.hass, self._ended, end)

    @callback
    def _ended(self, _now: datetime) -> None:
        self._unsubscribe = None
        self.async_write_ha_state()

    def _forget_end(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Leave no timer behind."""
        self._forget_end()


class QuietHoursSwitch(PlantEntity, SwitchEntity):
    """Whether the rules leave the pump alone for some hours; the times are entities of their own."""

    @property
    @override
    def is_on(self) -> bool:
        """Tell whether there are quiet hours."""
        return all(self.plant.profile.get(name) is not None for name in QUIET_HOURS)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Have the usual ones, unless there are some already."""
        if not self.is_on:
            await self._async_set({name: usual.isoformat() for name, usual in QUIET_HOURS.items()})

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Have none."""
        await self._async_set(dict.fromkeys(QUIET_HOURS))

    async def _async_set(self, changes: dict[str, Any]) -> None:
        with translated_errors(self.coordinator):
            await self.coordinator.async_change_profile(self.device_id, changes)
