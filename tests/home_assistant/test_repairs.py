"""What only a person with hands can mend."""

import pytest
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.const import CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from custom_components.plant_automation.api import Profile
from custom_components.plant_automation.const import DOMAIN
from tests.home_assistant.field import PASSWORD, READINGS, Field, until


def issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Give our issues."""
    return [issue for (domain, _), issue in ir.async_get(hass).issues.items() if domain == DOMAIN]


async def test_a_broken_probe_is_a_repair_and_the_fix_closes_the_alert(hass: HomeAssistant, own_field: Field) -> None:
    """With its way out, also while the backend is off."""
    field = own_field
    assert await async_setup_component(hass, "repairs", {})
    await field.set_up()
    await field.set_profile(mode="on")
    await field.do(field.node.send, soil=140)
    await until(lambda: issues(hass))
    (issue,) = issues(hass)
    assert (issue.translation_key, issue.is_fixable) == ("probe_implausible", True)
    manager = repairs_flow_manager(hass)
    assert manager is not None
    flow = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "confirm")
    await field.do(field.backend.stop)
    flow = await manager.async_configure(flow["flow_id"], {})
    assert flow["errors"] == {"base": "cannot_connect"}
    await field.do(field.backend.start)
    flow = await manager.async_configure(flow["flow_id"], {})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    resolved = await field.do(field.person.get, "/alerts", state="resolved")
    assert [alert["kind"] for alert in resolved] == ["probe_implausible"]


async def test_what_mends_itself_is_no_repair(hass: HomeAssistant, field: Field) -> None:
    """A low reservoir is for the alert, not for the repairs."""
    await field.set_up(readings=READINGS | {"tank": 3})
    await field.becomes("binary_sensor", "problem", "on")
    assert issues(hass) == []


async def test_a_profile_keeps_what_this_version_does_not_know(field: Field) -> None:
    """The backend replaces whole profiles; what is left out falls back to its default."""
    await field.set_up()
    document = await field.do(field.person.get, f"{field.node.path}/automation")
    parsed = Profile.parse({**document, "from_the_future": 7})
    document.pop("version")
    assert parsed.with_changes({}).fields == {**document, "from_the_future": 7}


async def test_a_token_that_may_only_look_is_a_repair_that_leads_to_signing_in(
    hass: HomeAssistant, field: Field
) -> None:
    """A viewer sees everything; what it may not do is said once it is tried."""
    assert await async_setup_component(hass, "repairs", {})
    await field.do(field.person.request, "POST", "/viewers", json={"username": "grandma", "password": PASSWORD})
    viewer = await field.do(field.backend.sign_in, "grandma", PASSWORD)
    entry = await field.make_entry()
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_TOKEN: viewer.token})
    await field.add_node()
    await field.do(field.node.send, **READINGS)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert field.value("sensor", "soil") == "41.5"
    assert issues(hass) == []
    with pytest.raises(HomeAssistantError, match="viewer"):
        await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    (issue,) = issues(hass)
    assert (issue.translation_key, issue.is_fixable) == ("token_limited", True)
    manager = repairs_flow_manager(hass)
    assert manager is not None
    flow = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    assert (flow["step_id"], flow["description_placeholders"]["host"]) == ("confirm", "127.0.0.1")
    flow = await manager.async_configure(flow["flow_id"], {})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    (sign_in,) = hass.config_entries.flow.async_progress()
    assert sign_in["step_id"] == "reauth_confirm"
    step = await hass.config_entries.flow.async_configure(sign_in["flow_id"], {"next_step_id": "password"})
    step = await hass.config_entries.flow.async_configure(
        step["flow_id"], {"username": field.person.username, "password": PASSWORD}
    )
    assert step["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    await field.is_live()
    assert issues(hass) == []
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))


async def test_a_viewer_cannot_close_an_alert_by_its_repair(hass: HomeAssistant, own_field: Field) -> None:
    """It is told why, and the other repair appears. A backend that is gone is said too."""
    field = own_field
    assert await async_setup_component(hass, "repairs", {})
    await field.do(field.person.request, "POST", "/viewers", json={"username": "grandma", "password": PASSWORD})
    viewer = await field.do(field.backend.sign_in, "grandma", PASSWORD)
    await field.set_up()
    await field.set_profile(mode="on")
    await field.do(field.node.send, soil=140)
    await until(lambda: issues(hass))
    hass.config_entries.async_update_entry(field.entry, data={**field.entry.data, CONF_TOKEN: viewer.token})
    assert await hass.config_entries.async_reload(field.entry.entry_id)
    (issue,) = issues(hass)
    manager = repairs_flow_manager(hass)
    assert manager is not None
    flow = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    flow = await manager.async_configure(flow["flow_id"], {})
    assert flow["errors"] == {"base": "not_allowed"}
    assert {found.translation_key for found in issues(hass)} == {"probe_implausible", "token_limited"}
    assert await hass.config_entries.async_unload(field.entry.entry_id)
    flow = await manager.async_configure(flow["flow_id"], {})
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "not_loaded")
    await hass.config_entries.async_remove(field.entry.entry_id)
    assert issues(hass) == []


async def test_an_alert_that_is_gone_already_needs_no_repair(hass: HomeAssistant, field: Field) -> None:
    """Somebody else was faster."""
    assert await async_setup_component(hass, "repairs", {})
    await field.set_up()
    await field.set_profile(mode="on")
    await field.do(field.node.send, soil=140)
    await until(lambda: issues(hass))
    (issue,) = issues(hass)
    manager = repairs_flow_manager(hass)
    assert manager is not None
    flow = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    await field.do(field.person.request, "DELETE", field.node.path)
    flow = await manager.async_configure(flow["flow_id"], {})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await until(lambda: not issues(hass))
