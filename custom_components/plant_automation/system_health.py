"""What the system information page says."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import PlantConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register the information."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    entries: list[PlantConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    if not entries:
        return {"backends": 0}
    coordinator = entries[0].runtime_data
    return {
        "backends": len(entries),
        "can_reach_backend": system_health.async_check_can_reach_url(hass, f"{entries[0].data[CONF_URL]}/healthz"),
        "backend_version": coordinator.info.version,
        "plants": sum(len(entry.runtime_data.data.plants) for entry in entries),
        "stream": "live" if coordinator.last_update_success else "down",
    }
