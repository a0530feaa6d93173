"""What only a person with hands can mend."""

from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from custom_components.plant_automation.api import Profile
from custom_components.plant_automation.const import DOMAIN
from tests.home_assistant.field import READINGS, Field, until


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
    assert parsed.document() == {**document, "from_the_future": 7}
