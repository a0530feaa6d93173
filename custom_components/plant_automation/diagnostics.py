"""What helps to find a fault, without secrets and without names."""

from dataclasses import asdict
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_LATITUDE, CONF_LONGITUDE, CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .api import Plant
from .const import DOMAIN
from .coordinator import PlantConfigEntry

TO_REDACT = {
    CONF_LATITUDE,
    CONF_LONGITUDE,
    CONF_TOKEN,
    CONF_URL,
    "instance_id",
    "name",
    "requested_by",
    "time_zone",
    "title",
}


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: PlantConfigEntry) -> dict[str, Any]:
    """Give all that is known of a backend."""
    coordinator = entry.runtime_data
    return {
        "entry": async_redact_data({"data": dict(entry.data), "options": dict(entry.options)}, TO_REDACT),
        "backend": async_redact_data(asdict(coordinator.info), TO_REDACT),
        "stream": {
            "is_live": coordinator.last_update_success,
            "position": coordinator.data.position,
            "reconnects": coordinator.reconnects,
            "last_error": None if coordinator.last_exception is None else type(coordinator.last_exception).__name__,
        },
        "plants": [_plant(plant) for plant in coordinator.data.plants.values()],
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: PlantConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Give all that is known of one plant."""
    plants = entry.runtime_data.data.plants
    plant = next((plants[value] for domain, value in device.identifiers if domain == DOMAIN and value in plants), None)
    return {"plant": None if plant is None else _plant(plant)}


def _plant(plant: Plant) -> dict[str, Any]:
    document: dict[str, Any] = async_redact_data(asdict(plant), TO_REDACT)
    # Hundreds of runs say no more than their number.
    document["runs"] = {actuator: len(runs) for actuator, runs in plant.runs.items()}
    return document
