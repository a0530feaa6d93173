"""The way out of an issue: mend it, then say so, and the backend closes the alert."""

from typing import Any

import probatio as vol
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant

from .api import NotThere, PlantApiError
from .coordinator import PlantConfigEntry


class ResolveFlow(RepairsFlow):
    """Ask whether it is mended, and resolve the alert."""

    def __init__(self, entry_id: str, alert_id: int, words: dict[str, str]) -> None:
        """Belong to one alert."""
        self._entry_id = entry_id
        self._alert_id = alert_id
        self._words = words

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Resolve it. If it is not mended after all, the backend opens a new alert."""
        errors: dict[str, str] = {}
        if user_input is not None:
            entry: PlantConfigEntry | None = self.hass.config_entries.async_get_entry(self._entry_id)
            if entry is None:
                return self.async_create_entry(data={})
            try:
                await entry.runtime_data.client.resolve_alert(self._alert_id)
            except NotThere:
                pass
            except PlantApiError:
                errors["base"] = "cannot_connect"
            if not errors:
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm", data_schema=vol.Schema({}), errors=errors, description_placeholders=self._words
        )


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None) -> RepairsFlow:
    """Start the way out."""
    known = data or {}
    words = {"name": str(known.get("name", "")), "message": str(known.get("message", ""))}
    return ResolveFlow(str(known.get("entry_id")), int(known.get("alert_id", 0)), words)
