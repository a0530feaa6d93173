"""Actions with their answers, triggers, conditions, tools for assistants, diagnostics."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import probatio as vol
import pytest
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity, async_should_expose
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.llm import LLM_API_ASSIST, LLMContext, ToolInput
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.common import arm_trigger

from custom_components.plant_automation import system_health
from custom_components.plant_automation.blueprint_files import install_blueprints
from custom_components.plant_automation.const import CONF_ASSISTANTS_MAY_WATER, DOMAIN
from custom_components.plant_automation.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from custom_components.plant_automation.llm import async_get_tools
from tests.home_assistant.field import READINGS, Field, until


@pytest.mark.parametrize(
    ("given", "duration_ms"), [({"ml": 100}, 5000), ({"seconds": 2.5}, 2500), ({}, 5000), ({"actuator": "pump"}, 5000)]
)
async def test_water_by_volume_by_time_or_by_dose(field: Field, given: Any, duration_ms: int) -> None:
    """100 ml at 1200 ml a minute are 5 s."""
    await field.set_up()
    answer = await field.ask("water", device_id=field.ha_device_id, **given)
    assert (answer["state"], answer["duration_ms"]) == ("queued", duration_ms)
    assert (await field.poll())["duration_ms"] == duration_ms


async def test_force_skips_the_cooldown_and_nothing_else(field: Field) -> None:
    """The daily cap holds."""
    await field.set_up()
    await field.ask("water", device_id=field.ha_device_id, seconds=25)
    await field.run()
    with pytest.raises(ServiceValidationError, match="next run may begin"):
        await field.ask("water", device_id=field.ha_device_id, seconds=25)
    await field.ask("water", device_id=field.ha_device_id, seconds=25, force=True)
    await field.run()
    with pytest.raises(ServiceValidationError, match="daily cap allows in 24 hours"):
        await field.ask("water", device_id=field.ha_device_id, seconds=25, force=True)


async def test_what_cannot_be_watered_is_said_before_anything_runs(hass: HomeAssistant, field: Field) -> None:
    """Each in its own words."""
    entry = await field.set_up()
    device = field.ha_device_id
    with pytest.raises(ServiceValidationError, match="no such pump"):
        await field.ask("water", device_id=device, actuator="lamp")
    hub = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, entry.unique_id or ""), entry.entry_id)
    assert hub is not None
    with pytest.raises(ServiceValidationError, match="backend itself"):
        await field.ask("water", device_id=hub.id)
    await field.add_node(
        "Plain", {"firmware": "x", "version": "1", "actuators": [{"key": "pump", "kind": "pump"}], "sensors": []}
    )
    await until(lambda: field.node.device_id in entry.runtime_data.data.plants)
    await hass.async_block_till_done()
    with pytest.raises(ServiceValidationError, match="flow of pump"):
        await field.ask("water", device_id=field.ha_device_id, ml=100)
    assert await field.do(field.node.poll) == []


async def test_a_refusal_may_be_an_answer(field: Field) -> None:
    """For automations that have somebody to tell why."""
    await field.set_up()
    asked = {"device_id": field.ha_device_id, "answer_refusal": True}
    assert (await field.ask("water", **asked))["state"] == "queued"
    await field.run()
    answer = await field.ask("water", **asked)
    assert (answer["state"], answer["code"]) == ("refused", "cooling_down")
    assert "next run may begin" in answer["reason"]
    assert answer["until"]
    # What is no refusal stays an error.
    with pytest.raises(ServiceValidationError, match="no such pump"):
        await field.ask("water", **asked, actuator="lamp")


async def test_stop_all_ends_every_run(field: Field) -> None:
    """Named plants, or all."""
    await field.set_up()
    await field.ask("water", device_id=field.ha_device_id, seconds=20)
    command = await field.poll()
    answer = await field.ask("stop_all")
    assert answer == {"stopped": ["Basil: pump"]}
    assert (await field.poll(command["seq"]))["action"] == "off"
    assert await field.ask("stop_all", device_id=[field.ha_device_id]) == {"stopped": ["Basil: pump"]}


async def test_stopping_all_says_what_could_not_be_stopped(own_field: Field) -> None:
    """A pump that cannot be told is no silence."""
    await own_field.set_up()
    await own_field.do(own_field.backend.stop)
    with pytest.raises(HomeAssistantError, match="cannot be reached"):
        await own_field.ask("stop_all")


async def test_stopping_all_stops_what_it_can_and_names_what_it_cannot(hass: HomeAssistant, field: Field) -> None:
    """Another backend that is away is no silence, and no reason to let the pumps of this one run."""
    await field.set_up()
    MockConfigEntry(domain=DOMAIN, title="Greenhouse", unique_id="elsewhere").add_to_hass(hass)
    with pytest.raises(HomeAssistantError, match="Greenhouse"):
        await field.ask("stop_all")
    assert (await field.poll())["action"] == "off"
    with pytest.raises(ServiceValidationError):
        await field.ask("stop_all", device_id=["unknown", field.ha_device_id])
    assert (await field.poll(1))["action"] == "off"


async def test_a_profile_is_changed_in_part(field: Field) -> None:
    """What is not named stays."""
    await field.set_up()
    answer = await field.ask("set_profile", device_id=field.ha_device_id, mode="shadow", cooldown_s=7200)
    assert (answer["profile"]["mode"], answer["profile"]["cooldown_s"]) == ("shadow", 7200)
    assert answer["profile"]["dose_ms"] == 5000
    with pytest.raises(ServiceValidationError, match="air_temperature_min_c"):
        await field.ask("set_profile", device_id=field.ha_device_id, air_temperature_min_c=80)


async def test_alerts_are_resolved_by_number_or_all(field: Field) -> None:
    """A number that is not open is a mistake."""
    await field.set_up()
    await field.do(field.node.send, tank=3)
    await field.becomes("binary_sensor", "problem", "on")
    with pytest.raises(ServiceValidationError, match="999"):
        await field.ask("resolve_alert", device_id=field.ha_device_id, alert_id=999)
    answer = await field.ask("resolve_alert", device_id=field.ha_device_id)
    assert len(answer["resolved"]) == 1


async def test_alerts_are_snoozed_by_number_or_all(field: Field) -> None:
    """They stay open, and everybody who looks sees until when."""
    await field.set_up()
    await field.do(field.node.send, tank=3, air=60)
    await until(lambda: len(field.state("binary_sensor", "problem").attributes.get("alerts", ())) == 2)
    first, second = (alert["id"] for alert in field.state("binary_sensor", "problem").attributes["alerts"])
    with pytest.raises(ServiceValidationError, match="999"):
        await field.ask("snooze_alert", device_id=field.ha_device_id, alert_id=999)
    with pytest.raises(vol.Invalid, match="duration"):
        await field.ask("snooze_alert", device_id=field.ha_device_id, duration={"minutes": 14})

    began_at = dt_util.utcnow()
    one = await field.ask("snooze_alert", device_id=field.ha_device_id, alert_id=first, duration={"days": 2})
    every = await field.ask("snooze_alert", device_id=field.ha_device_id)

    assert (one["snoozed"], every["snoozed"]) == ([first], [first, second])
    assert datetime.fromisoformat(one["until"]) - began_at > timedelta(hours=47)
    await until(lambda: field.state("event", "alert").attributes["event_type"] == "snoozed")
    await until(
        lambda: all(alert["snoozed_until"] for alert in field.state("binary_sensor", "problem").attributes["alerts"])
    )
    known = await field.do(field.person.get, "/alerts", state="open")
    last = datetime.fromisoformat(every["until"])
    # One after the other, but not the first one's two days.
    assert all(last - datetime.fromisoformat(alert["snoozed_until"]) < timedelta(minutes=5) for alert in known)
    assert last - began_at < timedelta(days=1)


async def test_history_and_decisions_come_from_the_backend(field: Field) -> None:
    """Raw, with units and reasons."""
    await field.set_up()
    await field.do(field.node.send, soil=[50, 49, 48], age_ms=600_000)
    history = await field.ask("get_history", device_id=field.ha_device_id, sensor="soil_moisture")
    assert (history["sensor"], history["unit"]) == ("soil", "%")
    assert [reading["value"] for reading in history["readings"]] == [50, 49, 48, 41.5]
    with pytest.raises(ServiceValidationError, match="no sensor nonsense"):
        await field.ask("get_history", device_id=field.ha_device_id, sensor="nonsense")
    await field.becomes("sensor", "last_decision", "not_needed")
    decisions = await field.ask("get_decisions", device_id=field.ha_device_id)
    assert decisions["decisions"][0]["outcome"] == "not_needed"
    assert decisions["decisions"][0]["reason"]


async def test_blueprints_are_installed_on_request_and_never_overwritten(hass: HomeAssistant, tmp_path: Path) -> None:
    """An edited one is somebody's work."""
    source = tmp_path / "source" / "automation"
    source.mkdir(parents=True)
    (source / "water.yaml").write_text("new")
    target = tmp_path / "target"
    assert install_blueprints(target, tmp_path / "source") == (["automation/plant_automation/water.yaml"], [])
    copy = target / "automation" / "plant_automation" / "water.yaml"
    copy.write_text("edited")
    assert install_blueprints(target, tmp_path / "source") == ([], ["automation/plant_automation/water.yaml"])
    assert copy.read_text() == "edited"


async def test_triggers_fire_on_what_happens(hass: HomeAssistant, field: Field) -> None:
    """An alert, dry soil, a finished run."""
    await field.set_up()
    calls: dict[str, list[Any]] = {"alert_opened": [], "watering_finished": [], "needs_water": []}
    targets = {
        "alert_opened": field.entity_id("event", "alert"),
        "watering_finished": field.entity_id("event", "watering_event"),
        "needs_water": field.entity_id("binary_sensor", "needs_water"),
    }
    for name, entity_id in targets.items():
        await arm_trigger(hass, f"{DOMAIN}.{name}", {}, {"entity_id": entity_id}, calls[name])
    await field.ask("water", device_id=field.ha_device_id)
    await field.run()
    await until(lambda: calls["watering_finished"])
    await field.do(field.node.send, soil=12, tank=3)
    await until(lambda: calls["alert_opened"] and calls["needs_water"])
    assert [len(fired) for fired in calls.values()] == [1, 1, 1]


async def test_aimed_at_a_device_a_trigger_is_about_its_own_entities_alone(hass: HomeAssistant, field: Field) -> None:
    """A node that connects, and a pump that runs, are no dry soil."""
    entry = await field.set_up()
    device = {"device_id": field.ha_device_id}
    calls: dict[str, list[Any]] = {name: [] for name in ("needs_water", "alert_opened", "watering_finished")}
    for name, fired in calls.items():
        await arm_trigger(hass, f"{DOMAIN}.{name}", {}, device, fired)
    entry.runtime_data.connected = frozenset()
    entry.runtime_data.async_update_listeners()
    await field.becomes("binary_sensor", "connected", "off")
    await field.do(field.node.send, tank=3)
    await field.becomes("binary_sensor", "connected", "on")
    await field.becomes("binary_sensor", "problem", "on")
    await field.do(field.node.send, tank=80)
    await field.becomes("binary_sensor", "problem", "off")
    await field.ask("water", device_id=field.ha_device_id)
    await field.run()
    await until(lambda: calls["watering_finished"])
    assert {name: len(fired) for name, fired in calls.items()} == {
        "needs_water": 0,
        "alert_opened": 1,
        "watering_finished": 1,
    }
    await field.do(field.node.send, soil=12)
    await until(lambda: calls["needs_water"])


async def test_aimed_at_a_device_a_condition_is_about_its_own_entities_alone(hass: HomeAssistant, field: Field) -> None:
    """A connected node is no dry soil, and soil at 10 % no empty reservoir."""
    await field.set_up(readings=READINGS | {"soil": 10, "tank": 80, "humidity": 5})
    below = {"threshold": {"type": "below", "value": {"number": 50}}}
    device = {"device_id": field.ha_device_id}
    asked = {"is_dry": {}, "is_watering": {}, "reservoir_level": below}
    automations = [
        {
            "alias": name,
            "triggers": {"trigger": "event", "event_type": "ask"},
            "conditions": [{"condition": f"{DOMAIN}.{name}", "target": device, "options": options}],
            "actions": [{"event": f"held_{name}"}],
        }
        for name, options in asked.items()
    ]
    assert await async_setup_component(hass, "automation", {"automation": automations})
    held: list[str] = []
    for name in asked:
        hass.bus.async_listen(f"held_{name}", lambda event: held.append(event.event_type))
    hass.bus.async_fire("ask")
    await hass.async_block_till_done()
    assert held == ["held_is_dry"]


async def test_a_run_that_came_to_nothing_is_a_trigger_too(hass: HomeAssistant, field: Field) -> None:
    """The node refuses, and says why. A second word on the same run is no second event."""
    await field.set_up()
    fired: list[Any] = []
    target = {"entity_id": field.entity_id("event", "watering_event")}
    await arm_trigger(hass, f"{DOMAIN}.watering_failed", {}, target, fired)
    await field.ask("water", device_id=field.ha_device_id)
    command = await field.poll()
    for _ in range(2):
        await field.do(field.node.ack, command, "rejected", 0, "reservoir_empty")
    await until(lambda: fired)
    event = field.state("event", "watering_event")
    assert event is not None
    assert (event.attributes["event_type"], event.attributes["reason"]) == ("failed", "reservoir_empty")
    await field.do(field.node.send, tank=70)
    await field.becomes("sensor", "tank", "70.0")
    assert len(fired) == 1


async def test_the_condition_of_being_watered(hass: HomeAssistant, field: Field) -> None:
    """From the moment that the node runs the pump, to its end."""
    await field.set_up()
    condition = {
        "condition": f"{DOMAIN}.is_watering",
        "target": {"entity_id": field.entity_id("binary_sensor", "watering")},
    }
    config = {
        "triggers": {"trigger": "event", "event_type": "ask"},
        "conditions": [condition],
        "actions": [{"event": "held"}],
    }
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    held: list[Any] = []
    hass.bus.async_listen("held", held.append)

    async def ask_again() -> int:
        hass.bus.async_fire("ask")
        await hass.async_block_till_done()
        return len(held)

    assert await ask_again() == 0
    await field.ask("water", device_id=field.ha_device_id)
    command = await field.poll()
    assert await ask_again() == 0
    await field.do(field.node.ack, command, "accepted")
    await field.becomes("binary_sensor", "watering", "on")
    assert await ask_again() == 1
    await field.do(field.node.ack, command, "succeeded", 5000)
    await field.becomes("binary_sensor", "watering", "off")
    assert await ask_again() == 1


async def test_conditions_ask_about_the_plant(hass: HomeAssistant, field: Field) -> None:
    """In an automation, as a person would write it."""
    await field.set_up()
    conditions = {
        "dry": {
            "condition": f"{DOMAIN}.is_dry",
            "target": {"entity_id": field.entity_id("binary_sensor", "needs_water")},
        },
        "low": {
            "condition": f"{DOMAIN}.reservoir_level",
            "target": {"entity_id": field.entity_id("sensor", "tank")},
            "options": {"threshold": {"type": "below", "value": {"number": 50}}},
        },
    }
    for name, condition in conditions.items():
        config = {
            "alias": name,
            "triggers": {"trigger": "event", "event_type": "ask"},
            "conditions": [condition],
            "actions": [{"event": f"held_{name}"}],
        }
        conditions[name] = config
    assert await async_setup_component(hass, "automation", {"automation": list(conditions.values())})
    held: list[str] = []
    for name in conditions:
        hass.bus.async_listen(f"held_{name}", lambda event: held.append(event.event_type))
    hass.bus.async_fire("ask")
    await hass.async_block_till_done()
    assert held == []
    await field.do(field.node.send, soil=12, tank=20)
    await field.becomes("sensor", "tank", "20.0")
    await hass.async_block_till_done()
    hass.bus.async_fire("ask")
    await until(lambda: len(held) == 2)
    assert sorted(held) == ["held_dry", "held_low"]


def tools(hass: HomeAssistant) -> dict[str, Any]:
    """Give what an assistant may use."""
    context = LLMContext(platform="test", context=Context(), language="en", assistant="conversation", device_id=None)
    offered = async_get_tools(hass, context, LLM_API_ASSIST)
    return {} if offered is None else {tool.name: (tool, context) for tool in offered.tools}


async def ask(hass: HomeAssistant, name: str, **args: Any) -> Any:
    """Let an assistant use a tool."""
    tool, context = tools(hass)[f"{DOMAIN}__{name}"]
    return await tool.async_call(hass, ToolInput(tool_name=tool.name, tool_args=args), context)


async def test_assistants_may_ask_but_water_only_if_allowed(hass: HomeAssistant, field: Field) -> None:
    """Off by default."""
    assert await async_setup_component(hass, "homeassistant", {})
    await field.set_up()
    assert set(tools(hass)) == {f"{DOMAIN}__get_plant_needs"}
    needs = await ask(hass, "get_plant_needs")
    assert needs.data["plants"][0]["name"] == "Basil"
    plant = needs.data["plants"][0]
    assert plant["node"] == "connected"
    assert plant["readings"]["soil"] == "41.5 %, 0 min ago"
    field.entry.runtime_data.connected = frozenset()
    silent = (await ask(hass, "get_plant_needs")).data["plants"][0]
    assert silent["node"] == "silent: what it said is not how it is now"
    assert (await ask(hass, "get_plant_needs", plant="Nobody")).data == {"plants": []}


async def test_no_pump_is_shown_to_assistants_by_itself(hass: HomeAssistant, field: Field) -> None:
    """ "Turn everything on" waters nothing; whoever wants that shows it to them, once."""
    assert await async_setup_component(hass, "homeassistant", {})
    await field.set_up()
    pump, lamp = field.entity_id("switch", "pump"), field.entity_id("switch", "lamp")
    assert not async_should_expose(hass, "conversation", pump)
    assert async_should_expose(hass, "conversation", lamp)
    async_expose_entity(hass, "conversation", pump, True)
    assert await hass.config_entries.async_reload(field.entry.entry_id)
    await hass.async_block_till_done()
    assert async_should_expose(hass, "conversation", pump)


async def test_an_allowed_assistant_gives_one_dose_and_meets_the_guards(hass: HomeAssistant, field: Field) -> None:
    """A refusal is an answer, with the reason."""
    assert await async_setup_component(hass, "homeassistant", {})
    await field.set_up(**{CONF_ASSISTANTS_MAY_WATER: True})
    done = await ask(hass, "water_plant", plant="basil")
    assert (done.error, done.data["seconds"]) == (False, 5)
    await field.run()
    refused = await ask(hass, "water_plant", plant="Basil")
    assert refused.error
    assert "next may begin" in refused.data["error"]
    assert (await ask(hass, "water_plant", plant="Rose")).error
    # Two of one name: it is for a person to say which.
    await field.add_node("Basil")
    await until(lambda: field.has("switch", "pump"))
    refused = await ask(hass, "water_plant", plant="Basil")
    assert refused.error
    assert "2 plants" in refused.data["error"]


async def test_diagnostics_hold_no_secret(hass: HomeAssistant, field: Field) -> None:
    """They are posted in public. Where somebody lives is one too."""
    entry = await field.set_up()
    # Digits enough that no time and no position in the stream has them by chance.
    await field.set_profile(latitude=47.117391, longitude=8.154628)
    await until(lambda: entry.runtime_data.data.plants[field.node.device_id].profile.get("latitude"))
    whole = await async_get_config_entry_diagnostics(hass, entry)
    device = dr.async_get(hass).async_get(field.ha_device_id)
    assert device is not None
    one = await async_get_device_diagnostics(hass, entry, device)
    for secret in (field.person.token, field.backend.url, entry.unique_id, "Basil", field.node.secret):
        assert secret not in str(whole) + str(one)
    for digits in ("47.1173", "8.1546"):
        assert digits not in str(whole) + str(one)
    assert whole["stream"]["is_live"]
    assert next(sensor["key"] for sensor in one["plant"]["device"]["sensors"]) == "soil"


async def test_system_health_says_whether_the_backend_is_within_reach(hass: HomeAssistant, field: Field) -> None:
    """And whether the stream lives."""
    assert await async_setup_component(hass, "system_health", {})
    await field.set_up()
    registered: list[Any] = []
    system_health.async_register(hass, SimpleNamespace(async_register_info=registered.append))
    (ask_for_info,) = registered
    info = await ask_for_info(hass)
    assert (info["backends"], info["stream"], info["plants"]) == (1, "live", 1)
    assert await info["can_reach_backend"] == "ok"
    await hass.config_entries.async_unload(field.entry.entry_id)
    assert await ask_for_info(hass) == {"backends": 0}
