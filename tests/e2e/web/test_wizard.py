"""From nothing to a node's first reading, by keys alone; its secret is shown once."""

import json
import re

from playwright.sync_api import Frame
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows, ready
from tests.e2e.web.garden import MANIFEST, Garden
from tests.e2e.web.ways import both_ways
from tests.live_backend import Backend, Node


def tab_to(page: Frame, name: str) -> None:
    """Go on with the Tab key until what has the focus is called so."""
    for _ in range(40):
        page.page.keyboard.press("Tab")
        said = page.evaluate(
            "(() => { const e = document.activeElement;"
            " return e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.innerText || ''; })()"
        )
        if said.strip().startswith(name):
            return
    raise AssertionError(f"the Tab key does not reach {name}")


@both_ways
def test_a_node_is_added_by_keys_alone_and_its_secret_shown_once(
    windows: Windows, garden: Garden, backend: Backend
) -> None:
    window = windows.open(permissions=["clipboard-read", "clipboard-write"])
    page, keyboard = window.go("/web/devices"), window.tab.keyboard
    tab_to(page, "Add a device")
    keyboard.press("Enter")
    see(page.get_by_role("heading", name="Add a device")).to_be_visible()
    ready(page)
    tab_to(page, "ESP32")
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    see(page.get_by_role("radio", name=re.compile("Something else"))).to_be_checked()
    tab_to(page, "What is it called?")
    keyboard.type("Attic aloe")
    keyboard.press("Enter")
    see(page.get_by_role("heading", name="Its secret")).to_be_visible()
    ready(page)
    tab_to(page, "Copy")
    keyboard.press("Enter")
    see(page.locator(".toast")).to_contain_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    tab_to(page, "Download")
    with window.tab.expect_download() as file:
        keyboard.press("Enter")
    text = file.value.path().read_text()
    assert text == copied
    given = json.loads(text)
    address = page.url
    tab_to(page, "I have saved it")
    keyboard.press("Enter")
    see(page.get_by_role("heading", name="Waiting for the first reading")).to_be_visible()
    see(page.get_by_role("heading", name="Its secret")).to_have_count(0)
    # Neither back nor the same address, asked for anew, gives it again.
    window.go_back()
    window.reload()
    for where in (page.url, address):
        window.visit(where)
        assert given["secret"] not in page.content()
        see(page.get_by_role("button", name="New secret")).to_be_visible()
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    node = Node(backend, given["device_id"], given["secret"], garden.ada)
    node.sign_in(MANIFEST)
    see(page.get_by_text("Signed in as plant-node 0.1.0")).to_be_visible()
    node.send(soil=44, tank=60)
    see(page.get_by_role("heading", name="It has arrived")).to_be_visible()
    tab_to(page, "Say when it is watered")
    keyboard.press("Enter")
    see(page.get_by_role("heading", name="Automation")).to_be_visible()
    garden.ada.request("DELETE", node.path)
