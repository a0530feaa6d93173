"""The firmware of a node. The backend does not update nodes, so this only shows who lags behind."""

from typing import override

from awesomeversion import AwesomeVersion, AwesomeVersionException
from homeassistant.components.update import UpdateDeviceClass, UpdateEntity, UpdateEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import PlantConfigEntry
from .entity import PlantEntity, add_as_they_come

PARALLEL_UPDATES = 0

FIRMWARE = UpdateEntityDescription(
    key="firmware",
    translation_key="firmware",
    device_class=UpdateDeviceClass.FIRMWARE,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: PlantConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the firmware of all nodes."""
    add_as_they_come(
        entry, async_add_entities, lambda coordinator, plant: [FirmwareUpdate(coordinator, plant, FIRMWARE)]
    )


class FirmwareUpdate(PlantEntity, UpdateEntity):
    """What a node runs, beside the newest that any of this backend's nodes runs."""

    @property
    @override
    def title(self) -> str | None:
        """Name the firmware."""
        return self.plant.device.firmware

    @property
    @override
    def installed_version(self) -> str | None:
        """Give what the node said when it signed in."""
        return self.plant.device.version

    @property
    @override
    def latest_version(self) -> str | None:
        """Give the newest version of the same firmware among the nodes."""
        mine = self.plant.device
        if mine.version is None:
            return None
        newest = mine.version
        for other in self.coordinator.data.plants.values():
            if other.device.firmware == mine.firmware and other.device.version is not None:
                newest = _newer(newest, other.device.version)
        return newest

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Another node's news may be news here, but only seldom."""
        latest = self.latest_version if self.available else None
        if latest != self._last_latest:
            self._last_latest = latest
            self._seen = None
        super()._handle_coordinator_update()

    _last_latest: str | None = None


def _newer(one: str, other: str) -> str:
    try:
        return other if AwesomeVersion(other) > AwesomeVersion(one) else one
    except AwesomeVersionException:
        return one
