"""Tools for assistants: what a plant needs, and watering it within limits."""

from datetime import timedelta
from typing import Any, override

import probatio as vol
from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.components.llm import LLMTools
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    LLMContext,
    Tool,
    ToolAnnotations,
    ToolInput,
    ToolResult,
)
from homeassistant.util import dt as dt_util

from .api import Plant
from .const import CONF_ASSISTANTS_MAY_WATER, DOMAIN
from .coordinator import PlantConfigEntry, PlantCoordinator
from .entity import dose_ms, translated_errors

ATTR_PLANT = "plant"


@callback
def async_get_tools(hass: HomeAssistant, llm_context: LLMContext, api_id: str) -> LLMTools | None:
    """Offer what the assistant may do: asking always, watering only where a person allowed it."""
    entries: list[PlantConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    if api_id != LLM_API_ASSIST or not entries:
        return None
    tools: list[Tool] = [GetPlantNeeds()]
    if any(entry.options.get(CONF_ASSISTANTS_MAY_WATER) for entry in entries):
        tools.append(WaterPlant())
    return LLMTools(
        tools=tools,
        prompt="Ask for a plant's needs before watering it. If watering is refused, say why; do not try again.",
    )


class GetPlantNeeds(Tool):
    """Say how plants are."""

    name = f"{DOMAIN}__get_plant_needs"
    title = "Get plant needs"
    description = "Say how each plant is: readings, thresholds, open alerts, and why it was or was not watered."
    parameters = vol.Schema({vol.Optional(ATTR_PLANT, description="Name of one plant; all if left out"): cv.string})
    annotations = ToolAnnotations(read_only=True, destructive=False, idempotent=True, open_world=False)
    integration = DOMAIN

    @override
    async def async_call(self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext) -> ToolResult:
        """Answer."""
        name = tool_input.tool_args.get(ATTR_PLANT)
        plants: list[Any] = [
            _needs(coordinator, plant)
            for coordinator, plant in _exposed(hass, llm_context)
            if name is None or plant.device.name.casefold() == name.casefold()
        ]
        return ToolResult(data={"plants": plants})


class WaterPlant(Tool):
    """Give one dose."""

    name = f"{DOMAIN}__water_plant"
    title = "Water a plant"
    description = "Give a plant one dose of water, as its profile says. Guards may refuse; then say why."
    parameters = vol.Schema({vol.Required(ATTR_PLANT, description="Name of the plant"): cv.string})
    annotations = ToolAnnotations(read_only=False, destructive=True, idempotent=False, open_world=False)
    integration = DOMAIN

    @override
    async def async_call(self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext) -> ToolResult:
        """Water, never by force, never for longer than the profile's dose."""
        name = tool_input.tool_args[ATTR_PLANT]
        meant = [
            (coordinator, plant, pump)
            for coordinator, plant in _exposed(hass, llm_context)
            if plant.device.name.casefold() == name.casefold()
            and coordinator.config_entry.options.get(CONF_ASSISTANTS_MAY_WATER)
            and (pump := plant.device.pump) is not None
        ]
        if len(meant) != 1:
            text = f"There are {len(meant)} plants named {name}" if meant else f"There is no plant named {name}"
            return ToolResult(data={"error": f"{text} that may be watered."}, error=True)
        ((coordinator, plant, pump),) = meant
        try:
            with translated_errors(coordinator):
                command = await coordinator.client.switch_on(plant.device.id, pump.key, dose_ms(plant, pump))
        except HomeAssistantError as error:
            return ToolResult(data={"error": str(error.__cause__ or error)}, error=True)
        return ToolResult(data={"watering": plant.device.name, "seconds": (command.duration_ms or 0) / 1000})


def _exposed(hass: HomeAssistant, llm_context: LLMContext) -> list[tuple[PlantCoordinator, Plant]]:
    """Give the plants of which at least one entity is exposed to the assistant."""
    registry = er.async_get(hass)
    entries: list[PlantConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    found = []
    for entry in entries:
        exposed = {
            item.unique_id.split("_", 1)[0]
            for item in er.async_entries_for_config_entry(registry, entry.entry_id)
            if item.domain in (Platform.SENSOR, Platform.SWITCH, Platform.BINARY_SENSOR)
            and async_should_expose(hass, llm_context.assistant or "conversation", item.entity_id)
        }
        plants = entry.runtime_data.data.plants
        found += [(entry.runtime_data, plants[device_id]) for device_id in plants if device_id in exposed]
    return found


def _needs(coordinator: PlantCoordinator, plant: Plant) -> dict[str, Any]:
    profile, now = plant.profile, dt_util.utcnow()
    is_connected = plant.device.id in coordinator.connected
    return {
        "name": plant.device.name,
        "node": "connected" if is_connected else "silent: what it said is not how it is now",
        "readings": {
            sensor.key: f"{sensor.latest.value:g} {sensor.unit}, {_minutes(now - sensor.latest.ts)} min ago"
            for sensor in plant.device.sensors
            if sensor.latest
        },
        "soil_moisture_minimum": f"{profile.soil_moisture_min_percent:g} %",
        "automation": profile.mode,
        "alerts": [alert.message for alert in plant.alerts.values()],
        "last_decision": plant.decision.text if plant.decision else None,
    }


def _minutes(age: timedelta) -> int:
    return max(0, int(age.total_seconds() // 60))
