"""Each blueprint does its work against the real backend."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import automation
from homeassistant.components.homeassistant.triggers import time_pattern
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
from pytest_homeassistant_custom_component.common import async_fire_time_changed, async_mock_service

from custom_components.plant_automation.api import PlantApiError, PlantClient
from custom_components.plant_automation.const import DOMAIN
from custom_components.plant_automation.coordinator import PlantCoordinator
from tests.home_assistant.field import READINGS, Field, until

SOURCE = Path(__file__).resolve().parents[2] / "blueprints"


@pytest.fixture
async def installed(hass: HomeAssistant, tmp_path: Path) -> AsyncIterator[None]:
    """The blueprints are in the configuration, and no automation outlives its test."""
    hass.config.config_dir = str(tmp_path)
    await hass.async_add_executor_job(shutil.copytree, SOURCE, tmp_path / "blueprints")
    yield
    for entity_id in hass.states.async_entity_ids(automation.DOMAIN):
        await hass.services.async_call(automation.DOMAIN, "turn_off", {"entity_id": entity_id}, blocking=True)


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """No automation begins because it is a quarter past: by then the test may be anywhere."""
    monkeypatch.setattr(time_pattern, "async_track_time_change", lambda *_, **__: lambda: None)


async def automate(hass: HomeAssistant, name: str, *inputs: dict[str, Any]) -> None:
    """Make automations from a blueprint."""
    path = f"plant_automation/{name}.yaml"
    config = [
        {"id": f"{name}_{number}", "alias": f"{name} {number}", "use_blueprint": {"path": path, "input": given}}
        for number, given in enumerate(inputs)
    ]
    assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: config})
    await hass.async_block_till_done()
    assert len(hass.states.async_entity_ids(automation.DOMAIN)) == len(inputs)


def watering(field: Field) -> dict[str, Any]:
    """Give the inputs of the watering blueprint: at any hour, at once."""
    return {
        "plant": field.ha_device_id,
        "needs_water": field.entity_id("binary_sensor", "needs_water"),
        "mode": field.entity_id("select", "mode"),
        "connected": field.entity_id("binary_sensor", "connected"),
        "dry_for": {"seconds": 0},
        "after": "00:00:00",
        "before": "23:59:59",
    }


async def trigger_all(hass: HomeAssistant) -> None:
    """Have all automations begin at once."""
    names = hass.states.async_entity_ids(automation.DOMAIN)
    await asyncio.gather(
        *(hass.services.async_call(automation.DOMAIN, "trigger", {"entity_id": name}) for name in names)
    )
    for name in names:
        await until(lambda name=name: hass.states.get(name).attributes["last_triggered"])


def runs(hass: HomeAssistant) -> list[int]:
    """Give how many runs of each automation are under way, the idle ones first."""
    return sorted(state.attributes["current"] for state in hass.states.async_all(automation.DOMAIN))


async def commands(field: Field) -> list[Any]:
    """Give what the backend was asked for."""
    return list((await field.do(field.person.get, f"{field.node.path}/commands"))["commands"])


@pytest.mark.usefixtures("installed")
async def test_dry_soil_gets_one_dose_though_two_automations_want_it(hass: HomeAssistant, field: Field) -> None:
    """One live command for each pump, and one cooldown: the second is refused."""
    await field.set_up()
    await automate(hass, "water_when_dry", watering(field), watering(field))
    await field.do(field.node.send, soil=12)
    await field.becomes("binary_sensor", "needs_water", "on")
    await until(lambda: field.value("switch", "pump") == "on")
    # One was first; the other was refused.
    await until(lambda: runs(hass) == [0, 0])
    await field.run()
    await field.becomes("switch", "pump", "off")
    await trigger_all(hass)
    await until(lambda: runs(hass) == [0, 0])
    assert len(await commands(field)) == 1


@pytest.mark.usefixtures("installed")
async def test_automations_at_the_same_moment_give_one_dose(hass: HomeAssistant, field: Field) -> None:
    """All see dry soil and an idle pump; the backend lets one through."""
    await field.set_up()
    await field.do(field.node.send, soil=12)
    await field.becomes("binary_sensor", "needs_water", "on")
    await automate(hass, "water_when_dry", *(watering(field) for _ in range(4)))
    await trigger_all(hass)
    await until(lambda: runs(hass) == [0, 0, 0, 0])
    (command,) = await commands(field)
    assert (command["actuator"], command["duration_ms"]) == ("pump", 5000)


@pytest.mark.usefixtures("installed")
async def test_the_wrong_sensor_waters_nothing(hass: HomeAssistant, field: Field) -> None:
    """Whoever chooses "problem" for "needs water" has a plant that is not flooded by an alert."""
    await field.set_up()
    await automate(
        hass, "water_when_dry", watering(field) | {"needs_water": field.entity_id("binary_sensor", "problem")}
    )
    await field.do(field.node.send, soil=12, air=60)
    await field.becomes("binary_sensor", "problem", "on")
    await hass.async_block_till_done()
    trigger = {"entity_id": "automation.water_when_dry_0", "skip_condition": False}
    await hass.services.async_call(automation.DOMAIN, "trigger", trigger, blocking=True)
    assert runs(hass) == [0]
    assert await commands(field) == []


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("mode", ["shadow", "on"])
async def test_the_blueprint_leaves_a_plant_alone_that_the_rules_water(
    hass: HomeAssistant, field: Field, mode: str
) -> None:
    """Never both."""
    await field.set_up()
    await field.set_profile(mode=mode, soil_moisture_min_percent=20)
    await field.becomes("select", "mode", mode)
    await automate(hass, "water_when_dry", watering(field))
    await field.do(field.node.send, soil=12)
    await field.becomes("binary_sensor", "needs_water", "on")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=16))
    await hass.async_block_till_done()
    assert [command for command in await commands(field) if command["origin"] == "person"] == []


def lighting(field: Field, on_at: datetime, off_at: datetime) -> dict[str, Any]:
    """Give the inputs of the lamp's blueprint."""
    return {
        "lamp": field.entity_id("switch", "lamp"),
        "schedule": field.entity_id("select", "lamp_mode"),
        "lights_on": on_at.strftime("%H:%M:%S"),
        "lights_off": off_at.strftime("%H:%M:%S"),
    }


async def switched(field: Field, after: int | None = None) -> tuple[str, int]:
    """Let the node do what the lamp is told."""
    command = await field.poll(after, wait=25)
    assert command["actuator"] == "lamp"
    await field.do(field.node.ack, command, "succeeded", 0)
    await field.becomes("switch", "lamp", command["action"])
    return command["action"], command["seq"]


@pytest.mark.usefixtures("installed")
async def test_the_lamp_goes_on_and_off_at_its_times(hass: HomeAssistant, field: Field) -> None:
    """By the clock on the wall, in real seconds: enough of them for a busy machine to be ready before each."""
    await field.set_up()
    on_at = (dt_util.now() + timedelta(seconds=10)).replace(microsecond=0)
    await automate(hass, "lamp_by_photoperiod", lighting(field, on_at, on_at + timedelta(seconds=10)))
    action, seq = await switched(field)
    assert action == "on"
    assert dt_util.now() >= on_at
    action, _ = await switched(field, seq)
    assert action == "off"
    assert dt_util.now() >= on_at + timedelta(seconds=10)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("is_day", "action"), [(True, "on"), (False, "off")])
async def test_the_lamp_is_put_right_when_its_node_comes_back(
    hass: HomeAssistant, field: Field, is_day: bool, action: str
) -> None:
    """Whatever it did meanwhile."""
    entry = await field.set_up()
    hours = [dt_util.now() - timedelta(hours=1), dt_util.now() + timedelta(hours=1)]
    await automate(hass, "lamp_by_photoperiod", lighting(field, *(hours if is_day else reversed(hours))))
    assert await commands(field) == []
    entry.runtime_data.connected = frozenset()
    entry.runtime_data.async_update_listeners()
    await field.becomes("switch", "lamp", "unavailable")
    await field.do(field.node.send, soil=40)
    assert (await switched(field))[0] == action


@pytest.mark.usefixtures("installed")
async def test_the_lamp_is_left_to_a_schedule_of_the_backend(hass: HomeAssistant, field: Field) -> None:
    """Never both; and taken over when that ends."""
    await field.set_up()
    await field.set_profile(lamp_mode="fixed", lamp_on_at="00:00", lamp_off_at="23:59")
    await field.becomes("select", "lamp_mode", "fixed")
    now = dt_util.now()
    given = lighting(field, now - timedelta(hours=1), now + timedelta(hours=1))
    await automate(hass, "lamp_by_photoperiod", given)
    trigger = {"entity_id": "automation.lamp_by_photoperiod_0", "skip_condition": False}
    await hass.services.async_call(automation.DOMAIN, "trigger", trigger, blocking=True)
    assert await commands(field) == []
    await field.set_profile(lamp_mode="off")
    assert (await switched(field))[0] == "on"


async def phone(hass: HomeAssistant, field: Field, **inputs: Any) -> list[ServiceCall]:
    """Have alerts sent to a phone, and give what it gets."""
    sent = async_mock_service(hass, "notify", "phone")
    told = {
        "alert": field.entity_id("event", "alert"),
        "problem": field.entity_id("binary_sensor", "problem"),
        "plant": field.ha_device_id,
        "notify": "notify.phone",
        "snooze": {"hours": 1},
    }
    await automate(hass, "alert_to_phone", told | inputs)
    return sent


def press(hass: HomeAssistant, sent: Any, button: str) -> None:
    """Press a button of a message."""
    action = next(item["action"] for item in sent.data["data"]["actions"] if item["action"].startswith(button))
    hass.bus.async_fire("mobile_app_notification_action", {"action": action})


def problems(field: Field) -> list[dict[str, Any]]:
    """Give the open alerts as Home Assistant knows them."""
    state = field.state("binary_sensor", "problem")
    return [] if state is None else list(state.attributes.get("alerts", ()))


async def snoozed(field: Field) -> list[dict[str, Any]]:
    """Wait until the backend keeps the open alerts back, and Home Assistant knows."""
    await until(lambda: problems(field) and all(alert["snoozed_until"] for alert in problems(field)))
    found: list[dict[str, Any]] = await field.do(field.person.get, "/alerts", state="open")
    assert all(alert["snoozed_until"] for alert in found)
    return found


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("pressed", "effect"), [("WATER", "pump"), ("RESOLVE", "resolved"), ("LATER", "again")])
async def test_an_alert_reaches_the_phone_and_its_buttons_work(
    hass: HomeAssistant, field: Field, pressed: str, effect: str
) -> None:
    """Water now, resolve, later: also where Home Assistant restarted since the message was sent."""
    await field.set_up()
    sent = await phone(hass, field)
    await field.do(field.node.send, air=60)
    await until(lambda: sent)
    assert sent[0].data["title"] == "Basil"
    assert "60" in sent[0].data["message"]
    # No run of it is waiting any more.
    for name in ("turn_off", "turn_on"):
        which = {"entity_id": "automation.alert_to_phone_0"}
        await hass.services.async_call(automation.DOMAIN, name, which, blocking=True)
    press(hass, sent[0], pressed)
    if effect == "pump":
        assert (await field.poll())["actuator"] == "pump"
        await until(lambda: len(sent) == 2)
        assert sent[1].data["message"] == "✓ 5 s"
    elif effect == "resolved":
        # The message goes from the phone too.
        await until(lambda: len(sent) == 2)
        assert sent[1].data == {"message": "clear_notification", "data": {"tag": sent[0].data["data"]["tag"]}}
    else:
        (alert,) = await snoozed(field)
        # And as the hour is over:
        await field.do(field.person.request, "DELETE", f"/alerts/{alert['id']}/snooze")
        await until(lambda: len(sent) == 2)
        assert sent[1].data == sent[0].data


@pytest.mark.usefixtures("installed")
async def test_the_phone_hears_why_nothing_was_watered(hass: HomeAssistant, field: Field) -> None:
    """And a press on the message of another automation does nothing here."""
    await field.set_up()
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    await field.run()
    sent = await phone(hass, field)
    await field.do(field.node.send, air=60)
    await until(lambda: sent)
    hass.bus.async_fire("mobile_app_notification_action", {"action": "WATER|automation.other|1"})
    press(hass, sent[0], "WATER")
    await until(lambda: len(sent) == 2)
    assert "next run may begin" in sent[1].data["message"]
    assert len(await commands(field)) == 1


@pytest.mark.usefixtures("installed")
async def test_what_was_opened_while_nobody_listened_is_told_later(hass: HomeAssistant, field: Field) -> None:
    """It fires no event; and what was resolved before the reminder is not told again."""
    entry = await field.set_up()
    sent = await phone(hass, field)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await field.do(field.node.send, air=60)
    assert sent == []
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: sent)
    assert "60" in sent[0].data["message"]
    press(hass, sent[0], "LATER")
    await snoozed(field)
    # Home Assistant comes back, and says nothing of what is to be told later.
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await field.becomes("binary_sensor", "problem", "on")
    await until(lambda: runs(hass) == [0])
    await field.do(field.node.send, air=22)
    await field.becomes("binary_sensor", "problem", "off")
    await until(lambda: len(sent) > 1 and runs(hass) == [0])
    assert [call.data["message"] for call in sent[1:]] == ["clear_notification"]


@asynccontextmanager
async def outage(field: Field, coordinator: PlantCoordinator) -> AsyncIterator[None]:
    """Cut the line to the backend, for longer than what is replayed afterwards counts as news."""
    stream = coordinator._stream
    assert stream is not None
    stream.cancel()
    await until(stream.done)
    coordinator._async_line_is_down(PlantApiError("no route to host"))
    await field.becomes("binary_sensor", "problem", "unavailable")
    yield
    await field.do(time.sleep, 6)
    coordinator._async_ensure_stream()
    await field.becomes("binary_sensor", "problem", "on")


@pytest.mark.usefixtures("installed")
async def test_an_alert_of_an_outage_is_told_when_it_is_over(hass: HomeAssistant, field: Field) -> None:
    """One that opened meanwhile, and one whose snooze ended: neither fires an event."""
    entry = await field.set_up()
    sent = await phone(hass, field)
    async with outage(field, entry.runtime_data):
        await field.do(field.node.send, air=60)
    await until(lambda: len(sent) == 1)
    press(hass, sent[0], "LATER")
    (alert,) = await snoozed(field)

    async with outage(field, entry.runtime_data):
        await field.do(field.person.request, "DELETE", f"/alerts/{alert['id']}/snooze")

    await until(lambda: len(sent) == 2)
    assert sent[1].data == sent[0].data


@pytest.mark.usefixtures("installed")
async def test_a_line_that_was_away_for_a_moment_tells_nothing_again(hass: HomeAssistant, field: Field) -> None:
    """What was told is told."""
    entry = await field.set_up()
    sent = await phone(hass, field)
    await field.do(field.node.send, air=60)
    await until(lambda: len(sent) == 1)
    async with outage(field, entry.runtime_data):
        pass
    await until(lambda: runs(hass) == [0])
    await hass.async_block_till_done()
    assert len(sent) == 1


@pytest.mark.usefixtures("installed")
async def test_what_opened_while_home_assistant_was_off_is_told_as_it_starts(hass: HomeAssistant, field: Field) -> None:
    """With the backend there from the first moment nothing comes back; what somebody has seen calls nobody."""
    hass.set_state(CoreState.not_running)
    await field.set_up(readings=READINGS | {"air": 60, "tank": 3})
    await field.becomes("binary_sensor", "problem", "on")
    await until(lambda: len(problems(field)) == 2)
    seen, news = problems(field)
    await field.do(field.person.request, "PATCH", f"/alerts/{seen['id']}/acknowledge")
    await until(lambda: problems(field)[0]["acknowledged_at"])
    sent = await phone(hass, field)
    assert sent == []
    await hass.async_start()
    await until(lambda: sent and runs(hass) == [0])
    assert [call.data["message"] for call in sent] == [news["message"]]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("is_away", [False, True])
async def test_what_was_told_is_not_told_again_as_home_assistant_starts(
    hass: HomeAssistant, field: Field, is_away: bool
) -> None:
    """Only what opened while it was off is. Whether the backend was there as it stopped or not."""
    entry = await field.set_up()
    sent = await phone(hass, field)
    await field.do(field.node.send, air=60)
    await until(lambda: len(sent) == 1)
    (told,) = problems(field)
    if is_away:
        entry.runtime_data._async_line_is_down(PlantApiError("no route to host"))
        await field.becomes("binary_sensor", "problem", "unavailable")
    for opened in ({}, {"tank": 3}):
        assert await hass.config_entries.async_unload(entry.entry_id)
        if opened:
            await field.do(field.node.send, **opened)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await field.becomes("binary_sensor", "problem", "on")
        await until(lambda opened=opened: len(problems(field)) == 1 + len(opened))
        await until(lambda: runs(hass) == [0])
        await hass.async_block_till_done()
        is_news = {alert["id"]: alert["since_outage"] for alert in problems(field)}
        assert is_news.pop(told["id"]) is False
        assert list(is_news.values()) == [True] * len(opened)
        assert len(sent) == 1 + len(opened)


@pytest.mark.usefixtures("installed")
async def test_a_snooze_that_is_too_short_for_the_backend_lasts_a_little_longer(
    hass: HomeAssistant, field: Field
) -> None:
    await field.set_up()
    sent = await phone(hass, field, snooze={"seconds": 1})
    await field.do(field.node.send, air=60)
    await until(lambda: sent)

    press(hass, sent[0], "LATER")

    await snoozed(field)
    assert len(sent) == 1


@pytest.mark.usefixtures("installed")
async def test_what_the_backend_does_not_snooze_is_told_again_all_the_same(
    hass: HomeAssistant, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    await field.set_up()
    sent = await phone(hass, field, snooze={"seconds": 1})
    await field.do(field.node.send, air=60)
    await until(lambda: sent)

    async def refuse(*_: object) -> None:
        raise PlantApiError("503")

    monkeypatch.setattr(PlantClient, "snooze_alert", refuse)
    press(hass, sent[0], "LATER")

    await until(lambda: len(sent) == 2)
    assert sent[1].data == sent[0].data


@pytest.mark.usefixtures("installed", "no_clock")
@pytest.mark.parametrize("a_while", [{"seconds": 5}, "00:00:05", 5])
async def test_a_soil_that_stays_dry_in_spite_of_a_dose_is_told_of(
    hass: HomeAssistant, field: Field, a_while: Any
) -> None:
    """The hose lies beside the pot: each dose is one on the floor. Durations are given as people write them.

    Seconds enough for a busy backend to take the dose before: one run at a time, and what comes in it is passed over.
    """
    await field.set_up()
    told = async_mock_service(hass, "notify", "phone")
    given = watering(field) | {
        "stays_dry_for": a_while,
        "pause": a_while,
        "when_it_stays_dry": [{"action": "notify.phone", "data": {"message": "Look at the hose"}}],
    }
    await automate(hass, "water_when_dry", given)
    await field.do(field.node.send, soil=12)
    await until(lambda: told)
    assert [call.data["message"] for call in told] == ["Look at the hose"]
    assert len(await commands(field)) == 1


async def look_at_soil(hass: HomeAssistant) -> None:
    """Let the watering look, as it does each quarter of an hour, and wait until it has done what it will."""
    trigger = {"entity_id": "automation.water_when_dry_0", "skip_condition": False}
    await hass.services.async_call(automation.DOMAIN, "trigger", trigger, blocking=True)
    await until(lambda: runs(hass) == [0])


@pytest.mark.usefixtures("installed", "no_clock")
async def test_a_soil_that_was_dry_before_home_assistant_started_is_told_of_once(
    hass: HomeAssistant, field: Field
) -> None:
    """It becomes dry no more: only a look finds that a dose did nothing. After that there are doses again."""
    await field.set_up()
    told = async_mock_service(hass, "notify", "phone")
    await field.do(field.node.send, soil=12)
    await field.becomes("binary_sensor", "needs_water", "on")
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    await field.run()
    await field.becomes("switch", "pump", "off")
    doses = async_mock_service(hass, DOMAIN, "water")
    at_once = {"stays_dry_for": {"seconds": 0}, "pause": {"seconds": 0}}
    await automate(
        hass, "water_when_dry", watering(field) | at_once | {"when_it_stays_dry": [{"action": "notify.phone"}]}
    )
    for given in (0, 1):
        await look_at_soil(hass)
        assert (len(told), len(doses)) == (1, given)


@pytest.mark.usefixtures("installed", "no_clock")
async def test_a_soil_that_was_dry_before_its_automation_was_made_gets_a_dose_first(
    hass: HomeAssistant, field: Field
) -> None:
    """Nobody has watered yet: it is no wonder that it stays dry."""
    await field.set_up()
    told = async_mock_service(hass, "notify", "phone")
    await field.do(field.node.send, soil=12)
    await field.becomes("binary_sensor", "needs_water", "on")
    given = watering(field) | {"stays_dry_for": {"seconds": 0}, "when_it_stays_dry": [{"action": "notify.phone"}]}
    await automate(hass, "water_when_dry", given)
    await look_at_soil(hass)
    assert (len(told), len(await commands(field))) == (0, 1)


@pytest.mark.usefixtures("installed")
async def test_the_pause_outlives_a_restart_and_counts_every_dose(hass: HomeAssistant, field: Field) -> None:
    """Whoever gave the last one. The backend's cooldown is over by then."""
    await field.set_up()
    await field.set_profile(cooldown_s=60)
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    await field.run()
    await field.becomes("switch", "pump", "off")
    await field.do(field.node.send, soil=12)
    await field.becomes("binary_sensor", "needs_water", "on")
    await automate(hass, "water_when_dry", watering(field))
    trigger = {"entity_id": "automation.water_when_dry_0", "skip_condition": False}
    await hass.services.async_call(automation.DOMAIN, "trigger", trigger, blocking=True)
    assert hass.states.get("automation.water_when_dry_0").attributes["last_triggered"] is None
    assert len(await commands(field)) == 1


@pytest.mark.usefixtures("installed")
async def test_a_low_reservoir_is_reminded_of_and_a_full_one_is_not(hass: HomeAssistant, field: Field) -> None:
    """Every day."""
    await field.set_up()
    reminded = async_mock_service(hass, "notify", "phone")
    given = {
        "reservoir_low": field.entity_id("binary_sensor", "reservoir_low"),
        "then": [{"action": "notify.phone", "data": {"message": "Fill it"}}],
    }
    await automate(hass, "reservoir_reminder", given)
    trigger = {"entity_id": "automation.reservoir_reminder_0", "skip_condition": False}
    await hass.services.async_call(automation.DOMAIN, "trigger", trigger, blocking=True)
    assert reminded == []
    await field.do(field.node.send, tank=4)
    await field.becomes("binary_sensor", "reservoir_low", "on")
    await hass.services.async_call(automation.DOMAIN, "trigger", trigger, blocking=True)
    assert len(reminded) == 1


@pytest.mark.usefixtures("installed")
async def test_a_vacation_check_names_what_is_wrong(hass: HomeAssistant, field: Field) -> None:
    """And is silent when all is well."""
    await field.set_up()
    told = async_mock_service(hass, "notify", "phone")
    hass.states.async_set("input_boolean.away", "off")
    given = {
        "away": "input_boolean.away",
        "problems": [field.entity_id("binary_sensor", "problem")],
        "connected": [field.entity_id("binary_sensor", "connected")],
        "then": [{"action": "notify.phone", "data": {"message": "{{ message }}"}}],
    }
    await automate(hass, "vacation_check", given)
    hass.states.async_set("input_boolean.away", "on")
    await hass.async_block_till_done()
    assert told == []
    await field.do(field.node.send, tank=4)
    await field.becomes("binary_sensor", "problem", "on")
    hass.states.async_set("input_boolean.away", "off")
    hass.states.async_set("input_boolean.away", "on")
    await until(lambda: told)
    assert told[0].data["message"] == "Basil Problem"


@pytest.mark.usefixtures("installed", "no_clock")
async def test_cold_air_switches_the_heater_with_hysteresis(hass: HomeAssistant, field: Field) -> None:
    """On below, off well above, and nothing in between."""
    await field.set_up(readings=READINGS | {"air": 8})
    assert await async_setup_component(hass, "homeassistant", {})
    on = async_mock_service(hass, "switch", "turn_on")
    off = async_mock_service(hass, "switch", "turn_off")
    hass.states.async_set("switch.heater", "off")
    temperature = field.entity_id("sensor", "air")
    await automate(hass, "temperature_protection", {"temperature": temperature, "device": "switch.heater"})
    for value, switched in ((4, (1, 0)), (5.5, (1, 0)), (6.5, (1, 1))):
        await field.do(field.node.send, air=value)
        await field.becomes("sensor", "air", str(float(value)))
        await hass.async_block_till_done()
        assert (len(on), len(off)) == switched


@pytest.mark.usefixtures("installed")
async def test_a_limit_is_in_celsius_whatever_is_shown(hass: HomeAssistant, field: Field) -> None:
    """Who shows °F reads 39 at 4 °C, which is not above a limit of 5."""
    hass.config.units = US_CUSTOMARY_SYSTEM
    await field.set_up(readings=READINGS | {"air": 8})
    assert await async_setup_component(hass, "homeassistant", {})
    on = async_mock_service(hass, "switch", "turn_on")
    hass.states.async_set("switch.heater", "off")
    temperature = field.entity_id("sensor", "air")
    await automate(hass, "temperature_protection", {"temperature": temperature, "device": "switch.heater"})
    await field.do(field.node.send, air=4)
    await until(lambda: on)
    assert "°F" in str(hass.states.get(temperature))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("when_lost", "times"), [("switch_off", 1), ("leave_as_it_is", 0)])
async def test_a_heater_does_not_burn_for_ever_unwatched(
    hass: HomeAssistant, field: Field, when_lost: str, times: int
) -> None:
    """Its thermometer fell silent."""
    await field.set_up()
    assert await async_setup_component(hass, "homeassistant", {})
    off = async_mock_service(hass, "switch", "turn_off")
    hass.states.async_set("switch.heater", "on")
    hass.states.async_set("sensor.air", "3", {"unit_of_measurement": "°C"})
    lost_for = {"minutes": 10}
    given = {"temperature": "sensor.air", "device": "switch.heater", "when_lost": when_lost, "lost_for": lost_for}
    await automate(hass, "temperature_protection", given)
    hass.states.async_set("sensor.air", "unavailable")
    await hass.async_block_till_done()
    assert off == []
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=11))
    await hass.async_block_till_done()
    assert len(off) == times


@pytest.mark.usefixtures("installed")
async def test_a_thermometer_that_died_beside_others_that_speak_is_lost(hass: HomeAssistant, field: Field) -> None:
    """It said "cold" before it died: the heater it lit does not burn on because its node still tells of soil."""
    await field.add_node()
    await field.do(field.node.send, air=3, age_ms=120_000)
    await field.make_entry()
    assert await hass.config_entries.async_setup(field.entry.entry_id)
    await hass.async_block_till_done()
    await field.is_live()
    assert await async_setup_component(hass, "homeassistant", {})
    off = async_mock_service(hass, "switch", "turn_off")
    hass.states.async_set("switch.heater", "on")
    temperature = field.entity_id("sensor", "air")
    await automate(hass, "temperature_protection", {"temperature": temperature, "device": "switch.heater"})
    assert field.value("sensor", "air") == "3.0"

    await field.set_profile(stale_after_s=60)
    await field.do(field.node.send, soil=40, tank=80)
    await field.becomes("sensor", "air", "unknown")
    assert field.value("binary_sensor", "connected") == "on"

    assert off == []
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=31))
    await hass.async_block_till_done()
    assert len(off) == 1


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("silent_for", "when_lost", "times"), [(11, "switch_off", 1), (11, "leave_as_it_is", 0), (0, "switch_off", 0)]
)
async def test_a_thermometer_that_was_silent_before_home_assistant_started_is_lost_too(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, silent_for: int, when_lost: str, times: int
) -> None:
    """Nothing changes then, and the heater burns."""
    # No real five-minute mark in the midst of it.
    freezer.move_to("2026-11-25T12:01:00Z")
    assert await async_setup_component(hass, "homeassistant", {})
    off = async_mock_service(hass, "switch", "turn_off")
    hass.states.async_set("switch.heater", "on")
    since = dt_util.utcnow() - timedelta(minutes=silent_for)
    hass.states.async_set("sensor.air", "unavailable", timestamp=since.timestamp())
    lost_for = {"minutes": 10}
    given = {"temperature": "sensor.air", "device": "switch.heater", "when_lost": when_lost, "lost_for": lost_for}
    await automate(hass, "temperature_protection", given)
    assert off == []
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=5))
    await hass.async_block_till_done()
    assert len(off) == times
    # Once it is off there is nothing left to say.
    hass.states.async_set("switch.heater", "off")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=10))
    await hass.async_block_till_done()
    assert len(off) == times


@pytest.mark.usefixtures("installed")
async def test_a_cold_that_was_there_before_home_assistant_started_is_found(hass: HomeAssistant) -> None:
    """Steady air changes no state, and a heater that could not be reached is told again."""
    assert await async_setup_component(hass, "homeassistant", {})
    on = async_mock_service(hass, "switch", "turn_on")
    hass.states.async_set("switch.heater", "off")
    hass.states.async_set("sensor.air", "3", {"unit_of_measurement": "°C"})
    await automate(hass, "temperature_protection", {"temperature": "sensor.air", "device": "switch.heater"})
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=5))
    await hass.async_block_till_done()
    assert on


@pytest.mark.usefixtures("installed")
async def test_a_thermometer_that_is_gone_in_one_way_and_another_is_lost(hass: HomeAssistant) -> None:
    """A node that restarts again and again without its thermometer begins no new half hour each time."""
    assert await async_setup_component(hass, "homeassistant", {})
    off = async_mock_service(hass, "switch", "turn_off")
    hass.states.async_set("switch.heater", "on")
    hass.states.async_set("sensor.air", "3", {"unit_of_measurement": "°C"})
    given = {"temperature": "sensor.air", "device": "switch.heater", "lost_for": {"milliseconds": 500}}
    await automate(hass, "temperature_protection", given)

    def off_at_last() -> bool:
        is_unknown = hass.states.is_state("sensor.air", "unknown")
        hass.states.async_set("sensor.air", "unavailable" if is_unknown else "unknown")
        return bool(off)

    await until(off_at_last)


@pytest.mark.usefixtures("installed")
async def test_the_script_waters_by_volume(hass: HomeAssistant, field: Field) -> None:
    """50 ml at 1200 ml a minute are 2.5 s."""
    await field.set_up()
    config = {
        "soak": {
            "use_blueprint": {
                "path": "plant_automation/water_by_volume.yaml",
                "input": {"plant": field.ha_device_id, "ml": 50},
            }
        }
    }
    assert await async_setup_component(hass, "script", {"script": config})
    await hass.services.async_call("script", "soak", blocking=True)
    assert (await field.poll())["duration_ms"] == 2500
