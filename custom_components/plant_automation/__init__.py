"""Plant Automation: the plants, nodes and pumps of a Plant Automation backend in Home Assistant."""

from homeassistant.const import CONF_TOKEN, CONF_URL, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.typing import ConfigType

from .api import Garden, PlantClient
from .const import DOMAIN
from .coordinator import PlantConfigEntry, PlantCoordinator
from .issues import async_keep_issues, async_token_is_new
from .services import async_setup_services
from .statistics import async_remove_backfill, async_setup_backfill
from .water_counts import WaterCounts, async_remove_water_counts

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TIME,
    Platform.UPDATE,
]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: PlantConfigEntry) -> bool:
    """Connect to one backend."""
    client = PlantClient(async_get_clientsession(hass), entry.data[CONF_URL], entry.data[CONF_TOKEN])
    coordinator = PlantCoordinator(hass, entry, client)
    await coordinator.async_config_entry_first_refresh()
    # The backend comes first: the nodes hang under it.
    coordinator.hub_id = (
        dr.async_get(hass)
        .async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, coordinator.info.instance_id)},
            entry_type=dr.DeviceEntryType.SERVICE,
            name=entry.title,
            manufacturer="Plant Automation",
            model="Backend",
            sw_version=coordinator.info.version,
            configuration_url=client.url,
        )
        .id
    )
    coordinator.water_counts = await WaterCounts.async_load(hass, entry.entry_id)
    entry.async_on_unload(coordinator.water_counts.async_save)
    entry.runtime_data = coordinator
    async_token_is_new(hass, entry.entry_id)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    coordinator.async_start(await async_setup_backfill(hass, entry))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: PlantConfigEntry) -> bool:
    """Disconnect; the stream's task belongs to the entry and ends with it."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: PlantConfigEntry) -> None:
    """Leave nothing behind."""
    async_keep_issues(hass, entry.entry_id, Garden())
    async_token_is_new(hass, entry.entry_id)
    await async_remove_backfill(hass, entry.entry_id)
    await async_remove_water_counts(hass, entry.entry_id)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: PlantConfigEntry, device_entry: dr.DeviceEntry
) -> bool:
    """Let a person remove a device that the backend does not have any more."""
    known = {entry.unique_id, *entry.runtime_data.data.plants}
    return not any(domain == DOMAIN and value in known for domain, value in device_entry.identifiers)
