"""The water that a pump gave in all the time that it has been known."""

from dataclasses import replace
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import UnitOfVolume
from homeassistant.core import callback
from homeassistant.helpers.restore_state import RestoreEntity

from .entity import PlantEntity
from .water_counts import Counted

WATER_TOTAL = SensorEntityDescription(
    key="water_total",
    translation_key="water_total",
    device_class=SensorDeviceClass.WATER,
    state_class=SensorStateClass.TOTAL_INCREASING,
    native_unit_of_measurement=UnitOfVolume.LITERS,
    suggested_display_precision=2,
)


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
        counted = self.coordinator.water_counts.get(self.device_id)
        if counted is None and (stored := await self.async_get_last_extra_data()) is not None:
            # Earlier versions kept it with the entity's state.
            counted = Counted(**stored.as_dict())
        self._take(counted or self._counted)
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
        runs = plant.runs.get(pump.key, {})
        counted = self._counted
        if counted.pump in (None, pump.key):
            # A backend that was restored from a copy gives the ids of runs a second time.
            counted = replace(counted, run=min(counted.run, max(runs, default=0)))
        new = {run_id: run for run_id, run in runs.items() if run_id > counted.run}
        if new and (litres := pump.litres(sum(run.ms for run in new.values()))) is not None:
            counted = Counted(round(counted.litres + litres, 4), max(new), pump.key)
        if counted != self._counted:
            self._take(counted)

    def _take(self, counted: Counted) -> None:
        self._counted = counted
        self.coordinator.water_counts.async_keep(self.device_id, counted)

    @property
    @override
    def native_value(self) -> float:
        """Give the litres."""
        return self._counted.litres
