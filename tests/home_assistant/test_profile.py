"""The fields of a profile, as entities and in `set_profile`: the backend's, by its names and in its ranges."""

import ast
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from custom_components.plant_automation.number import DESCRIPTIONS
from custom_components.plant_automation.profile_fields import CHOICES, MOMENTS, NUMBERS
from tests.home_assistant.field import MANIFEST, Field, until

LIMITS = Path(__file__).resolve().parents[2] / "backend" / "plant_backend" / "services" / "profiles.py"

TWO_PROBES = {**MANIFEST, "sensors": [*MANIFEST["sensors"], {"key": "soil_two", "kind": "soil_moisture", "unit": "%"}]}


@pytest.fixture
def all_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is rare is there."""
    monkeypatch.setattr("homeassistant.helpers.entity.Entity.entity_registry_enabled_default", True)


async def profile_of(field: Field) -> Any:
    """Ask the backend."""
    return await field.do(field.person.get, f"{field.node.path}/automation")


async def test_home_assistant_knows_every_field_of_the_backend(field: Field) -> None:
    """A field that is missing here cannot be changed here."""
    await field.add_node()
    fields = set(await profile_of(field)) - {"version"}
    assert fields == {*NUMBERS, *CHOICES, *MOMENTS, "time_zone"}


def test_the_ranges_are_those_of_the_backend() -> None:
    """A number that is offered and then refused is a trap."""
    tree = ast.parse(LIMITS.read_text(encoding="utf-8"))
    (limits,) = (
        eval(ast.unparse(node.value))  # noqa: S307 - a table of numbers in this repository
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node.target) == "LIMITS"
    )
    assert {name: (allowed.low, allowed.high) for name, allowed in NUMBERS.items()} == limits


@pytest.mark.usefixtures("all_enabled")
@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description.key)
async def test_every_number_changes_its_own_field_alone(hass: HomeAssistant, field: Field, description: Any) -> None:
    """In our unit there, in the backend's here."""
    await field.add_node("Basil", TWO_PROBES)
    await field.make_entry()
    assert await hass.config_entries.async_setup(field.entry.entry_id)
    await hass.async_block_till_done()
    before = await profile_of(field)
    allowed = NUMBERS[description.key]
    was = before[description.key]
    wanted = (allowed.low if was is None else was) + (5 if description.scale == 1 else description.scale)
    entity_id = field.entity_id("number", description.key)
    await field.call("number", "set_value", entity_id, value=wanted / description.scale)
    after = await profile_of(field)
    assert after == {**before, description.key: wanted, "version": before["version"] + 1}
    assert float(field.value("number", description.key) or -1) == pytest.approx(wanted / description.scale)


@pytest.mark.usefixtures("all_enabled")
async def test_zero_switches_off_what_the_backend_knows_no_zero_of(field: Field) -> None:
    """A dose by volume counts, until there is none."""
    await field.set_up()
    dose = field.entity_id("number", "dose_ml")
    assert field.value("number", "dose_ml") == "0"
    await field.call("number", "set_value", dose, value=80)
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    # 80 ml at 1200 ml a minute.
    assert (await field.poll())["duration_ms"] == 4000
    await field.call("number", "set_value", dose, value=0)
    assert (await profile_of(field))["dose_ml"] is None


async def test_a_dose_by_volume_needs_a_pump_whose_flow_is_known(hass: HomeAssistant, field: Field) -> None:
    """As in the backend's own rules: nothing is guessed."""
    plain = {"key": "pump", "kind": "pump", "limits": {"max_run_ms": 30_000}}
    await field.add_node("Plain", {**MANIFEST, "actuators": [plain]})
    await field.do(field.node.send, soil=40)
    await field.make_entry()
    assert await hass.config_entries.async_setup(field.entry.entry_id)
    await hass.async_block_till_done()
    assert not field.has("number", "dose_ml")
    await field.set_profile(dose_ml=50)
    await until(lambda: field.entry.runtime_data.data.plants[field.node.device_id].profile.get("dose_ml") == 50)
    with pytest.raises(ServiceValidationError, match="flow of pump"):
        await field.call("button", "press", field.entity_id("button", "water_now"))
    assert await field.do(field.node.poll) == []


async def test_the_lamp_has_its_times_on_the_clock_of_home(hass: HomeAssistant, field: Field) -> None:
    """The backend's default zone is nobody's."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    await field.set_up()
    assert field.value("time", "lamp_on_at") == "unknown"
    await field.call("time", "set_value", field.entity_id("time", "lamp_on_at"), time="06:30:00")
    await field.call("time", "set_value", field.entity_id("time", "lamp_off_at"), time=time(20, 30))
    await field.call("select", "select_option", field.entity_id("select", "lamp_mode"), option="fixed")
    profile = await profile_of(field)
    assert (profile["lamp_on_at"], profile["lamp_off_at"]) == ("06:30:00", "20:30:00")
    assert (profile["lamp_mode"], profile["time_zone"]) == ("fixed", "Europe/Berlin")
    state = field.state("time", "lamp_on_at")
    assert state is not None
    assert (state.state, state.attributes["time_zone"]) == ("06:30:00", "Europe/Berlin")


async def test_a_zone_that_somebody_chose_is_kept(hass: HomeAssistant, field: Field) -> None:
    """Times that are set on it would shift."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    await field.set_up()
    await field.set_profile(time_zone="Asia/Tokyo", lamp_on_at="08:00")
    await field.becomes("time", "lamp_on_at", "08:00:00")
    await field.call("time", "set_value", field.entity_id("time", "lamp_off_at"), time="20:00:00")
    assert (await profile_of(field))["time_zone"] == "Asia/Tokyo"


async def test_the_sun_is_that_over_home(hass: HomeAssistant, field: Field) -> None:
    """Nobody types a latitude twice."""
    hass.config.latitude, hass.config.longitude = 52.5, 13.4
    await field.set_up()
    await field.call("select", "select_option", field.entity_id("select", "lamp_mode"), option="sun")
    profile = await profile_of(field)
    assert (profile["lamp_mode"], profile["latitude"], profile["longitude"]) == ("sun", 52.5, 13.4)


async def test_fixed_light_without_times_is_refused_in_words(field: Field) -> None:
    """It names what is missing."""
    await field.set_up()
    with pytest.raises(ServiceValidationError, match="lamp_on_at"):
        await field.call("select", "select_option", field.entity_id("select", "lamp_mode"), option="fixed")


async def test_quiet_hours_have_two_ends(field: Field) -> None:
    """The switch gives the usual ones, the times change them, and one alone brings the other."""
    await field.set_up()
    switch = field.entity_id("switch", "quiet_hours")
    assert field.value("switch", "quiet_hours") == "off"
    await field.call("switch", "turn_on", switch)
    await field.becomes("switch", "quiet_hours", "on")
    await field.call("time", "set_value", field.entity_id("time", "quiet_until"), time="08:15:00")
    await field.call("switch", "turn_on", switch)
    profile = await profile_of(field)
    assert (profile["quiet_from"], profile["quiet_until"]) == ("22:00:00", "08:15:00")
    await field.call("switch", "turn_off", switch)
    profile = await profile_of(field)
    assert (profile["quiet_from"], profile["quiet_until"]) == (None, None)
    assert field.value("switch", "quiet_hours") == "off"
    await field.call("time", "set_value", field.entity_id("time", "quiet_from"), time="21:00:00")
    profile = await profile_of(field)
    assert (profile["quiet_from"], profile["quiet_until"]) == ("21:00:00", "07:00:00")


async def test_set_profile_takes_every_field(field: Field) -> None:
    """Limits are switched off by none, times are times."""
    await field.set_up()
    answer = await field.ask(
        "set_profile",
        device_id=field.ha_device_id,
        air_temperature_min_c=None,
        air_humidity_max_percent=80,
        dose_ml=100,
        quiet_from="23:00",
        quiet_until="06:00",
        lamp_catch_up="skip",
        time_zone="Europe/Vienna",
    )
    profile = answer["profile"]
    assert profile["air_temperature_min_c"] is None
    assert (profile["air_humidity_max_percent"], profile["dose_ml"]) == (80, 100)
    assert (profile["quiet_from"], profile["quiet_until"]) == ("23:00:00", "06:00:00")
    assert (profile["lamp_catch_up"], profile["time_zone"]) == ("skip", "Europe/Vienna")
    assert field.value("number", "air_temperature_min_c") == "unknown"


async def test_somebody_else_changes_the_profile_at_the_same_moment(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both changes hold; only where it never ends is that said."""
    await field.set_up()
    client = field.entry.runtime_data.client
    real = client.set_profile
    rivals = iter([{"cooldown_s": 7200}])

    async def after_a_rival(device_id: str, profile: Any) -> Any:
        for rival in rivals:
            await field.set_profile(**rival)
            break
        return await real(device_id, profile)

    monkeypatch.setattr(client, "set_profile", after_a_rival)
    await field.call("number", "set_value", field.entity_id("number", "dose_ms"), value=7)
    profile = await profile_of(field)
    assert (profile["dose_ms"], profile["cooldown_s"]) == (7000, 7200)
    rivals = iter([{"cooldown_s": 7200 + step} for step in range(9)])
    with pytest.raises(HomeAssistantError, match="Somebody else"):
        await field.call("number", "set_value", field.entity_id("number", "dose_ms"), value=8)
