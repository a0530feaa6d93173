"""Single keys, which the help lists and switches off."""

import re

from playwright.sync_api import Frame
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows, ready
from tests.e2e.web.garden import Garden


def listening(page: Frame) -> None:
    """Wait until the page hears keys. Its clock stands still: a busy machine may take its time between two of them."""
    ready(page)
    page.evaluate("(now => { performance.now = () => now; })(performance.now())")


def test_keys_lead_about_and_can_be_switched_off(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page, keyboard = window.page, window.tab.keyboard
    listening(page)
    keyboard.press("g")
    keyboard.press("a")
    see(page.get_by_role("heading", name="Alerts")).to_be_visible()
    listening(page)
    keyboard.press("/")
    see(page.get_by_role("heading", name="Devices")).to_be_visible()
    listening(page)
    keyboard.press("/")
    search = page.get_by_role("searchbox")
    see(search).to_be_focused()
    # What is typed is typed.
    keyboard.type("g?a/")
    see(search).to_have_value("g?a/")
    window.go(f"/web{garden.tomatoes.path}/chart?sensor=soil")
    see(page.locator("#chart .uplot canvas")).to_be_visible()
    listening(page)
    keyboard.press("[")
    page.wait_for_url(re.compile("since="))
    keyboard.press("?")
    see(page.get_by_role("heading", name="Keys")).to_be_visible()
    listening(page)
    page.get_by_role("button", name="Switch the keys of the page off").click()
    see(page.get_by_role("button", name="Switch the keys of the page on")).to_be_visible()
    keyboard.press("g")
    keyboard.press("a")
    keyboard.press("/")
    see(page.get_by_role("heading", name="Keys")).to_be_visible()
    assert page.url.endswith("/web/help#keys")
