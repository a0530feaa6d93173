"""The water that a pump gave in all the time that it has been known."""

from dataclasses import asdict, dataclass
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import UnitOfVolume
from homeassistant.core import callback
from homeassistant.helpers.restore_state import ExtraStoredData, RestoreEntity

from .entity import PlantEntity

WATER_TOTAL = SensorEntityDescription(
    key="water_total",
    translation_key="water_total",
    device_class=SensorDeviceClass.WATER,
    state_class=SensorStateClass.TOTAL_INCREASING,
    native_unit_of_measurement=UnitOfVolume.LITERS,
    suggested_display_precision=2,
)


@dataclass(frozen=True, slots=True)
class Counted(ExtraStoredData):
    """What was counted: litres, up to which run of the pump."""

    litres: float = 0.0
    run: int = 0

    @override
    def as_dict(self) -> dict[str, Any]:
        """Give it to be stored."""
        return asdict(self)


class WaterTotalSensor(PlantEntity, SensorEntity, RestoreEntity):
    """All water that the pump gave.

    Each run is counted once, with the flow of its time: a pump that is measured anew does not change what it gave, and
    a run that the backend keeps no longer was given all the same. A counter that falls would begin anew in the Energy
    dashboard, and add everything a second time.
    """

    _counted = Counted()

    @override
    async def async_added_to_hass(self) -> None:
        """Go on where the last start ended."""
        await super().async_added_to_hass()
        if (stored := await self.async_get_last_extra_data()) is not None:
            self._counted = Counted(**stored.as_dict())
        self._count()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Count what is new."""
        self._count()
        super()._handle_coordinator_update()

    def _count(self) -> None:
        plant = self.coordinator.data.plants.get(self.device_id)
        pump = None if plant is None else plant.device.pump
        if plant is None or pump is None:
            return
        new = {run_id: run for run_id, run in plant.runs.get(pump.key, {}).items() if run_id > self._counted.run}
        if new and (litres := pump.litres(sum(run.ms for run in new.values()))) is not None:
            self._counted = Counted(round(self._counted.litres + litres, 4), max(new))

    @property
    @override
    def native_value(self) -> float:
        """Give the litres."""
        return self._counted.litres

    @property
    @override
    def extra_restore_state_data(self) -> Counted:
        """Keep it for the next start."""
        return self._counted
