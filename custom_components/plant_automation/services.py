"""The actions."""

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import probatio as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service
from homeassistant.util import dt as dt_util

from .api import Actuator, Command, Plant, Refused
from .blueprint_files import install_blueprints
from .const import DOMAIN
from .coordinator import PlantConfigEntry, PlantCoordinator
from .entity import dose_ms, stop_pumps, translated_errors
from .profile_fields import CHOICES, MOMENTS, NUMBERS, Range

ATTR_ML = "ml"
ATTR_SECONDS = "seconds"
ATTR_ACTUATOR = "actuator"
ATTR_FORCE = "force"
ATTR_ANSWER_REFUSAL = "answer_refusal"
ATTR_ALERT_ID = "alert_id"
ATTR_DURATION = "duration"
ATTR_SENSOR = "sensor"
ATTR_START = "start"
ATTR_END = "end"
ATTR_LIMIT = "limit"

MAX_RUN_S = 600.0


def _number(allowed: Range) -> Any:
    number = vol.All(vol.Coerce(int if allowed.is_whole else float), vol.Range(min=allowed.low, max=allowed.high))
    return vol.Any(None, number) if allowed.is_optional else number


_DEVICE = {vol.Required(ATTR_DEVICE_ID): cv.string}
WATER_SCHEMA = vol.Schema(
    {
        **_DEVICE,
        vol.Exclusive(ATTR_ML, "amount"): vol.All(vol.Coerce(float), vol.Range(min=1, max=100_000)),
        vol.Exclusive(ATTR_SECONDS, "amount"): vol.All(vol.Coerce(float), vol.Range(min=0.1, max=MAX_RUN_S)),
        vol.Optional(ATTR_ACTUATOR): cv.string,
        vol.Optional(ATTR_FORCE, default=False): cv.boolean,
        vol.Optional(ATTR_ANSWER_REFUSAL, default=False): cv.boolean,
    }
)
STOP_ALL_SCHEMA = vol.Schema({vol.Optional(ATTR_DEVICE_ID): vol.All(cv.ensure_list, [cv.string])})
SET_PROFILE_SCHEMA = vol.Schema(
    {
        **_DEVICE,
        **{vol.Optional(name): vol.In(choices) for name, choices in CHOICES.items()},
        **{vol.Optional(name): _number(allowed) for name, allowed in NUMBERS.items()},
        **{vol.Optional(name): vol.Any(None, cv.time) for name in MOMENTS},
        vol.Optional("time_zone"): cv.time_zone,
    }
)
RESOLVE_ALERT_SCHEMA = vol.Schema({**_DEVICE, vol.Optional(ATTR_ALERT_ID): cv.positive_int})
SNOOZE_ALERT_SCHEMA = vol.Schema(
    {
        **_DEVICE,
        vol.Optional(ATTR_ALERT_ID): cv.positive_int,
        vol.Optional(ATTR_DURATION, default=timedelta(hours=1)): vol.All(
            cv.positive_time_period, vol.Range(min=timedelta(minutes=15), max=timedelta(days=7))
        ),
    }
)
HISTORY_SCHEMA = vol.Schema(
    {
        **_DEVICE,
        vol.Required(ATTR_SENSOR): cv.string,
        vol.Optional(ATTR_START): cv.datetime,
        vol.Optional(ATTR_END): cv.datetime,
        vol.Optional(ATTR_LIMIT, default=1000): vol.All(vol.Coerce(int), vol.Range(min=1, max=10_000)),
    }
)
DECISIONS_SCHEMA = vol.Schema(
    {**_DEVICE, vol.Optional(ATTR_LIMIT, default=10): vol.All(vol.Coerce(int), vol.Range(min=1, max=100))}
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions. They are there even while no backend is, so that automations can be checked."""
    optional, only = SupportsResponse.OPTIONAL, SupportsResponse.ONLY
    for name, handler, schema, response in (
        ("water", _water, WATER_SCHEMA, optional),
        ("stop_all", _stop_all, STOP_ALL_SCHEMA, optional),
        ("set_profile", _set_profile, SET_PROFILE_SCHEMA, optional),
        ("resolve_alert", _resolve_alert, RESOLVE_ALERT_SCHEMA, optional),
        ("snooze_alert", _snooze_alert, SNOOZE_ALERT_SCHEMA, optional),
        ("get_history", _get_history, HISTORY_SCHEMA, only),
        ("get_decisions", _get_decisions, DECISIONS_SCHEMA, only),
        ("install_blueprints", _install_blueprints, vol.Schema({}), optional),
    ):
        hass.services.async_register(DOMAIN, name, handler, schema=schema, supports_response=response)


async def _water(call: ServiceCall) -> ServiceResponse:
    coordinator, plant = _plant_of(call.hass, call.data[ATTR_DEVICE_ID])
    pump = _pump_of(plant, call.data.get(ATTR_ACTUATOR))
    duration_ms = _duration_ms(plant, pump, call.data)
    try:
        with translated_errors(coordinator):
            command = await coordinator.client.switch_on(
                plant.device.id, pump.key, duration_ms, force=call.data[ATTR_FORCE]
            )
    except ServiceValidationError as error:
        refused = error.__cause__
        if not call.data[ATTR_ANSWER_REFUSAL] or not isinstance(refused, Refused):
            raise
        return {
            "state": "refused",
            "code": refused.code,
            "reason": str(error),
            "until": None if refused.until is None else refused.until.isoformat(),
        }
    return command_document(command)


async def _stop_all(call: ServiceCall) -> ServiceResponse:
    """Switch off all pumps of the devices named, or of all. One that cannot be reached does not keep the others on."""
    targets: list[tuple[PlantCoordinator, Plant]] = []
    troubles: list[Exception] = []
    if ATTR_DEVICE_ID in call.data:
        for device_id in call.data[ATTR_DEVICE_ID]:
            try:
                targets.append(_plant_of(call.hass, device_id))
            except ServiceValidationError as error:
                troubles.append(error)
    else:
        entries: list[PlantConfigEntry] = call.hass.config_entries.async_entries(
            DOMAIN, include_ignore=False, include_disabled=False
        )
        for entry in entries:
            if entry.state is ConfigEntryState.LOADED:
                targets += [(entry.runtime_data, plant) for plant in entry.runtime_data.data.plants.values()]
            else:
                words = {"backend": entry.title}
                troubles.append(
                    HomeAssistantError(
                        translation_domain=DOMAIN, translation_key="not_stopped", translation_placeholders=words
                    )
                )
    stopped, failed = await stop_pumps(targets)
    for trouble in failed + troubles:
        raise trouble
    return {"stopped": list(stopped)}


async def _set_profile(call: ServiceCall) -> ServiceResponse:
    coordinator, plant = _plant_of(call.hass, call.data[ATTR_DEVICE_ID])
    changes = {
        key: value.isoformat() if isinstance(value, time) else value
        for key, value in call.data.items()
        if key != ATTR_DEVICE_ID
    }
    with translated_errors(coordinator):
        profile = await coordinator.async_change_profile(plant.device.id, changes)
    return {"profile": dict(profile.fields)}


async def _resolve_alert(call: ServiceCall) -> ServiceResponse:
    coordinator, plant = _plant_of(call.hass, call.data[ATTR_DEVICE_ID])
    alerts = _alerts_of(plant, call.data.get(ATTR_ALERT_ID))
    with translated_errors(coordinator):
        for alert_id in alerts:
            await coordinator.client.resolve_alert(alert_id)
    return {"resolved": list(alerts)}


async def _snooze_alert(call: ServiceCall) -> ServiceResponse:
    coordinator, plant = _plant_of(call.hass, call.data[ATTR_DEVICE_ID])
    alerts = _alerts_of(plant, call.data.get(ATTR_ALERT_ID))
    minutes = round(call.data[ATTR_DURATION] / timedelta(minutes=1))
    with translated_errors(coordinator):
        snoozed = [await coordinator.client.snooze_alert(alert_id, minutes) for alert_id in alerts]
    ends = max((alert.snoozed_until for alert in snoozed if alert.snoozed_until is not None), default=None)
    return {"snoozed": list(alerts), "until": None if ends is None else ends.isoformat()}


def _alerts_of(plant: Plant, wanted: int | None) -> list[int]:
    """Give the open alert that is meant, or all. Raises ServiceValidationError."""
    if wanted is None:
        return sorted(plant.alerts)
    if wanted not in plant.alerts:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_such_alert", translation_placeholders={"id": str(wanted)}
        )
    return [wanted]


async def _get_history(call: ServiceCall) -> ServiceResponse:
    coordinator, plant = _plant_of(call.hass, call.data[ATTR_DEVICE_ID])
    end = _as_utc(call.data.get(ATTR_END)) or dt_util.utcnow() + timedelta(seconds=1)
    start = _as_utc(call.data.get(ATTR_START)) or end - timedelta(days=1)
    sensor = plant.device.sensor(call.data[ATTR_SENSOR]) or plant.device.first(call.data[ATTR_SENSOR])
    if sensor is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_such_sensor",
            translation_placeholders={
                "sensor": call.data[ATTR_SENSOR],
                "sensors": ", ".join(known.key for known in plant.device.sensors),
            },
        )
    with translated_errors(coordinator):
        samples = await coordinator.client.readings(plant.device.id, sensor.key, start, end, call.data[ATTR_LIMIT])
    readings: list[Any] = [{"ts": sample.ts.isoformat(), "value": sample.value} for sample in samples]
    return {"sensor": sensor.key, "kind": sensor.kind, "unit": sensor.unit, "readings": readings}


async def _get_decisions(call: ServiceCall) -> ServiceResponse:
    coordinator, plant = _plant_of(call.hass, call.data[ATTR_DEVICE_ID])
    with translated_errors(coordinator):
        decisions = await coordinator.client.decisions(plant.device.id, call.data[ATTR_LIMIT])
    return {
        "decisions": [
            {
                "at": decision.at.isoformat(),
                "mode": decision.mode,
                "outcome": decision.outcome,
                "codes": [reason.code for reason in decision.reasons],
                "reason": decision.text,
            }
            for decision in decisions
        ]
    }


async def _install_blueprints(call: ServiceCall) -> ServiceResponse:
    target = Path(call.hass.config.path("blueprints"))
    installed, kept = await call.hass.async_add_executor_job(install_blueprints, target)
    return {"installed": list(installed), "kept": list(kept)}


@callback
def _plant_of(hass: HomeAssistant, ha_device_id: str) -> tuple[PlantCoordinator, Plant]:
    """Find the plant behind a device of Home Assistant. Raises ServiceValidationError."""
    entry: PlantConfigEntry
    device, entry = service.async_get_device_and_config_entry(hass, DOMAIN, ha_device_id)
    plants = entry.runtime_data.data.plants
    for domain, identifier in device.identifiers:
        if domain == DOMAIN and identifier in plants:
            return entry.runtime_data, plants[identifier]
    raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_plant")


def _pump_of(plant: Plant, key: str | None) -> Actuator:
    pump = plant.device.pump if key is None else plant.device.actuator(key)
    if pump is None or pump.kind != "pump":
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_pump", translation_placeholders={"name": plant.device.name}
        )
    return pump


def _duration_ms(plant: Plant, pump: Actuator, data: dict[str, Any]) -> int:
    """Turn what was asked for into run time: seconds, ml at the pump's flow, or the profile's dose."""
    if ATTR_SECONDS in data:
        return round(float(data[ATTR_SECONDS]) * 1000)
    if ATTR_ML not in data:
        return dose_ms(plant, pump)
    if (duration_ms := pump.run_ms(float(data[ATTR_ML]))) is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_flow", translation_placeholders={"pump": pump.key}
        )
    return duration_ms


def _as_utc(at: datetime | None) -> datetime | None:
    """Read a time without a zone as local."""
    return None if at is None else dt_util.as_utc(at)


def command_document(command: Command) -> dict[str, Any]:
    """Give a command as the answer of an action."""
    return {
        "command_id": command.id,
        "actuator": command.actuator,
        "state": command.state,
        "duration_ms": command.duration_ms,
    }
