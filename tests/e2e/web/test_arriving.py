"""A new node, from nothing to its first reading, and rules that are tried before they hold."""

import tomllib
from typing import Any

from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows, ready
from tests.e2e.web.garden import MANIFEST, Garden
from tests.live_backend import Backend, expect


def signs_in(backend: Backend, device_id: str, secret: str) -> dict[str, str]:
    """Sign a node in as its firmware does. Gives its headers."""
    body: dict[str, Any] = {"device_id": device_id, "secret": secret, "manifest": MANIFEST}
    answer = expect(200, backend.request("POST", "/auth/device", json=body))
    return {"authorization": f"Bearer {answer['access_token']}"}


def test_a_new_node_arrives_while_one_watches(windows: Windows, garden: Garden, backend: Backend) -> None:
    window = windows.open(permissions=["clipboard-read", "clipboard-write"])
    page = window.go("/web/devices")
    page.get_by_role("link", name="Add a device").click()
    page.get_by_role("radio", name="Raspberry Pi").check()
    page.get_by_label("What is it called?").fill("Hallway ivy")
    page.get_by_role("button", name="Make its secret").click()

    text = page.get_by_label("plant-node.toml").input_value()
    ready(page)
    node = tomllib.loads(text)["backend"]
    with window.tab.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "plant-node.toml"
    assert download.value.path().read_text() == text
    page.get_by_role("button", name="Copy").click()
    see(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text

    headers = signs_in(backend, node["device_id"], node["secret"])
    see(page.get_by_text("Signed in as plant-node 0.1.0")).to_be_visible()
    reading = {"batch_id": "b-1", "readings": [{"sensor": "soil", "value": 44, "age_ms": 0}]}
    expect(202, backend.request("POST", "/telemetry", headers=headers, json=reading))
    see(page.get_by_role("heading", name="It has arrived")).to_be_visible()

    window.reload()
    assert node["secret"] not in page.content()
    see(page.get_by_text("If it was not saved, make a new one")).to_be_visible()
    page.get_by_role("link", name="Say when it is watered").click()
    see(page.get_by_role("heading", name="Automation")).to_be_visible()
    garden.ada.request("DELETE", f"/devices/{node['device_id']}")


def test_rules_are_tried_on_the_last_week_before_they_are_saved(windows: Windows, garden: Garden) -> None:
    page = windows.open().go(f"/web{garden.tomatoes.path}/automation")
    page.get_by_label("Lowest soil moisture").fill("45")
    page.get_by_role("button", name="What would have happened?").click()
    see(page.get_by_role("heading", name="The last 7 days with these rules")).to_be_visible()
    see(page.locator("#what-if")).to_contain_text("They would have watered")
    assert garden.ada.get(f"{garden.tomatoes.path}/automation")["soil_moisture_min_percent"] == 30
