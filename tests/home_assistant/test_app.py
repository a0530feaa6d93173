"""The app's own announcement, as it sends it, and the integration that hears it."""

import re
import subprocess
from pathlib import Path
from typing import Any

from homeassistant.components.hassio.ingress import HassIOIngress
from homeassistant.config_entries import SOURCE_HASSIO, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.setup import async_setup_component

from custom_components.plant_automation.const import DOMAIN
from tests.home_assistant.field import Field, until
from tests.live_backend import Backend
from tests.supervisor import ADDRESS, TOKEN, ingress, supervisor

DISCOVER = Path(__file__).resolve().parents[2] / "app/rootfs/usr/lib/plant-automation/discover"


def announce(field: Field, folder: Path) -> HassioServiceInfo:
    """Run the app's script beside a backend. Gives what Home Assistant would be told."""
    (folder / "data/plant").mkdir(parents=True, exist_ok=True)
    made = field.backend.command_line("home-assistant-token", str(folder / "data/plant/home-assistant.token"))
    assert made.returncode == 0, made.stderr
    # Its host is the container's name; here that is this machine.
    script = DISCOVER.read_text().replace("/data/", f"{folder}/data/").replace("$(hostname)", "127.0.0.1")
    with supervisor() as (address, told):
        environment = {
            "PATH": "/usr/bin:/bin",
            "SUPERVISOR_URL": address,
            "SUPERVISOR_TOKEN": TOKEN,
            "PLANT_OWN_URL": field.backend.url,
        }
        subprocess.run(["bash", "-c", script], env=environment, check=True, capture_output=True, timeout=60)
    (message,) = told
    assert message["service"] == DOMAIN
    return HassioServiceInfo(config=message["config"], name="Plant Automation", slug="plant_automation", uuid="4f1c")


async def test_one_click_and_the_plants_are_there(hass: HomeAssistant, own_field: Field, tmp_path: Path) -> None:
    """Nobody signs in; and the token that may do less than its owner is all that the integration needs."""
    node = await own_field.add_node()
    flow = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_HASSIO}, data=await own_field.do(announce, own_field, tmp_path)
    )
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "hassio_confirm")
    flow = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    entry = flow["result"]
    assert entry.state is ConfigEntryState.LOADED
    await own_field.do(node.send, soil=43.5, tank=60, air=21)
    await until(lambda: any(state.state == "43.5" for state in hass.states.async_all("sensor")))


async def test_a_new_token_is_taken_over(hass: HomeAssistant, own_field: Field, tmp_path: Path) -> None:
    """The owner revoked the old one; the app's next start made another."""
    flow = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_HASSIO}, data=await own_field.do(announce, own_field, tmp_path)
    )
    flow = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    entry, old = flow["result"], flow["data"]["token"]
    await hass.async_block_till_done()
    (tmp_path / "data/plant/home-assistant.token").unlink()
    flow = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_HASSIO}, data=await own_field.do(announce, own_field, tmp_path)
    )
    assert flow["reason"] == "already_configured"
    assert entry.data["token"] != old


async def test_home_assistant_s_own_ingress_leads_to_the_dashboard(
    hass: HomeAssistant, hass_client_no_auth: Any, tmp_path: Path
) -> None:
    """Its real proxy, with only the Supervisor behind it standing in: pages, forms, and events as they come."""
    token = "9Vb3xT_token-1"
    prefix = f"/api/hassio_ingress/{token}"

    def said(backend: Backend, event: str, field: str) -> str:
        return str([line for line in backend.log_events() if line["event"] == event][-1][field])

    def start() -> Backend:
        backend = Backend(tmp_path, ingress_port=0, ingress_peer=ADDRESS, evaluation_interval_ms=0)
        backend.start()
        return backend

    backend = await hass.async_add_executor_job(start)
    try:
        with ingress(f"127.0.0.1:{said(backend, 'ingress_listening', 'port')}", ("u-anna", "anna")) as address:
            assert await async_setup_component(hass, "http", {})
            hass.http.register_view(HassIOIngress(address, async_get_clientsession(hass)))
            browser = await hass_client_no_auth()
            page = await browser.get(f"{prefix}/")
            assert str(page.url.path) == f"{prefix}/web"
            text = await page.text()
            assert page.status == 200, text
            assert "Become the owner" in text
            for path in re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js|svg|woff2))"', text):
                assert path.startswith(prefix)
                assert (await browser.get(path)).status == 200, path

            # On plain HTTP a browser says nothing but its origin.
            origin = {"Origin": str(browser.make_url("/").origin())}
            code = {"code": said(backend, "owner_code", "code")}
            foreign = {"Origin": "http://evil.example"}
            assert (await browser.post(f"{prefix}/web/own", data=code, headers=foreign)).status == 403
            owned = await browser.post(f"{prefix}/web/own", data=code, headers=origin)
            assert "Become the owner" not in await owned.text()
            made = await browser.post(f"{prefix}/devices", json={"name": "Basil"}, headers=origin)
            assert made.status == 201, await made.text()
            async with browser.get(f"{prefix}/events") as stream:
                assert stream.content_type == "text/event-stream"
                assert await stream.content.readline() == b"event: info\n"
                await browser.post(f"{prefix}/devices", json={"name": "Fern"}, headers=origin)
                while b"Fern" not in await stream.content.readline():
                    assert not stream.content.at_eof()
    finally:
        await hass.async_add_executor_job(backend.close)
