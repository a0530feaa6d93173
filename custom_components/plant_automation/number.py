"""The thresholds and doses of a plant's profile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import EntityCategory, UnitOfRatio, UnitOfTemperature, UnitOfTime, UnitOfVolume
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import Plant
from .coordinator import PlantConfigEntry
from .entity import PlantEntity, add_as_they_come, translated_errors
from .profile_fields import NUMBERS

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class PlantNumberDescription(NumberEntityDescription):
    """A field of the profile. `scale`: how many of the backend's units are one of ours.

    zero_is_none: the backend knows no 0 here, but nothing at all.
    """

    exists: Callable[[Plant], bool]
    scale: int = 1
    zero_is_none: bool = False
    entity_category: EntityCategory | None = EntityCategory.CONFIG
    mode: NumberMode | None = NumberMode.BOX


def _field(
    key: str,
    exists: Callable[[Plant], bool],
    unit: str | None,
    step: float,
    *,
    name: str | None = None,
    device_class: NumberDeviceClass | None = None,
    scale: int = 1,
    zero_is_none: bool = False,
    is_rare: bool = False,
) -> PlantNumberDescription:
    """Describe a field; the range is the backend's."""
    allowed = NUMBERS[key]
    return PlantNumberDescription(
        key=key,
        translation_key=name or key,
        device_class=device_class,
        native_unit_of_measurement=unit,
        native_min_value=0 if zero_is_none else allowed.low / scale,
        native_max_value=allowed.high / scale,
        native_step=step,
        scale=scale,
        zero_is_none=zero_is_none,
        exists=exists,
        entity_registry_enabled_default=not is_rare,
    )


def _has(kind: str) -> Callable[[Plant], bool]:
    return lambda plant: plant.device.first(kind) is not None


def _has_pump(plant: Plant) -> bool:
    return plant.device.pump is not None


def _knows_flow(plant: Plant) -> bool:
    return plant.device.pump is not None and bool(plant.device.pump.limits.flow_ml_per_min)


def _has_lamp(plant: Plant) -> bool:
    return plant.device.lamp is not None


def _has_two_probes(plant: Plant) -> bool:
    return sum(known.kind == "soil_moisture" and known.retired_at is None for known in plant.device.sensors) > 1


_SOIL, _TANK = _has("soil_moisture"), _has("reservoir_level")
_AIR, _HUMIDITY = _has("air_temperature"), _has("air_humidity")
_PERCENT, _CELSIUS = UnitOfRatio.PERCENTAGE, UnitOfTemperature.CELSIUS
_SECONDS, _MINUTES, _HOURS = UnitOfTime.SECONDS, UnitOfTime.MINUTES, UnitOfTime.HOURS
_DURATION = NumberDeviceClass.DURATION

DESCRIPTIONS = (
    _field("soil_moisture_min_percent", _SOIL, _PERCENT, 0.5, device_class=NumberDeviceClass.MOISTURE),
    _field("soil_moisture_hysteresis_percent", _SOIL, _PERCENT, 0.5, is_rare=True),
    _field("dose_ms", _has_pump, _SECONDS, 0.1, name="dose", device_class=_DURATION, scale=1000),
    _field(
        "dose_ml",
        _knows_flow,
        UnitOfVolume.MILLILITERS,
        1,
        name="dose_volume",
        device_class=NumberDeviceClass.VOLUME,
        zero_is_none=True,
    ),
    _field("cooldown_s", _has_pump, _MINUTES, 1, name="cooldown", device_class=_DURATION, scale=60),
    _field("soak_s", _has_pump, _MINUTES, 1, name="soak", device_class=_DURATION, scale=60, is_rare=True),
    _field("daily_cap_ms", _has_pump, _SECONDS, 1, name="daily_cap", device_class=_DURATION, scale=1000),
    _field("doses_without_effect_max", _has_pump, None, 1, is_rare=True),
    _field("dose_rise_min_percent", _has_pump, _PERCENT, 0.1, is_rare=True),
    _field("reservoir_min_percent", _TANK, _PERCENT, 0.5),
    _field("reservoir_hysteresis_percent", _TANK, _PERCENT, 0.5, is_rare=True),
    _field("air_temperature_min_c", _AIR, _CELSIUS, 0.5, device_class=NumberDeviceClass.TEMPERATURE),
    _field("air_temperature_max_c", _AIR, _CELSIUS, 0.5, device_class=NumberDeviceClass.TEMPERATURE),
    _field(
        "air_temperature_hysteresis_c",
        _AIR,
        _CELSIUS,
        0.1,
        device_class=NumberDeviceClass.TEMPERATURE_DELTA,
        is_rare=True,
    ),
    _field("air_humidity_min_percent", _HUMIDITY, _PERCENT, 0.5, device_class=NumberDeviceClass.HUMIDITY),
    _field("air_humidity_max_percent", _HUMIDITY, _PERCENT, 0.5, device_class=NumberDeviceClass.HUMIDITY),
    _field("air_humidity_hysteresis_percent", _HUMIDITY, _PERCENT, 0.5, is_rare=True),
    _field("stale_after_s", lambda plant: True, _SECONDS, 1, name="stale_after", device_class=_DURATION, is_rare=True),
    _field("stuck_after_s", _SOIL, _HOURS, 1, name="stuck_after", device_class=_DURATION, scale=3600, is_rare=True),
    _field("probe_drop_max_percent", _SOIL, _PERCENT, 0.5, is_rare=True),
    _field("probe_pair_tolerance_percent", _has_two_probes, _PERCENT, 0.5, zero_is_none=True, is_rare=True),
    _field("lamp_hours_min", _has_lamp, _HOURS, 0.5, device_class=_DURATION),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the numbers of all plants."""
    add_as_they_come(
        entry,
        async_add_entities,
        lambda coordinator, plant: [
            PlantNumber(coordinator, plant, description)
            for description in DESCRIPTIONS
            if description.key in plant.profile.fields and description.exists(plant)
        ],
    )


class PlantNumber(PlantEntity, NumberEntity):
    """One field of the profile, named as in the backend."""

    entity_description: PlantNumberDescription

    @property
    @override
    def native_value(self) -> float | None:
        """Give the field; None where the limit is switched off."""
        value = self.plant.profile.get(self.entity_description.key)
        if value is None:
            return 0 if self.entity_description.zero_is_none else None
        return float(value) / self.entity_description.scale

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change this field and leave the others as they are."""
        description = self.entity_description
        field: Any = value * description.scale
        if NUMBERS[description.key].is_whole:
            field = round(field)
        if description.zero_is_none and field == 0:
            field = None
        with translated_errors(self.coordinator):
            await self.coordinator.async_change_profile(self.device_id, {description.key: field})
