"""Adding a backend, signing in again, and telling a new address: each error, then the way out of it."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_HASSIO, SOURCE_IGNORE, SOURCE_USER, SOURCE_ZEROCONF
from homeassistant.const import CONF_PASSWORD, CONF_TOKEN, CONF_URL, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from custom_components.plant_automation.config_flow import InvalidUrl, normalized_url
from custom_components.plant_automation.const import CONF_ASSISTANTS_MAY_WATER, CONF_IMPORT_STATISTICS, DOMAIN
from tests.home_assistant.field import PASSWORD, Field

INFO = {
    "name": "plant-automation",
    "version": "9.0.0",
    "api_version": 1,
    "instance_id": "elsewhere",
    "time": "2026-11-23T20:00:00Z",
}
PROBLEM = {"content-type": "application/problem+json"}
DEAD = "http://127.0.0.1:9"


async def start(hass: HomeAssistant, source: str = SOURCE_USER, data: Any = None) -> Any:
    """Begin a flow."""
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=data)


async def answer(hass: HomeAssistant, flow: Any, **given: Any) -> Any:
    """Answer a form."""
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], given)
    await hass.async_block_till_done()
    return result


async def choose(hass: HomeAssistant, flow: Any, step: str) -> Any:
    """Choose from a menu."""
    return await answer(hass, flow, next_step_id=step)


def announced(field: Field, instance_id: str | None) -> ZeroconfServiceInfo:
    """What a backend says on the air."""
    port = int(field.backend.url.rsplit(":", 1)[1])
    return ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=port,
        hostname="plants.local.",
        type="_plant-automation._tcp.local.",
        name="plants._plant-automation._tcp.local.",
        properties={} if instance_id is None else {"instance_id": instance_id},
    )


async def test_signing_in_with_a_password_keeps_only_a_token(hass: HomeAssistant, field: Field) -> None:
    """The token has a name and can be revoked."""
    flow = await start(hass)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "user")
    flow = await answer(hass, flow, url=field.backend.url)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "sign_in")
    flow = await choose(hass, flow, "password")
    flow = await answer(hass, flow, username="ada", password="wrong")
    assert flow["errors"] == {"base": "invalid_auth"}
    flow = await answer(hass, flow, username="ada", password=PASSWORD)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    entry = flow["result"]
    assert entry.unique_id == await field.instance_id()
    assert entry.title == "Plant Automation (127.0.0.1)"
    assert set(entry.data) == {CONF_URL, CONF_TOKEN}
    assert PASSWORD not in str(entry.as_dict())
    tokens = await field.do(field.person.get, "/tokens")
    assert "Home Assistant (test home)" in [token["name"] for token in tokens]


async def test_signing_in_with_a_token(hass: HomeAssistant, field: Field) -> None:
    """For those who make one at the backend."""
    flow = await choose(hass, await answer(hass, await start(hass), url=field.backend.url), "token")
    flow = await answer(hass, flow, token="pat_wrong")
    assert flow["errors"] == {"base": "invalid_auth"}
    flow = await answer(hass, flow, token=f" {field.person.token} ")
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    assert flow["data"][CONF_TOKEN] == field.person.token


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://plants", "invalid_url"),
        ("http://", "invalid_url"),
        ("plants:notaport", "invalid_url"),
        ("http://ha:8123/api/hassio_ingress/abc/", "ingress_url"),
        (DEAD, "cannot_connect"),
    ],
)
async def test_a_bad_address_can_be_mended(hass: HomeAssistant, field: Field, url: str, error: str) -> None:
    """In the same form."""
    flow = await answer(hass, await start(hass), url=url)
    assert flow["errors"] == {"base": error}
    flow = await answer(hass, flow, url=field.backend.url)
    assert flow["type"] is FlowResultType.MENU


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"text": "<html>", "headers": {"content-type": "text/html"}}, "not_plant_automation"),
        ({"status": 404, "text": "no"}, "not_plant_automation"),
        ({"json": {"name": "something"}}, "not_plant_automation"),
        ({"json": {"name": "plant-automation"}}, "not_plant_automation"),
        ({"json": INFO | {"api_version": 2}}, "unsupported_version"),
        ({"status": 502, "text": "bad gateway"}, "cannot_connect"),
    ],
)
async def test_something_else_answers(
    hass: HomeAssistant, aioclient_mock: AiohttpClientMocker, given: Any, error: str
) -> None:
    """It is told apart from nothing, and from a backend of another age."""
    aioclient_mock.get("http://plants:8000/info", **given)
    flow = await answer(hass, await start(hass), url="plants")
    assert flow["errors"] == {"base": error}
    aioclient_mock.clear_requests()
    aioclient_mock.get("http://plants:8000/info", json=INFO)
    assert (await answer(hass, flow, url="plants"))["type"] is FlowResultType.MENU


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"status": 500, "text": "{}", "headers": PROBLEM}, "unknown"),
        ({"status": 429, "text": '{"code": "too_many_attempts"}', "headers": PROBLEM}, "too_many_attempts"),
        ({"exc": TimeoutError()}, "cannot_connect"),
    ],
)
@pytest.mark.parametrize(
    ("step", "path", "fields"),
    [
        ("password", "/auth/token", {CONF_USERNAME: "ada", CONF_PASSWORD: "x"}),
        ("token", "/devices", {CONF_TOKEN: "pat_x"}),
    ],
)
async def test_the_backend_falls_over_while_signing_in(
    hass: HomeAssistant,
    aioclient_mock: AiohttpClientMocker,
    step: str,
    path: str,
    fields: Any,
    given: Any,
    error: str,
) -> None:
    """The form stays, and says so."""
    aioclient_mock.get("http://plants:8000/info", json=INFO)
    aioclient_mock.post(f"http://plants:8000{path}", **given)
    aioclient_mock.get(f"http://plants:8000{path}", **given)
    flow = await choose(hass, await answer(hass, await start(hass), url="plants"), step)
    assert (await answer(hass, flow, **fields))["errors"] == {"base": error}


async def test_the_same_backend_is_not_added_twice_but_its_address_is_learnt(hass: HomeAssistant, field: Field) -> None:
    """One entry for each instance."""
    entry = MockConfigEntry(
        domain=DOMAIN, unique_id=await field.instance_id(), data={CONF_URL: DEAD, CONF_TOKEN: field.person.token}
    )
    entry.add_to_hass(hass)
    flow = await answer(hass, await start(hass), url=field.backend.url)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert entry.data[CONF_URL] == field.backend.url


async def test_a_backend_that_announces_itself(hass: HomeAssistant, field: Field) -> None:
    """Nobody types an address."""
    flow = await start(hass, SOURCE_ZEROCONF, announced(field, await field.instance_id()))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "sign_in")
    flow = await choose(hass, flow, "password")
    flow = await answer(hass, flow, username="ada", password=PASSWORD)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    assert flow["data"][CONF_URL] == field.backend.url


async def test_an_announced_backend_that_moved_is_followed(hass: HomeAssistant, field: Field) -> None:
    """Except to where TLS would be lost."""
    instance_id = await field.instance_id()
    for url, expected in ((DEAD, field.backend.url), ("https://plants.example", "https://plants.example")):
        entry = MockConfigEntry(domain=DOMAIN, unique_id=instance_id, data={CONF_URL: url, CONF_TOKEN: "x"})
        entry.add_to_hass(hass)
        flow = await start(hass, SOURCE_ZEROCONF, announced(field, instance_id))
        assert flow["reason"] == "already_configured"
        assert entry.data[CONF_URL] == expected
        await hass.async_block_till_done()
        await hass.config_entries.async_remove(entry.entry_id)


async def test_an_address_that_works_is_kept(hass: HomeAssistant, field: Field) -> None:
    """Anybody may announce an id, and a token goes where the address leads; and what is ignored stays so."""
    entry = await field.make_entry()
    moved = replace(announced(field, entry.unique_id), port=9)
    assert (await start(hass, SOURCE_ZEROCONF, moved))["reason"] == "already_configured"
    assert entry.data[CONF_URL] == field.backend.url
    MockConfigEntry(domain=DOMAIN, unique_id="elsewhere", source=SOURCE_IGNORE).add_to_hass(hass)
    assert (await start(hass, SOURCE_ZEROCONF, announced(field, "elsewhere")))["reason"] == "already_configured"


async def test_an_announcement_is_not_believed_blindly(hass: HomeAssistant, field: Field) -> None:
    """It has to say who it is, and the server has to agree."""
    for instance_id in (None, "somebody-else"):
        flow = await start(hass, SOURCE_ZEROCONF, announced(field, instance_id))
        assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "not_plant_automation")


def app(field: Field, **config: Any) -> HassioServiceInfo:
    """What the Supervisor says of a backend that runs as an app."""
    port = int(field.backend.url.rsplit(":", 1)[1])
    given = {"host": "127.0.0.1", "port": port, **config}
    return HassioServiceInfo(config=given, name="Plant Automation", slug="plant_automation", uuid="1234")


async def test_an_app_brings_its_token(hass: HomeAssistant, field: Field) -> None:
    """One click; and one that the backend refuses can be tried again."""
    instance_id = await field.instance_id()
    flow = await start(hass, SOURCE_HASSIO, app(field, instance_id=instance_id, token="pat_wrong"))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "hassio_confirm")
    flow = await answer(hass, flow)
    assert flow["errors"] == {"base": "invalid_auth"}
    hass.config_entries.flow.async_abort(flow["flow_id"])
    flow = await start(hass, SOURCE_HASSIO, app(field, instance_id=instance_id, token=field.person.token))
    flow = await answer(hass, flow)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    assert flow["data"] == {CONF_URL: field.backend.url, CONF_TOKEN: field.person.token}


async def test_an_app_without_a_token_is_signed_in_to(hass: HomeAssistant, field: Field) -> None:
    """As to any other backend."""
    flow = await start(hass, SOURCE_HASSIO, app(field, instance_id=await field.instance_id()))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.MENU, "sign_in")


@pytest.mark.parametrize("token", [None, "pat_new"])
async def test_an_app_that_moved_is_followed(hass: HomeAssistant, field: Field, token: str | None) -> None:
    """With its new token, if it has one."""
    instance_id = await field.instance_id()
    entry = MockConfigEntry(domain=DOMAIN, unique_id=instance_id, data={CONF_URL: DEAD, CONF_TOKEN: "pat_old"})
    entry.add_to_hass(hass)
    flow = await start(hass, SOURCE_HASSIO, app(field, instance_id=instance_id, token=token))
    assert flow["reason"] == "already_configured"
    assert entry.data == {CONF_URL: field.backend.url, CONF_TOKEN: token or "pat_old"}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "not_plant_automation"),
        ({"instance_id": "somebody-else"}, "not_plant_automation"),
        ({"instance_id": "x", "port": 9}, "cannot_connect"),
    ],
)
async def test_an_app_is_not_believed_blindly(hass: HomeAssistant, field: Field, config: Any, reason: str) -> None:
    """It has to say who it is, and the server has to agree."""
    flow = await start(hass, SOURCE_HASSIO, app(field, **config))
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, reason)


@pytest.mark.parametrize("step", ["password", "token"])
async def test_a_revoked_token_is_replaced(hass: HomeAssistant, field: Field, step: str) -> None:
    """Home Assistant asks, and goes on."""
    await field.add_node()
    entry = await field.make_entry()
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_TOKEN: "pat_revoked"})
    assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_confirm"
    flow = await choose(hass, flow, step)
    given = {"username": "ada", "password": PASSWORD} if step == "password" else {"token": field.person.token}
    flow = await answer(hass, flow, **given)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await field.is_live()
    assert entry.data[CONF_TOKEN] != "pat_revoked"


async def test_a_new_address_is_told_by_hand(hass: HomeAssistant, field: Field) -> None:
    """The sign-in is kept."""
    entry = await field.make_entry()
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_URL: DEAD})
    flow = await entry.start_reconfigure_flow(hass)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "reconfigure")
    flow = await answer(hass, flow, url=DEAD)
    assert flow["errors"] == {"base": "cannot_connect"}
    flow = await answer(hass, flow, url=field.backend.url)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.data == {CONF_URL: field.backend.url, CONF_TOKEN: field.person.token}


async def test_another_backend_is_no_new_address(hass: HomeAssistant, field: Field) -> None:
    """It has other plants."""
    entry = MockConfigEntry(domain=DOMAIN, unique_id="elsewhere", data={CONF_URL: DEAD, CONF_TOKEN: "x"})
    entry.add_to_hass(hass)
    flow = await answer(hass, await entry.start_reconfigure_flow(hass), url=field.backend.url)
    assert (flow["type"], flow["reason"]) == (FlowResultType.ABORT, "other_instance")


async def test_options_take_effect_at_once(hass: HomeAssistant, field: Field) -> None:
    """By a reload."""
    entry = await field.set_up()
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    wanted = {CONF_IMPORT_STATISTICS: False, CONF_ASSISTANTS_MAY_WATER: True}
    flow = await hass.config_entries.options.async_configure(flow["flow_id"], wanted)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options == wanted
    await field.is_live()


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("plants.local", "http://plants.local:8000"),
        (" 192.0.2.7:9000 ", "http://192.0.2.7:9000"),
        ("https://plants.example/", "https://plants.example"),
        ("http://plants.example/garden/?a=1#b", "http://plants.example/garden"),
    ],
)
def test_what_people_type_is_understood(typed: str, url: str) -> None:
    """Port 8000 is ours, 443 is everybody's."""
    assert normalized_url(typed) == url


def test_a_port_out_of_range_is_no_address() -> None:
    """yarl says so by a ValueError."""
    with pytest.raises(InvalidUrl):
        normalized_url("plants:99999999")
