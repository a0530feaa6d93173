"""What the integration survives."""

import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.plant_automation import async_remove_config_entry_device
from custom_components.plant_automation.api import CannotConnect, Garden, Message, PlantClient
from custom_components.plant_automation.const import DOMAIN, SAFETY_REFRESH
from custom_components.plant_automation.coordinator import PlantCoordinator
from tests.home_assistant.field import MANIFEST, Field, until
from tests.live_backend import eventually

OURS = "custom_components.plant_automation"


def said(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Give what we logged at a level."""
    return [record.getMessage() for record in caplog.records if record.name == OURS and record.levelno == level]


def fail_once(monkeypatch: pytest.MonkeyPatch, client: PlantClient, name: str) -> list[str]:
    """Let the first request of a kind find nobody. Gives the requests as they come."""
    real, asked = getattr(client, name), list[str]()

    async def ask(*given: Any) -> Any:
        asked.append(name)
        if len(asked) == 1:
            raise CannotConnect("It went away.")
        return await real(*given)

    monkeypatch.setattr(client, name, ask)
    return asked


async def reopen(coordinator: PlantCoordinator, resume_from: str | None) -> None:
    """End the stream and begin it again, from somewhere."""
    stream = coordinator._stream
    assert stream is not None
    stream.cancel()
    await until(stream.done)
    before = coordinator.reconnects
    coordinator._resume_from = resume_from
    coordinator._async_ensure_stream()
    await until(lambda: coordinator.reconnects > before)


async def test_a_restart_of_the_backend_is_said_once_and_loses_nothing(
    hass: HomeAssistant, own_field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    """Unavailable once, available once, and what happened before the restart is there."""
    field = own_field
    await field.set_up()
    caplog.clear()
    await field.do(field.backend.stop)
    await field.becomes("sensor", "soil", STATE_UNAVAILABLE)
    await hass.async_block_till_done()
    await field.do(field.backend.start)
    await field.becomes("sensor", "soil", "41.5", within_s=60)
    await field.do(field.node.send, soil=33)
    await field.becomes("sensor", "soil", "33.0")
    assert len(said(caplog, logging.ERROR)) == 1
    assert len(said(caplog, logging.INFO)) == 1


async def test_what_was_missed_changes_states_but_fires_no_event(own_field: Field) -> None:
    """An alert of an hour ago is no news."""
    field = own_field
    entry = await field.set_up()
    task = entry.runtime_data._stream
    task.cancel()
    await field.do(field.node.send, tank=3)
    await until(task.done)
    # The backend looks at readings a moment after it has taken them.
    await field.do(eventually, lambda: field.person.get("/alerts", state="open"))
    await field.do(time.sleep, 6)
    entry.runtime_data._async_ensure_stream()
    await field.becomes("binary_sensor", "problem", "on")
    assert field.value("event", "alert") == "unknown"


async def test_a_token_revoked_in_mid_stream_asks_to_sign_in_again(hass: HomeAssistant, own_field: Field) -> None:
    """At the latest when the stream has to be opened anew."""
    field = own_field
    await field.set_up()
    (token,) = await field.do(field.person.get, "/tokens")
    await field.do(field.person.request, "DELETE", f"/tokens/{token['id']}")
    await field.do(field.backend.restart)
    await until(hass.config_entries.flow.async_progress, within_s=60)
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_confirm"
    assert field.value("sensor", "soil") == STATE_UNAVAILABLE


async def test_a_backend_that_was_brought_up_to_date_and_is_too_new_now_is_said_once(
    hass: HomeAssistant, own_field: Field, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, no noise; and all is well again when this integration follows."""
    field = own_field
    entry = await field.set_up()
    monkeypatch.setattr("custom_components.plant_automation.api.client.API_VERSION", 0)
    await field.do(field.backend.restart)
    stream = entry.runtime_data._stream
    await until(stream.done, within_s=60)
    await field.becomes("sensor", "soil", STATE_UNAVAILABLE)
    assert "Traceback" not in caplog.text
    assert len(said(caplog, logging.ERROR)) == 1
    monkeypatch.undo()
    await entry.runtime_data.async_refresh()
    await field.becomes("sensor", "soil", "41.5")
    await field.do(field.node.send, soil=39)
    await field.becomes("sensor", "soil", "39.0")


async def test_a_snapshot_that_cannot_be_completed_is_asked_for_again(
    hass: HomeAssistant, field: Field, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backend goes away between a snapshot and what belongs to it: nothing stands still, and no traceback."""
    monkeypatch.setattr("custom_components.plant_automation.coordinator.ANEW_AFTER_S", 0.05)
    entry = await field.set_up()
    coordinator = entry.runtime_data
    asked = fail_once(monkeypatch, coordinator.client, "commands")
    await reopen(coordinator, "999999999.1")
    await until(lambda: len(asked) > 1)
    await field.do(field.node.send, soil=33)
    await field.becomes("sensor", "soil", "33.0")
    assert len(said(caplog, logging.ERROR)) == 1
    assert "Traceback" not in caplog.text


async def test_a_backend_that_is_back_and_cannot_tell_yet_is_asked_again(
    field: Field, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stream is open, and nothing more may come for an hour: what is the case is shown all the same."""
    monkeypatch.setattr("custom_components.plant_automation.coordinator.ANEW_AFTER_S", 0.05)
    entry = await field.set_up()
    coordinator = entry.runtime_data
    asked = fail_once(monkeypatch, coordinator.client, "snapshot")
    coordinator._async_line_is_down(CannotConnect("It went away."))
    await reopen(coordinator, None)
    await field.becomes("sensor", "soil", "41.5")
    assert len(asked) > 1
    assert len(said(caplog, logging.ERROR)) == 1
    assert "Traceback" not in caplog.text


async def test_a_message_that_makes_no_sense_does_not_end_the_stream(
    field: Field, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is passed over; a snapshot says what it may have meant."""
    monkeypatch.setattr("custom_components.plant_automation.coordinator.ANEW_AFTER_S", 0.05)
    entry = await field.set_up()
    coordinator = entry.runtime_data
    real = Garden._apply

    def strange(garden: Garden, message: Message) -> Garden:
        if message.type == "readings":
            message = replace(message, data={**message.data, "readings": [{"strange": 1}]})
        return real(garden, message)

    monkeypatch.setattr(Garden, "_apply", strange)
    await field.do(field.node.send, soil=33)
    await field.becomes("sensor", "soil", "33.0")
    monkeypatch.setattr(Garden, "_apply", real)
    await field.do(field.node.send, soil=34)
    await field.becomes("sensor", "soil", "34.0")
    assert coordinator.last_update_success
    assert "Traceback" not in caplog.text


async def test_a_backend_that_was_restored_from_a_copy_is_believed(field: Field) -> None:
    """Its positions are behind those that were heard: what it says from there on is new all the same."""
    entry = await field.set_up()
    coordinator = entry.runtime_data
    coordinator.data = replace(coordinator.data, position="999999999.999999999")
    await reopen(coordinator, None)
    await field.do(field.node.send, soil=33)
    await field.becomes("sensor", "soil", "33.0")


@pytest.mark.parametrize(("known", "heard"), [("999999999.999999999", None), ("1.1", "999999999.1")])
async def test_a_backend_that_was_restored_from_a_copy_may_give_ids_again(
    field: Field, known: str, heard: str | None
) -> None:
    """A lamp that was lit since the copy goes out, and water that is given from there on is counted.

    Whether the positions go on behind those that were heard, or far ahead.
    """
    entry = await field.set_up()
    coordinator = entry.runtime_data
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    watered = await field.run()
    await field.becomes("sensor", "water_total", "0.1")
    await field.call("switch", "turn_on", field.entity_id("switch", "lamp"))
    lit = await field.poll(watered["seq"])
    await field.do(field.node.ack, lit, "succeeded", 0)
    await field.becomes("switch", "lamp", "on")
    # What took place since the copy, which the backend knows no more.
    plant = coordinator.data.plants[field.node.device_id]
    (run_id, run), lamp = *plant.runs["pump"].items(), plant.last["lamp"]
    since = replace(
        plant,
        runs={"pump": {run_id: run, run_id + 500: run}},
        last={**plant.last, "lamp": replace(lamp, id=lamp.id + 500)},
    )
    plants = {field.node.device_id: since}
    coordinator.async_set_updated_data(Garden(plants, position=known))
    assert field.value("sensor", "water_total") == "0.2"

    await reopen(coordinator, heard)
    await field.call("switch", "turn_off", field.entity_id("switch", "lamp"))
    dark = await field.poll(lit["seq"])
    await field.do(field.node.ack, dark, "succeeded", 0)
    await field.becomes("switch", "lamp", "off")
    await field.ask("water", device_id=field.ha_device_id, seconds=5, force=True)
    command = await field.poll(dark["seq"])
    await field.do(field.node.ack, command, "succeeded", 5000)
    await field.becomes("sensor", "water_total", "0.3")


async def test_what_the_stream_left_out_is_found_while_readings_go_on(hass: HomeAssistant, field: Field) -> None:
    """Each event put the safety refresh off before: where readings come every minute, it was never its turn."""
    entry = await field.set_up()
    coordinator = entry.runtime_data
    plant = coordinator.data.plants[field.node.device_id]
    forgot = replace(plant, device=replace(plant.device, sensors=plant.device.sensors[1:]))
    coordinator.async_set_updated_data(replace(coordinator.data, plants={field.node.device_id: forgot}))
    await field.becomes("sensor", "soil", STATE_UNAVAILABLE)
    async_fire_time_changed(hass, dt_util.utcnow() + SAFETY_REFRESH - timedelta(seconds=30))
    await field.do(field.node.send, tank=77)
    await field.becomes("sensor", "tank", "77.0")
    async_fire_time_changed(hass, dt_util.utcnow() + SAFETY_REFRESH + timedelta(seconds=5))
    await field.becomes("sensor", "soil", "41.5")


async def test_devices_come_and_go_without_a_reload(hass: HomeAssistant, field: Field) -> None:
    """A new one appears with its entities, a deleted one disappears with them."""
    entry = await field.set_up()
    basil = field.node
    await field.add_node("Chili")
    await until(lambda: field.has("sensor", "soil"))
    await field.do(field.node.send, soil=50)
    await field.becomes("sensor", "soil", "50.0")
    await field.do(field.person.request, "DELETE", basil.path)
    registry = dr.async_get(hass)
    await until(lambda: registry.async_get_device_by_identifier((DOMAIN, basil.device_id), entry.entry_id) is None)
    assert not field.has("sensor", "soil", basil)


async def test_a_device_deleted_while_home_assistant_was_off_is_gone(hass: HomeAssistant, field: Field) -> None:
    """The first refresh finds it."""
    entry = await field.set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    await field.do(field.person.request, "DELETE", field.node.path)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert [device.model for device in devices] == ["Backend"]


async def test_new_names_channels_and_firmware_are_taken_over(hass: HomeAssistant, field: Field) -> None:
    """As the backend has them."""
    await field.set_up()
    await field.do(field.person.request, "PATCH", field.node.path, json={"name": "Thai basil"})
    more = {**MANIFEST, "version": "0.3.0"}
    more["sensors"] = [*MANIFEST["sensors"], {"key": "soil_two", "kind": "soil_moisture", "unit": "%"}]
    await field.do(field.node.sign_in, more)
    await until(lambda: field.has("sensor", "soil_two"))
    device = dr.async_get(hass).async_get(field.ha_device_id)
    assert device is not None
    assert (device.name, device.sw_version) == ("Thai basil", "0.3.0")
    await hass.async_block_till_done()
    second = er.async_get(hass).async_get(field.entity_id("sensor", "soil_two"))
    assert second is not None
    assert second.original_name == "Soil moisture 2"


async def test_home_assistant_restarts(hass: HomeAssistant, field: Field) -> None:
    """The water of earlier days is still counted, and nothing lingers."""
    entry = await field.set_up()
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    await field.run()
    await until(lambda: float(field.value("sensor", "water_total") or 0) > 0)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await field.is_live()
    assert float(field.value("sensor", "water_total") or 0) == pytest.approx(0.1)


async def test_a_backend_that_is_off_is_tried_again(hass: HomeAssistant, own_field: Field) -> None:
    """Not ready is no failure."""
    field = own_field
    await field.add_node()
    await field.make_entry()
    await field.do(field.backend.stop)
    assert not await hass.config_entries.async_setup(field.entry.entry_id)
    assert field.entry.state is ConfigEntryState.SETUP_RETRY
    await field.do(field.backend.start)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await until(lambda: field.entry.state is ConfigEntryState.LOADED)


async def test_another_backend_at_the_same_address_is_not_mixed_up(hass: HomeAssistant, field: Field) -> None:
    """Its plants are others."""
    entry = await field.make_entry()
    hass.config_entries.async_update_entry(entry, unique_id="elsewhere")
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "other_instance"


async def test_the_safety_refresh_finds_nothing_new(hass: HomeAssistant, field: Field) -> None:
    """It repeats what the stream said, and takes nothing back."""
    entry = await field.set_up()
    # What the backend decides about the readings comes a moment after them.
    await field.becomes("sensor", "last_decision", "not_needed")
    before = entry.runtime_data.data
    await entry.runtime_data.async_refresh()
    assert entry.runtime_data.last_update_success
    assert entry.runtime_data.data.plants == before.plants


async def test_a_person_may_remove_only_what_the_backend_does_not_have(hass: HomeAssistant, field: Field) -> None:
    """A device that exists would come back."""
    entry = await field.set_up()
    registry = dr.async_get(hass)
    present = registry.async_get(field.ha_device_id)
    assert present is not None
    assert not await async_remove_config_entry_device(hass, entry, present)
    gone = registry.async_get_or_create(config_entry_id=entry.entry_id, identifiers={(DOMAIN, "gone")})
    assert await async_remove_config_entry_device(hass, entry, gone)


async def test_a_channel_that_its_node_does_not_name_any_more_ends_and_may_come_back(
    hass: HomeAssistant, field: Field
) -> None:
    """Its entities are not provided any more, but keep their names: a firmware may have forgotten it by mistake."""
    entry = await field.set_up()
    names = er.async_get(hass)
    soil, tank, low = (
        field.entity_id(platform, key)
        for platform, key in (("sensor", "soil"), ("sensor", "tank"), ("binary_sensor", "reservoir_low"))
    )
    names.async_update_entity(tank, name="Rain barrel")
    fewer = {**MANIFEST, "sensors": [sensor for sensor in MANIFEST["sensors"] if sensor["key"] != "tank"]}
    await field.do(field.node.sign_in, fewer)
    await until(lambda: hass.states.get(tank).state == STATE_UNAVAILABLE)
    await until(lambda: hass.states.get(low).state == STATE_UNAVAILABLE)
    assert hass.states.get(tank).attributes["restored"]
    assert hass.states.get(soil).state == "41.5"
    # It stays so over a restart, and a person may delete it.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(tank).state == STATE_UNAVAILABLE
    await field.is_live()
    await field.do(field.node.sign_in, MANIFEST)
    await field.do(field.node.send, tank=55)
    await until(lambda: hass.states.get(tank).state == "55.0")
    assert hass.states.get(tank).name == "Rain barrel"
