"""The ways out of an issue: mend it and say so, and the backend closes the alert; or sign in again."""

from typing import Any

import probatio as vol
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .api import NotAllowed, NotThere, PlantApiError
from .coordinator import PlantConfigEntry
from .issues import async_tell_token_is_limited


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
            if entry is None or entry.state is not ConfigEntryState.LOADED:
                return self.async_abort(reason="not_loaded")
            try:
                await entry.runtime_data.client.resolve_alert(self._alert_id)
            except NotThere:
                pass
            except NotAllowed:
                async_tell_token_is_limited(self.hass, entry)
                errors["base"] = "not_allowed"
            except PlantApiError:
                errors["base"] = "cannot_connect"
            if not errors:
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm", data_schema=vol.Schema({}), errors=errors, description_placeholders=self._words
        )


class SignInFlow(RepairsFlow):
    """Lead to signing in again."""

    def __init__(self, entry_id: str) -> None:
        """Belong to one backend."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Start the flow that asks for a name and password, or another token."""
        if user_input is None:
            issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
            words = None if issue is None else issue.translation_placeholders
            return self.async_show_form(step_id="confirm", data_schema=vol.Schema({}), description_placeholders=words)
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is not None:
            entry.async_start_reauth(self.hass)
        return self.async_create_entry(data={})


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None) -> RepairsFlow:
    """Start the way out."""
    known = data or {}
    if "alert_id" not in known:
        return SignInFlow(str(known.get("entry_id")))
    words = {"name": str(known.get("name", "")), "message": str(known.get("message", ""))}
    return ResolveFlow(str(known.get("entry_id")), int(known["alert_id"]), words)
