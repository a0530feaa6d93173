"""Single keys, which the help lists and switches off."""

import re

from playwright.sync_api import Page
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows
from tests.e2e.web.garden import Garden


def listening(page: Page) -> None:
    """Wait until the page's scripts are at work: a heading is there before they are."""
    see(page.locator("#stream")).to_have_attribute("data-state", "live")


def test_keys_lead_about_and_can_be_switched_off(windows: Windows, garden: Garden) -> None:
    page = windows.open().go("/web")
    listening(page)
    page.keyboard.press("g")
    page.keyboard.press("a")
    see(page.get_by_role("heading", name="Alerts")).to_be_visible()
    listening(page)
    page.keyboard.press("/")
    see(page.get_by_role("heading", name="Devices")).to_be_visible()
    listening(page)
    page.keyboard.press("/")
    search = page.get_by_role("searchbox")
    see(search).to_be_focused()
    # What is typed is typed.
    page.keyboard.type("g?a/")
    see(search).to_have_value("g?a/")
    page.goto(f"{page.url.split('/web')[0]}/web{garden.tomatoes.path}/chart?sensor=soil")
    see(page.locator("#chart .uplot canvas")).to_be_visible()
    listening(page)
    page.keyboard.press("[")
    see(page).to_have_url(re.compile("since="))
    page.keyboard.press("?")
    see(page.get_by_role("heading", name="Keys")).to_be_visible()
    listening(page)
    page.get_by_role("button", name="Switch the keys of the page off").click()
    see(page.get_by_role("button", name="Switch the keys of the page on")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.keyboard.press("/")
    see(page.get_by_role("heading", name="Keys")).to_be_visible()
    assert page.url.endswith("/web/help#keys")
