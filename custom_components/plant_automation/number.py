"""The thresholds and doses of a plant's profile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import EntityCategory, UnitOfRatio, UnitOfTemperature, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import Plant
from .coordinator import PlantConfigEntry
from .entity import PlantEntity, add_as_they_come, translated_errors

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class PlantNumberDescription(NumberEntityDescription):
    """A field of the profile. `scale`: how many of the backend's units are one of ours."""

    exists: Callable[[Plant], bool] = lambda plant: True
    scale: int = 1
    whole: bool = False
    entity_category: EntityCategory | None = EntityCategory.CONFIG
    mode: NumberMode | None = NumberMode.BOX


def _has(kind: str) -> Callable[[Plant], bool]:
    return lambda plant: plant.device.first(kind) is not None


def _has_pump(plant: Plant) -> bool:
    return plant.device.pump is not None


def _percent(
    key: str,
    exists: Callable[[Plant], bool],
    device_class: NumberDeviceClass | None,
    *,
    highest: int,
    rare: bool = False,
) -> PlantNumberDescription:
    return PlantNumberDescription(
        key=key,
        translation_key=key,
        device_class=device_class,
        native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
        native_min_value=0,
        native_max_value=highest,
        native_step=0.5,
        exists=exists,
        entity_registry_enabled_default=not rare,
    )


def _celsius(key: str, lowest: int, highest: int, *, step: float = 0.5, rare: bool = False) -> PlantNumberDescription:
    return PlantNumberDescription(
        key=key,
        translation_key=key,
        device_class=NumberDeviceClass.TEMPERATURE if step == 0.5 else None,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        native_min_value=lowest,
        native_max_value=highest,
        native_step=step,
        exists=_has("air_temperature"),
        entity_registry_enabled_default=not rare,
    )


def _duration(
    key: str,
    name: str,
    unit: UnitOfTime,
    scale: int,
    lowest: float,
    highest: float,
    *,
    step: float = 1,
    exists: Callable[[Plant], bool] = _has_pump,
    rare: bool = False,
) -> PlantNumberDescription:
    return PlantNumberDescription(
        key=key,
        translation_key=name,
        device_class=NumberDeviceClass.DURATION,
        native_unit_of_measurement=unit,
        native_min_value=lowest,
        native_max_value=highest,
        native_step=step,
        scale=scale,
        whole=True,
        exists=exists,
        entity_registry_enabled_default=not rare,
    )


DESCRIPTIONS = (
    _percent("soil_moisture_min_percent", _has("soil_moisture"), NumberDeviceClass.MOISTURE, highest=100),
    _percent("soil_moisture_hysteresis_percent", _has("soil_moisture"), None, highest=50, rare=True),
    _percent("reservoir_min_percent", _has("reservoir_level"), None, highest=100),
    _percent("reservoir_hysteresis_percent", _has("reservoir_level"), None, highest=50, rare=True),
    _celsius("air_temperature_min_c", -40, 85),
    _celsius("air_temperature_max_c", -40, 85),
    _celsius("air_temperature_hysteresis_c", 0, 20, step=0.1, rare=True),
    _duration("dose_ms", "dose", UnitOfTime.SECONDS, 1000, 0.1, 600, step=0.1),
    _duration("cooldown_s", "cooldown", UnitOfTime.MINUTES, 60, 1, 30 * 24 * 60),
    _duration("daily_cap_ms", "daily_cap", UnitOfTime.SECONDS, 1000, 0, 3600),
    _duration("soak_s", "soak", UnitOfTime.MINUTES, 60, 0, 24 * 60, rare=True),
    _duration(
        "stale_after_s", "stale_after", UnitOfTime.SECONDS, 1, 30, 24 * 3600, exists=lambda plant: True, rare=True
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the numbers of all plants."""
    add_as_they_come(
        entry,
        async_add_entities,
        lambda coordinator, plant: [
            PlantNumber(coordinator, plant, description) for description in DESCRIPTIONS if description.exists(plant)
        ],
    )


class PlantNumber(PlantEntity, NumberEntity):
    """One field of the profile, named as in the backend."""

    entity_description: PlantNumberDescription

    @property
    @override
    def native_value(self) -> float | None:
        """Give the field; None where the limit is switched off."""
        value: float | None = getattr(self.plant.profile, self.entity_description.key)
        return None if value is None else value / self.entity_description.scale

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change this field and leave the others as they are."""
        field = value * self.entity_description.scale
        with translated_errors():
            await self.coordinator.async_change_profile(
                self.device_id,
                {self.entity_description.key: round(field) if self.entity_description.whole else field},
            )
