"""Yes or no about a plant and its node."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.restore_state import RestoredExtraData, RestoreEntity
from homeassistant.util import dt as dt_util

from .api import Alert, Plant
from .coordinator import PlantConfigEntry, PlantCoordinator
from .entity import PlantEntity, add_as_they_come

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class PlantBinarySensorDescription(BinarySensorEntityDescription):
    """A yes or no. None: it cannot be told."""

    value: Callable[[PlantCoordinator, Plant], bool | None]
    attributes: Callable[[Plant], Mapping[str, Any]] | None = None
    exists: Callable[[Plant], bool] = lambda plant: True
    needs_node: bool = False


def _reservoir_low(plant: Plant) -> bool | None:
    if any(alert.kind == "reservoir_low" for alert in plant.alerts.values()):
        return True
    level = plant.trusted_value("reservoir_level", dt_util.utcnow())
    return None if level is None else level < plant.profile.reservoir_min_percent


def _needs_water(plant: Plant) -> bool | None:
    """Tell whether the soil is dry; None where the probe is silent or in doubt: automations water by this."""
    moisture = plant.trusted_value("soil_moisture", dt_util.utcnow())
    return None if moisture is None else moisture < plant.profile.soil_moisture_min_percent


def _is_watering(plant: Plant) -> bool:
    pumps = (actuator for actuator in plant.device.actuators if actuator.kind == "pump")
    return any((run := plant.live_on(pump.key)) is not None and run.state == "accepted" for pump in pumps)


PROBLEM = "problem"

_KNOWN = "known"

DESCRIPTIONS = (
    PlantBinarySensorDescription(
        key="connected",
        translation_key="connected",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda coordinator, plant: plant.device.id in coordinator.connected,
    ),
    PlantBinarySensorDescription(
        key=PROBLEM,
        translation_key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value=lambda _, plant: bool(plant.alerts),
    ),
    PlantBinarySensorDescription(
        key="reservoir_low",
        translation_key="reservoir_low",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value=lambda _, plant: _reservoir_low(plant),
        exists=lambda plant: plant.device.first("reservoir_level") is not None,
        needs_node=True,
    ),
    PlantBinarySensorDescription(
        key="needs_water",
        translation_key="needs_water",
        value=lambda _, plant: _needs_water(plant),
        attributes=lambda plant: {"last_watered": plant.last_watered_at},
        exists=lambda plant: plant.device.first("soil_moisture") is not None,
        needs_node=True,
    ),
    PlantBinarySensorDescription(
        key="watering",
        translation_key="watering",
        device_class=BinarySensorDeviceClass.RUNNING,
        value=lambda _, plant: _is_watering(plant),
        exists=lambda plant: plant.device.pump is not None,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the binary sensors of all plants."""
    add_as_they_come(
        entry,
        async_add_entities,
        lambda coordinator, plant: [
            (ProblemSensor if description.key == PROBLEM else PlantBinarySensor)(coordinator, plant, description)
            for description in DESCRIPTIONS
            if description.exists(plant)
        ],
    )


class PlantBinarySensor(PlantEntity, BinarySensorEntity):
    """One yes or no."""

    entity_description: PlantBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Work it out."""
        return self.entity_description.value(self.coordinator, self.plant)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Say what belongs to it."""
        attributes = self.entity_description.attributes
        return None if attributes is None else attributes(self.plant)


class ProblemSensor(PlantBinarySensor, RestoreEntity):
    """Whether anything is open, and what.

    What opened while the backend was away, or Home Assistant off, fired no event: `since_outage` says which that is,
    for whoever tells people. It is told by what was known before and by no clock: there are two, and a line that is
    cut is noticed only later.
    """

    _before_outage: frozenset[object] = frozenset()

    @override
    async def async_added_to_hass(self) -> None:
        """Go on from what was known as the last start ended: it was told then."""
        await super().async_added_to_hass()
        stored = await self.async_get_last_extra_data()
        known = None if stored is None else stored.as_dict().get(_KNOWN)
        if known:
            self._before_outage = frozenset(map(tuple, known))

    @property
    @override
    def extra_restore_state_data(self) -> RestoredExtraData | None:
        """Keep what is known. The attributes would not do: they are gone where the backend is away at the end."""
        if self.device_id not in self.coordinator.data.plants:
            return None
        return RestoredExtraData({_KNOWN: [_what_calls(alert) for alert in self.plant.alerts.values()]})

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Keep what was known as the backend went away: nothing new comes before it is back."""
        if not self.coordinator.last_update_success and self.device_id in self.coordinator.data.plants:
            self._before_outage = frozenset(map(_what_calls, self.plant.alerts.values()))
        super()._handle_coordinator_update()

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """List the open alerts, the oldest first."""
        return {
            "alerts": [
                {
                    "id": alert.id,
                    "kind": alert.kind,
                    "severity": alert.severity,
                    "message": alert.message,
                    "first_seen_at": alert.first_seen_at.isoformat(),
                    "acknowledged_at": None if alert.acknowledged_at is None else alert.acknowledged_at.isoformat(),
                    "snoozed_until": None if alert.snoozed_until is None else alert.snoozed_until.isoformat(),
                    "since_outage": _what_calls(alert) not in self._before_outage,
                }
                for alert in sorted(self.plant.alerts.values(), key=lambda alert: alert.id)
            ]
        }


def _what_calls(alert: Alert) -> tuple[object, ...]:
    """Give what of an alert makes it news: that it opened, that it became worse, that its snooze ended."""
    return alert.id, alert.first_seen_at.isoformat(), alert.severity, alert.snoozed_until is None
