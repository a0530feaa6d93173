"""What a plant looks like in Home Assistant, and what happens when somebody acts there."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import restore_state
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from custom_components.plant_automation import PLATFORMS
from custom_components.plant_automation.const import CLOCK_TICK, DOMAIN
from custom_components.plant_automation.sensor import ASK_EVERY
from tests.home_assistant.field import MANIFEST, READINGS, Field, until

CHANGES_EACH_TIME = {"decided_at", "until", "entity_picture"}


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_every_entity_of_a_platform(
    hass: HomeAssistant, field: Field, snapshot: SnapshotAssertion, platform: Platform
) -> None:
    """Names, units, classes, categories, attributes and what is disabled are a promise to dashboards."""
    entry = await field.set_up()
    await until(lambda: field.value("sensor", "last_decision") == "not_needed")
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    rows = {}
    for entity in sorted(entities, key=lambda item: item.entity_id):
        if entity.domain != platform:
            continue
        state = hass.states.get(entity.entity_id)
        rows[entity.entity_id] = {
            "key": entity.unique_id.removeprefix(field.node.device_id + "_"),
            "name": entity.original_name,
            "translation_key": entity.translation_key,
            "device_class": entity.original_device_class,
            "category": entity.entity_category,
            "disabled": entity.disabled_by,
            "unit": entity.unit_of_measurement,
            "capabilities": entity.capabilities,
            "state": None if state is None else state.state,
            "attributes": None if state is None else dict(state.attributes),
        }
    assert rows
    assert rows == snapshot(exclude=props(*CHANGES_EACH_TIME))


async def test_the_node_hangs_under_the_backend(hass: HomeAssistant, field: Field) -> None:
    """One device for the backend, one for each node."""
    entry = await field.set_up()
    registry = dr.async_get(hass)
    node = registry.async_get(field.ha_device_id)
    assert node is not None
    hub = registry.async_get(node.via_device_id or "")
    assert hub is not None
    assert (DOMAIN, entry.unique_id) in hub.identifiers
    assert hub.entry_type is dr.DeviceEntryType.SERVICE
    assert hub.configuration_url == field.backend.url
    assert (node.name, node.model, node.sw_version) == ("Basil", "plant-node", "0.1.0")


async def test_a_reading_is_there_without_polling(field: Field) -> None:
    """The stream brings it."""
    await field.set_up()
    assert field.value("sensor", "soil") == "41.5"
    await field.do(field.node.send, soil=37.25)
    await field.becomes("sensor", "soil", "37.25")


async def test_late_readings_do_not_change_the_present(field: Field) -> None:
    """Backfill is history."""
    await field.set_up()
    await field.do(field.node.send, soil=10, age_ms=3_600_000)
    await field.do(field.node.send, tank=79)
    await field.becomes("sensor", "tank", "79.0")
    assert field.value("sensor", "soil") == "41.5"


async def test_a_silent_probe_beside_others_that_speak_says_nothing(field: Field) -> None:
    """Whoever waters by it would water for ever: it said "dry" before it was unplugged, and its node goes on."""
    await field.set_up(readings=READINGS | {"soil": 12})
    await field.becomes("binary_sensor", "needs_water", STATE_ON)
    coordinator = field.entry.runtime_data
    plant = coordinator.data.plants[field.node.device_id]
    long_ago = dt_util.utcnow() - timedelta(seconds=901)
    sensors = tuple(replace(sensor, latest=replace(sensor.latest, ts=long_ago)) for sensor in plant.device.sensors)
    silent = replace(plant, device=replace(plant.device, sensors=sensors))
    coordinator.async_set_updated_data(replace(coordinator.data, plants={field.node.device_id: silent}))
    await field.do(field.node.send, light=500)
    await field.becomes("sensor", "light", "500.0")
    for platform, key in (
        ("binary_sensor", "needs_water"),
        ("binary_sensor", "reservoir_low"),
        ("sensor", "soil"),
        ("sensor", "tank"),
        ("sensor", "air"),
        ("sensor", "humidity"),
        ("sensor", "supply"),
        ("sensor", "vapour_pressure_deficit"),
    ):
        assert field.value(platform, key) == STATE_UNKNOWN, key


async def test_a_probe_in_doubt_does_not_say_that_a_plant_needs_water(field: Field) -> None:
    """It fell faster than soil dries: it lies on the floor, and water would run there too."""
    await field.set_up(readings=READINGS | {"soil": 62})
    for soil in (62.5, 62, 8, 8.5):
        await field.do(field.node.send, soil=soil)
    await until(lambda: "probe_dropped" in str(field.state("binary_sensor", "problem")))
    assert field.value("sensor", "soil") == "8.5"
    assert field.value("binary_sensor", "needs_water") == STATE_UNKNOWN


async def test_a_probe_that_sends_volts_is_shown_when_it_is_calibrated(field: Field) -> None:
    """Until then it says nothing, and again when the calibration is taken back."""
    volts = {**MANIFEST, "sensors": [{"key": "probe", "kind": "soil_moisture", "unit": "V"}]}
    await field.add_node("Basil", volts)
    await field.do(field.node.send, probe=2.0)
    await field.make_entry()
    assert await field.hass.config_entries.async_setup(field.entry.entry_id)
    await field.hass.async_block_till_done()
    await field.is_live()
    assert field.value("sensor", "probe") == STATE_UNKNOWN
    calibration = f"{field.node.path}/channels/probe/calibration"
    points = [{"raw": 3.0, "value": 0}, {"raw": 1.0, "value": 100}]
    await field.do(field.person.request, "PUT", calibration, json={"points": points})
    await field.becomes("sensor", "probe", "50.0")
    await field.do(field.node.send, probe=1.5)
    await field.becomes("sensor", "probe", "75.0")
    state = field.state("sensor", "probe")
    assert state is not None
    assert state.attributes["unit_of_measurement"] == "%"
    await field.do(field.person.request, "DELETE", calibration)
    await field.becomes("sensor", "probe", STATE_UNKNOWN)


async def test_the_air_tells_how_it_draws_on_leaves(field: Field) -> None:
    """22.5 °C and 55 %: 2.73 kPa saturated, 45 % of it missing. As the backend has it."""
    await field.set_up()
    value = float(field.value("sensor", "vapour_pressure_deficit") or 0)
    assert value == pytest.approx(1.227, abs=0.01)
    device = await field.do(field.person.get, field.node.path)
    assert value == pytest.approx(device["derived"]["vpd_kpa"], abs=0.001)
    await field.do(field.node.send, air=61)
    await field.becomes("sensor", "vapour_pressure_deficit", STATE_UNKNOWN)


async def test_the_light_of_a_day_is_asked_for(hass: HomeAssistant, field: Field) -> None:
    """No event brings it. 24 hours of 10 000 lx, as if they were daylight, are 16 mol/m²."""
    await field.set_up(readings={"soil": 40})
    assert field.value("sensor", "daily_light_integral") == STATE_UNKNOWN
    batch = [{"sensor": "light", "value": 10_000, "age_ms": minutes * 60_000} for minutes in range(0, 24 * 60, 30)]
    assert (await field.do(field.node.try_send, batch)).status_code == 202
    await field.becomes("sensor", "light", "10000.0")
    assert field.value("sensor", "daily_light_integral") == STATE_UNKNOWN
    async_fire_time_changed(hass, dt_util.utcnow() + ASK_EVERY * 1.1)
    # Time that flies ends the stream too, which comes back by itself.
    await until(lambda: field.value("sensor", "daily_light_integral") not in (STATE_UNKNOWN, STATE_UNAVAILABLE))
    assert float(field.value("sensor", "daily_light_integral") or 0) == pytest.approx(15.98, abs=0.01)


async def test_a_backend_that_cannot_be_asked_for_the_light_is_no_error(
    hass: HomeAssistant, own_field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    """The stream says that it is away; the last value is no news."""
    await own_field.set_up()
    coordinator = own_field.entry.runtime_data
    await own_field.do(own_field.backend.stop)
    caplog.clear()
    await coordinator.async_refresh_derived(own_field.node.device_id)
    assert "Traceback" not in caplog.text


async def test_the_pump_switch_gives_one_bounded_dose(field: Field) -> None:
    """On is the profile's dose, and it ends by itself."""
    await field.set_up()
    pump = field.entity_id("switch", "pump")
    await field.call("switch", "turn_on", pump)
    await field.becomes("switch", "pump", STATE_ON)
    command = await field.poll()
    assert (command["action"], command["duration_ms"]) == ("on", 5000)
    await field.do(field.node.ack, command, "accepted")
    await field.becomes("binary_sensor", "watering", STATE_ON)
    await field.do(field.node.ack, command, "succeeded", 5000)
    await field.becomes("switch", "pump", STATE_OFF)
    assert field.value("binary_sensor", "watering") == STATE_OFF
    # 5 s at 1200 ml a minute.
    assert float(field.value("sensor", "water_today") or 0) == pytest.approx(0.1)
    assert float(field.value("sensor", "water_total") or 0) == pytest.approx(0.1)
    last = dt_util.parse_datetime(field.value("sensor", "last_watered") or "")
    following = dt_util.parse_datetime(field.value("sensor", "next_watering") or "")
    assert last is not None
    assert following is not None
    assert following - last == timedelta(hours=1)
    happened = field.state("event", "watering_event")
    assert happened is not None
    assert (happened.attributes["event_type"], happened.attributes["ran_ms"]) == ("finished", 5000)


async def test_the_water_in_total_never_falls(hass: HomeAssistant, field: Field) -> None:
    """A pump that is measured anew, or a run that is kept no longer: the Energy dashboard would count all again."""
    entry = await field.set_up()
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    await field.run()
    await field.becomes("sensor", "water_total", "0.1")
    pump, *others = MANIFEST["actuators"]
    slower = {**MANIFEST, "actuators": [{**pump, "limits": {**pump["limits"], "flow_ml_per_min": 600}}, *others]}
    await field.do(field.node.sign_in, slower)
    await field.becomes("sensor", "water_today", "0.05")
    assert field.value("sensor", "water_total") == "0.1"
    # Over a restart too, and new runs count with the new flow.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await field.is_live()
    await field.becomes("sensor", "water_total", "0.1")
    await field.ask("water", device_id=field.ha_device_id, seconds=5, force=True)
    await field.run()
    await field.becomes("sensor", "water_total", "0.15")


@pytest.mark.parametrize("is_from_an_earlier_version", [False, True])
async def test_the_water_in_total_outlives_a_week_away(
    hass: HomeAssistant, hass_storage: dict[str, Any], field: Field, is_from_an_earlier_version: bool
) -> None:
    """Home Assistant forgets a state after that. What an earlier version kept with the state is taken over."""
    entry = await field.set_up()
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    await field.run()
    await field.becomes("sensor", "water_total", "0.1")
    total = field.entity_id("sensor", "water_total")
    (run_id,) = entry.runtime_data.data.plants[field.node.device_id].runs["pump"]
    assert await hass.config_entries.async_unload(entry.entry_id)
    states = restore_state.async_get(hass).last_states
    states.pop(total)
    if is_from_an_earlier_version:
        hass_storage.pop(f"{DOMAIN}.{entry.entry_id}.water")
        extra = {"litres": 0.1, "run": run_id}
        states[total] = restore_state.StoredState(
            State(total, "0.1"), restore_state.RestoredExtraData(extra), dt_util.utcnow()
        )
    pump, *others = MANIFEST["actuators"]
    slower = {**MANIFEST, "actuators": [{**pump, "limits": {**pump["limits"], "flow_ml_per_min": 600}}, *others]}
    await field.do(field.node.sign_in, slower)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    device = entry.runtime_data.data.plants[field.node.device_id].device
    assert device.pump.limits.flow_ml_per_min == 600
    assert field.value("sensor", "water_total") == "0.1"
    assert await hass.config_entries.async_unload(entry.entry_id)
    kept = f"{DOMAIN}.{entry.entry_id}.water"
    assert hass_storage[kept]["data"][field.node.device_id]["litres"] == 0.1
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert kept not in hass_storage


async def test_the_cooldown_holds_for_home_assistant_too(hass: HomeAssistant, field: Field) -> None:
    """The refusal is the backend's, in the language and on the clock of home."""
    await field.set_up()
    await hass.config.async_set_time_zone("Pacific/Auckland")
    pump = field.entity_id("switch", "pump")
    await field.call("switch", "turn_on", pump)
    await field.run()
    with pytest.raises(ServiceValidationError, match="next run may begin") as refused:
        await field.call("switch", "turn_on", pump)
    assert refused.value.translation_key == "refused_cooling_down"
    (command,) = (await field.do(field.person.get, f"{field.node.path}/commands"))["commands"]
    again_at = dt_util.parse_datetime(command["accepted_at"]) + timedelta(hours=1)
    assert f"{dt_util.as_local(again_at):%H:%M}" in str(refused.value)
    await field.do(field.node.send, tank=3)
    await field.becomes("binary_sensor", "reservoir_low", STATE_ON)
    with pytest.raises(ServiceValidationError, match="fill it"):
        await field.call("switch", "turn_on", pump)
    # With force only the cooldown is skipped: a run that the node would cut short is refused with its limit.
    await field.do(field.node.send, tank=90)
    await field.becomes("binary_sensor", "reservoir_low", STATE_OFF)
    with pytest.raises(ServiceValidationError, match="at most 30000 ms"):
        await field.ask("water", device_id=field.ha_device_id, seconds=40, force=True)


async def test_the_next_watering_knows_the_daily_cap(field: Field) -> None:
    """A day after the end of the first run that has to make room, and unknown where no dose fits at all."""
    await field.set_up()
    await field.set_profile(daily_cap_ms=12_000)
    ended: list[datetime] = []
    for _ in range(2):
        await field.ask("water", device_id=field.ha_device_id, force=True)
        await field.run()
        await field.becomes("switch", "pump", STATE_OFF)
        ended.append(dt_util.parse_datetime(field.value("sensor", "last_watered") or "") + timedelta(seconds=5))
    following = dt_util.parse_datetime(field.value("sensor", "next_watering") or "")
    assert following == ended[0] + timedelta(days=1)
    await field.set_profile(daily_cap_ms=15_000, cooldown_s=7200)
    await until(lambda: field.value("sensor", "next_watering") != following.isoformat())
    following = dt_util.parse_datetime(field.value("sensor", "next_watering") or "")
    assert following - ended[1] == timedelta(hours=2, seconds=-5)
    pump, *others = MANIFEST["actuators"]
    small = {**MANIFEST, "actuators": [{**pump, "limits": {**pump["limits"], "max_day_ms": 4000}}, *others]}
    await field.do(field.node.sign_in, small)
    await field.becomes("sensor", "next_watering", STATE_UNKNOWN)


async def test_off_ends_a_run(field: Field) -> None:
    """Off always passes."""
    await field.set_up()
    pump = field.entity_id("switch", "pump")
    await field.call("switch", "turn_on", pump)
    command = await field.poll()
    await field.do(field.node.ack, command, "accepted")
    await field.call("switch", "turn_off", pump)
    assert (await field.poll(command["seq"]))["action"] == "off"


async def test_the_lamp_shows_what_its_node_did(field: Field) -> None:
    """Asked for is not lit."""
    await field.set_up()
    lamp = field.entity_id("switch", "lamp")
    assert field.value("switch", "lamp") == STATE_UNKNOWN
    await field.call("switch", "turn_on", lamp)
    assert field.value("switch", "lamp") == STATE_UNKNOWN
    command = await field.poll()
    await field.do(field.node.ack, command, "succeeded", 0)
    await field.becomes("switch", "lamp", STATE_ON)
    await field.call("switch", "turn_off", lamp)
    command = await field.poll(command["seq"])
    await field.do(field.node.ack, command, "succeeded", 0)
    await field.becomes("switch", "lamp", STATE_OFF)


END = timedelta(seconds=61)


async def test_a_lamp_lit_for_a_while_goes_out_without_an_event(hass: HomeAssistant, field: Field) -> None:
    """Its end is part of the command."""
    await field.set_up()
    body = {"actuator": "lamp", "action": "on", "duration_ms": 60_000}
    await field.do(field.person.request, "POST", f"{field.node.path}/commands", json=body)
    command = await field.poll()
    await field.do(field.node.ack, command, "accepted")
    await field.becomes("switch", "lamp", STATE_ON)
    # Also where Home Assistant starts in between.
    assert await hass.config_entries.async_reload(field.entry.entry_id)
    await hass.async_block_till_done()
    await field.becomes("switch", "lamp", STATE_ON)
    with patch("custom_components.plant_automation.switch.dt_util.utcnow", lambda: datetime.now(UTC) + END):
        async_fire_time_changed(hass, datetime.now(UTC) + END)
        await field.becomes("switch", "lamp", STATE_OFF)


async def test_a_channel_may_have_the_name_of_something_that_is_worked_out(hass: HomeAssistant, field: Field) -> None:
    """Keys of channels are the node's, and no reason to lose an entity."""
    same = {
        **MANIFEST,
        "sensors": [
            {"key": "last_seen", "kind": "soil_moisture", "unit": "%"},
            {"key": "vapour_pressure_deficit", "kind": "air_temperature", "unit": "°C"},
            {"key": "humidity", "kind": "air_humidity", "unit": "%"},
        ],
        "actuators": [{"key": "quiet_hours", "kind": "pump"}],
    }
    await field.add_node("Basil", same)
    await field.do(field.node.send, last_seen=33, vapour_pressure_deficit=20, humidity=50)
    await field.make_entry()
    assert await hass.config_entries.async_setup(field.entry.entry_id)
    await hass.async_block_till_done()
    assert field.value("sensor", "channel_last_seen") == "33.0"
    assert field.value("sensor", "channel_vapour_pressure_deficit") == "20.0"
    assert field.value("sensor", "vapour_pressure_deficit") == "1.169"
    assert field.value("switch", "channel_quiet_hours") == field.value("switch", "quiet_hours") == STATE_OFF


async def test_water_now_and_stop(field: Field) -> None:
    """Two buttons."""
    await field.set_up()
    await field.call("button", "press", field.entity_id("button", "water_now"))
    command = await field.poll()
    assert (command["actuator"], command["duration_ms"]) == ("pump", 5000)
    await field.call("button", "press", field.entity_id("button", "stop_watering"))
    assert (await field.poll(command["seq"]))["action"] == "off"


async def test_stop_is_there_while_the_node_is_silent(field: Field) -> None:
    """A dose that its node has not fetched yet is taken back."""
    entry = await field.set_up()
    await field.call("button", "press", field.entity_id("button", "water_now"))
    await field.becomes("switch", "pump", STATE_ON)
    entry.runtime_data.connected = frozenset()
    entry.runtime_data.async_update_listeners()
    assert field.value("button", "water_now") == STATE_UNAVAILABLE
    await field.call("button", "press", field.entity_id("button", "stop_watering"))
    commands = (await field.do(field.person.get, f"{field.node.path}/commands"))["commands"]
    assert [(command["action"], command["state"]) for command in commands] == [("off", "queued"), ("on", "cancelled")]


async def test_off_does_not_wait_behind_an_on_that_hangs(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is slow just when somebody wants it to end."""
    entry = await field.set_up()
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def hang(*_: object) -> None:
        began.set()
        await goes_on.wait()

    monkeypatch.setattr(entry.runtime_data.client, "switch_on", hang)
    pump = field.entity_id("switch", "pump")
    starting = asyncio.create_task(field.call("switch", "turn_on", pump))
    await began.wait()
    await field.call("switch", "turn_off", pump)
    assert (await field.poll())["action"] == "off"
    goes_on.set()
    await starting


async def test_an_alert_opens_and_is_resolved(field: Field) -> None:
    """Entities show it, an event tells it, a button closes it."""
    await field.set_up()
    assert field.value("event", "alert") == STATE_UNKNOWN
    await field.do(field.node.send, tank=3)
    await field.becomes("binary_sensor", "problem", STATE_ON)
    await field.becomes("binary_sensor", "reservoir_low", STATE_ON)
    opened = field.state("event", "alert")
    assert opened is not None
    assert opened.attributes["event_type"] == "opened"
    assert opened.attributes["kind"] == "reservoir_low"
    problem = field.state("binary_sensor", "problem")
    assert problem is not None
    assert [alert["kind"] for alert in problem.attributes["alerts"]] == ["reservoir_low"]
    await field.do(field.node.send, tank=90)
    await field.becomes("binary_sensor", "problem", STATE_OFF)
    await until(lambda: field.state("event", "alert").attributes["event_type"] == "resolved")


async def test_the_button_resolves_all_alerts(field: Field) -> None:
    """As a person would at the backend."""
    await field.set_up(readings=READINGS | {"air": 55})
    await field.becomes("binary_sensor", "problem", STATE_ON)
    await field.call("button", "press", field.entity_id("button", "resolve_alerts"))
    resolved = await field.do(field.person.get, "/alerts", state="resolved")
    assert [alert["kind"] for alert in resolved] == ["air_temperature_high"]


async def test_acknowledging_is_told(field: Field) -> None:
    """Somebody else acknowledges; the event says so."""
    await field.set_up()
    await field.do(field.node.send, tank=3)
    await field.becomes("binary_sensor", "problem", STATE_ON)
    (alert,) = await field.do(field.person.get, "/alerts", state="open")
    await field.do(field.person.request, "PATCH", f"/alerts/{alert['id']}/acknowledge")
    await until(lambda: field.state("event", "alert").attributes["event_type"] == "acknowledged")


@pytest.mark.parametrize(
    ("key", "value", "field_value"),
    [
        ("soil_moisture_min_percent", 35.5, 35.5),
        ("dose_ms", 7.5, 7500),
        ("cooldown_s", 90, 5400),
        ("daily_cap_ms", 45, 45_000),
        ("air_temperature_max_c", 33.5, 33.5),
    ],
)
async def test_a_number_changes_one_field_of_the_profile(
    field: Field, key: str, value: float, field_value: float
) -> None:
    """And leaves the others as they are."""
    await field.set_up()
    before = await field.do(field.person.get, f"{field.node.path}/automation")
    await field.call("number", "set_value", field.entity_id("number", key), value=value)
    after = await field.do(field.person.get, f"{field.node.path}/automation")
    assert after == {**before, key: field_value, "version": before["version"] + 1}
    await until(lambda: float(field.value("number", key) or 0) == value)


async def test_two_numbers_at_once_do_not_undo_each_other(hass: HomeAssistant, field: Field) -> None:
    """The backend takes whole profiles only."""
    await field.set_up()
    for key, value in (("dose_ms", 6), ("soil_moisture_min_percent", 44), ("cooldown_s", 70)):
        data = {"entity_id": field.entity_id("number", key), "value": value}
        hass.async_create_task(hass.services.async_call("number", "set_value", data, blocking=True))
    await hass.async_block_till_done()
    profile = await field.do(field.person.get, f"{field.node.path}/automation")
    assert (profile["dose_ms"], profile["soil_moisture_min_percent"], profile["cooldown_s"]) == (6000, 44, 4200)


async def test_a_number_out_of_reach_is_refused_in_words(field: Field) -> None:
    """The node allows 30 s."""
    await field.set_up()
    with pytest.raises(ServiceValidationError, match="30000"):
        await field.call("number", "set_value", field.entity_id("number", "dose_ms"), value=40)


async def test_the_mode_is_a_choice(field: Field) -> None:
    """Off, on paper, on."""
    await field.set_up()
    mode = field.entity_id("select", "mode")
    assert field.value("select", "mode") == "off"
    await field.call("select", "select_option", mode, option="shadow")
    await field.becomes("select", "mode", "shadow")
    profile = await field.do(field.person.get, f"{field.node.path}/automation")
    assert profile["mode"] == "shadow"


async def test_a_decision_says_why(field: Field) -> None:
    """The last one, with its reason."""
    await field.set_up()
    await field.set_profile(mode="shadow")
    for _ in range(3):
        await field.do(field.node.send, soil=[12, 12, 12])
    await until(lambda: field.value("sensor", "last_decision") in ("would_water", "refused"))
    decision = field.state("sensor", "last_decision")
    assert decision is not None
    assert decision.attributes["reason"]
    assert field.value("binary_sensor", "needs_water") == STATE_ON


@pytest.mark.parametrize(("mode", "outcome", "words"), [("shadow", "would_switch", "lamp"), ("on", "switched", "lamp")])
async def test_the_rules_light_the_lamp_and_say_so(field: Field, mode: str, outcome: str, words: str) -> None:
    """Or that they would, on paper. A device with a lamp alone has its rules too."""
    await field.add_node("Seedlings", {**MANIFEST, "actuators": [{"key": "lamp", "kind": "lamp"}]})
    await field.do(field.node.send, soil=50)
    await field.make_entry()
    assert await field.hass.config_entries.async_setup(field.entry.entry_id)
    await field.hass.async_block_till_done()
    await field.is_live()
    now = dt_util.utcnow()
    times = {
        "lamp_on_at": (now - timedelta(minutes=2)).strftime("%H:%M:00"),
        "lamp_off_at": (now + timedelta(hours=2)).strftime("%H:%M:00"),
    }
    # Once the order is out, the next look at the plant has nothing to do, and says so.
    decisions = field.states_of("sensor", "last_decision")
    await field.set_profile(mode=mode, lamp_mode="fixed", time_zone="UTC", **times)
    await field.do(field.node.send, soil=49)
    decision = await until(lambda: next((state for state in decisions if state.state == outcome), None))
    assert words in decision.attributes["reason"].lower()
    assert decision.attributes["mode"] == mode
    if mode == "on":
        command = await field.poll()
        assert (command["actuator"], command["action"]) == ("lamp", "on")
        await field.do(field.node.ack, command, "accepted")
        await field.becomes("switch", "lamp", STATE_ON)
    else:
        assert await field.do(field.node.poll) == []
    assert field.value("select", "mode") == mode


async def test_a_silent_node_is_unavailable_and_comes_back(hass: HomeAssistant, field: Field) -> None:
    """Silence brings no event: the clock finds it."""
    entry = await field.set_up()
    assert field.value("binary_sensor", "connected") == STATE_ON
    coordinator = entry.runtime_data
    plant = coordinator.data.plants[field.node.device_id]
    long_ago = replace(plant.device, last_seen_at=dt_util.utcnow() - timedelta(minutes=16))
    plants = {field.node.device_id: replace(plant, device=long_ago)}
    coordinator.data = replace(coordinator.data, plants=plants)
    async_fire_time_changed(hass, dt_util.now() + CLOCK_TICK * 1.1)
    await field.becomes("binary_sensor", "connected", STATE_OFF)
    assert field.value("sensor", "soil") == STATE_UNAVAILABLE
    assert field.value("switch", "pump") == STATE_UNAVAILABLE
    assert field.value("number", "dose_ms") == "5.0"
    assert field.value("binary_sensor", "problem") != STATE_UNAVAILABLE
    await field.do(field.node.send, soil=40)
    await field.becomes("sensor", "soil", "40.0")
    assert field.value("binary_sensor", "connected") == STATE_ON


async def test_silence_alone_is_seen(field: Field) -> None:
    """It is no news of the plant; the clock finds it."""
    entry = await field.set_up()
    await field.do(field.node.send, soil=40)
    await field.becomes("sensor", "soil", "40.0")
    assert field.value("binary_sensor", "connected") == STATE_ON
    entry.runtime_data.connected = frozenset()
    entry.runtime_data.async_update_listeners()
    assert field.value("binary_sensor", "connected") == STATE_OFF


async def test_a_second_node_with_newer_firmware_shows_who_lags_behind(field: Field) -> None:
    """The backend does not know of releases, only of nodes."""
    await field.set_up()
    assert field.value("update", "firmware") == STATE_OFF
    first = field.node
    newer = {"firmware": "plant-node", "version": "0.2.0", "sensors": [], "actuators": []}
    await field.add_node("Chili", newer)
    await until(lambda: field.value("update", "firmware", first) == STATE_ON)
    state = field.state("update", "firmware", first)
    assert state is not None
    assert (state.attributes["installed_version"], state.attributes["latest_version"]) == ("0.1.0", "0.2.0")
