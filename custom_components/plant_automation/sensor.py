"""What nodes measure, what pumps gave, and what the rules thought."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    LIGHT_LUX,
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    UnitOfElectricPotential,
    UnitOfPressure,
    UnitOfRatio,
    UnitOfTemperature,
    UnitOfTime,
    UnitOfVolume,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_time_change, async_track_time_interval
from homeassistant.helpers.typing import StateType
from homeassistant.util import dt as dt_util

from .api import Plant
from .api.garden import vapour_pressure_deficit_kpa
from .api.guards import next_dose_at
from .coordinator import PlantConfigEntry, PlantCoordinator
from .entity import PlantEntity, add_as_they_come
from .water_total import WATER_TOTAL, WaterTotalSensor

PARALLEL_UPDATES = 0

ASK_EVERY = timedelta(minutes=10)
"""The backend works the light of a day out every 5 minutes at most."""

type Value = StateType | datetime


@dataclass(frozen=True, kw_only=True)
class PlantSensorDescription(SensorEntityDescription):
    """A sensor that is worked out from all that is known of a plant."""

    value: Callable[[Plant], Value]
    attributes: Callable[[Plant], Mapping[str, Any]] | None = None
    exists: Callable[[Plant], bool]
    needs_node: bool = False
    resets_at_midnight: bool = False
    is_asked_for: bool = False
    """No event brings it."""


CHANNELS: Mapping[str, SensorEntityDescription] = {
    description.key: description
    for description in (
        SensorEntityDescription(
            key="soil_moisture",
            device_class=SensorDeviceClass.MOISTURE,
            native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
            suggested_display_precision=0,
        ),
        SensorEntityDescription(
            key="soil_temperature",
            device_class=SensorDeviceClass.TEMPERATURE,
            native_unit_of_measurement=UnitOfTemperature.CELSIUS,
            suggested_display_precision=1,
        ),
        SensorEntityDescription(
            key="air_temperature",
            device_class=SensorDeviceClass.TEMPERATURE,
            native_unit_of_measurement=UnitOfTemperature.CELSIUS,
            suggested_display_precision=1,
        ),
        SensorEntityDescription(
            key="air_humidity",
            device_class=SensorDeviceClass.HUMIDITY,
            native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
            suggested_display_precision=0,
        ),
        SensorEntityDescription(
            key="illuminance",
            device_class=SensorDeviceClass.ILLUMINANCE,
            native_unit_of_measurement=LIGHT_LUX,
            suggested_display_precision=0,
        ),
        SensorEntityDescription(
            key="reservoir_level",
            native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
            suggested_display_precision=0,
        ),
        SensorEntityDescription(
            key="pressure",
            device_class=SensorDeviceClass.ATMOSPHERIC_PRESSURE,
            native_unit_of_measurement=UnitOfPressure.HPA,
            suggested_display_precision=0,
        ),
        SensorEntityDescription(
            key="voltage",
            device_class=SensorDeviceClass.VOLTAGE,
            native_unit_of_measurement=UnitOfElectricPotential.VOLT,
            suggested_display_precision=2,
            entity_category=EntityCategory.DIAGNOSTIC,
        ),
        SensorEntityDescription(
            key="battery",
            device_class=SensorDeviceClass.BATTERY,
            native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
            entity_category=EntityCategory.DIAGNOSTIC,
        ),
        SensorEntityDescription(
            key="signal_strength",
            device_class=SensorDeviceClass.SIGNAL_STRENGTH,
            native_unit_of_measurement=SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
        ),
    )
}


def _water_today_l(plant: Plant) -> float | None:
    pump = plant.device.pump
    return None if pump is None else pump.litres(plant.ran_ms(pump.key, dt_util.start_of_local_day()))


def _last_watered(plant: Plant) -> datetime | None:
    pump = plant.device.pump
    run = None if pump is None else plant.last_run(pump.key)
    return None if run is None else run.at


def _next_watering(plant: Plant) -> datetime | None:
    pump = plant.device.pump
    return None if pump is None else next_dose_at(plant, pump)


def _vpd(plant: Plant) -> float | None:
    now = dt_util.utcnow()
    temperature = plant.fresh_value(plant.device.first("air_temperature"), now)
    humidity = plant.fresh_value(plant.device.first("air_humidity"), now)
    return None if temperature is None or humidity is None else vapour_pressure_deficit_kpa(temperature, humidity)


def _light_integral(plant: Plant) -> float | None:
    derived = plant.device.derived
    return None if derived is None else derived.dli_mol_m2_d


def _decision(plant: Plant) -> Mapping[str, Any]:
    if (decision := plant.decision) is None:
        return {}
    until = max((reason.until for reason in decision.reasons if reason.until), default=None)
    return {
        "reason": decision.text,
        "codes": [reason.code for reason in decision.reasons],
        "decided_at": decision.at,
        "until": until,
        "mode": decision.mode,
    }


def _has_pump(plant: Plant) -> bool:
    return plant.device.pump is not None


def _has_rules(plant: Plant) -> bool:
    return plant.device.has_rules


def _knows_flow(plant: Plant) -> bool:
    return plant.device.pump is not None and bool(plant.device.pump.limits.flow_ml_per_min)


DERIVED = (
    PlantSensorDescription(
        key="water_today",
        translation_key="water_today",
        device_class=SensorDeviceClass.WATER,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfVolume.LITERS,
        suggested_display_precision=2,
        value=_water_today_l,
        exists=_knows_flow,
        resets_at_midnight=True,
    ),
    PlantSensorDescription(
        key="run_time_today",
        translation_key="run_time_today",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda plant: (
            plant.ran_ms(plant.device.pump.key, dt_util.start_of_local_day()) / 1000 if plant.device.pump else None
        ),
        exists=_has_pump,
        resets_at_midnight=True,
    ),
    PlantSensorDescription(
        key="last_watered",
        translation_key="last_watered",
        device_class=SensorDeviceClass.TIMESTAMP,
        value=_last_watered,
        exists=_has_pump,
    ),
    PlantSensorDescription(
        key="next_watering",
        translation_key="next_watering",
        device_class=SensorDeviceClass.TIMESTAMP,
        value=_next_watering,
        exists=_has_pump,
    ),
    PlantSensorDescription(
        key="vapour_pressure_deficit",
        translation_key="vapour_pressure_deficit",
        device_class=SensorDeviceClass.PRESSURE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPressure.KPA,
        suggested_display_precision=2,
        value=_vpd,
        exists=lambda plant: bool(plant.device.first("air_temperature") and plant.device.first("air_humidity")),
        needs_node=True,
    ),
    PlantSensorDescription(
        key="daily_light_integral",
        translation_key="daily_light_integral",
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement="mol/m²/d",
        suggested_display_precision=1,
        value=_light_integral,
        exists=lambda plant: plant.device.first("illuminance") is not None,
        needs_node=True,
        is_asked_for=True,
    ),
    PlantSensorDescription(
        key="last_decision",
        translation_key="last_decision",
        device_class=SensorDeviceClass.ENUM,
        options=["watered", "would_water", "switched", "would_switch", "refused", "not_needed"],
        value=lambda plant: plant.decision.outcome if plant.decision else None,
        attributes=_decision,
        exists=_has_rules,
    ),
    PlantSensorDescription(
        key="last_seen",
        translation_key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda plant: plant.device.last_seen_at,
        exists=lambda plant: True,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of all plants."""
    add_as_they_come(entry, async_add_entities, _build)


def _build(coordinator: PlantCoordinator, plant: Plant) -> Sequence[PlantEntity]:
    seen: dict[str, int] = {}
    entities: list[PlantEntity] = []
    for sensor in plant.device.sensors:
        if sensor.retired_at is not None:
            continue
        description = CHANNELS.get(sensor.kind)
        if description is not None:
            seen[sensor.kind] = seen.get(sensor.kind, 0) + 1
            entities.append(PlantChannelSensor(coordinator, plant, description, sensor.key, seen[sensor.kind]))
    entities += [PlantSensor(coordinator, plant, description) for description in DERIVED if description.exists(plant)]
    if _knows_flow(plant):
        entities.append(WaterTotalSensor(coordinator, plant, WATER_TOTAL))
    return entities


class PlantChannelSensor(PlantEntity, SensorEntity):
    """One channel that measures."""

    _needs_node = True
    _attr_state_class = SensorStateClass.MEASUREMENT

    def __init__(
        self, coordinator: PlantCoordinator, plant: Plant, description: SensorEntityDescription, key: str, number: int
    ) -> None:
        """Show the channel `key`, the device's `number`th of its kind."""
        super().__init__(coordinator, plant, description, key)
        self._key = key
        self._attr_translation_key = description.key
        self._attr_translation_placeholders = {"number": "" if number == 1 else f" {number}"}

    @property
    @override
    def native_value(self) -> float | None:
        """Give the newest value; None where it is too old, though the node speaks of other things.

        Automations water, heat and air by it: what a probe said before it was unplugged is no state of now.
        """
        return self.plant.fresh_value(self.plant.device.sensor(self._key), dt_util.utcnow())


class PlantSensor(PlantEntity, SensorEntity):
    """Something worked out."""

    entity_description: PlantSensorDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Begin anew at midnight, and ask for what no event brings, where that has to be."""
        await super().async_added_to_hass()
        if self.entity_description.is_asked_for:
            self.async_on_remove(
                async_track_time_interval(self.hass, self._async_ask, ASK_EVERY, cancel_on_shutdown=True)
            )
        if self.entity_description.resets_at_midnight:
            self.async_on_remove(async_track_time_change(self.hass, self._midnight, hour=0, minute=0, second=0))

    async def _async_ask(self, _now: datetime) -> None:
        await self.coordinator.async_refresh_derived(self.device_id)

    @callback
    def _midnight(self, _now: datetime) -> None:
        self.async_write_ha_state()

    @property
    @override
    def native_value(self) -> Value:
        """Work it out."""
        return self.entity_description.value(self.plant)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Say why, where there is a why."""
        attributes = self.entity_description.attributes
        return None if attributes is None else attributes(self.plant)
