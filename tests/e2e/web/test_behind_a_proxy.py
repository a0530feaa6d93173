"""What is only so in a frame behind a prefix, as Home Assistant shows it; `both_ways` takes the journeys through it."""

import pytest
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows
from tests.e2e.web.garden import Garden
from tests.e2e.web.prefix_proxy import PREFIX
from tests.e2e.web.ways import framed


@pytest.mark.parametrize("way", [framed], ids=["framed"], indirect=True)
def test_the_cookie_is_for_the_prefix_and_goes_with_the_session(windows: Windows, garden: Garden) -> None:
    window = windows.open(None)
    page = window.sign_in()
    see(page.locator("#stream")).to_have_text("Live")
    cookies = {cookie["name"]: cookie["path"] for cookie in window.tab.context.cookies(page.url)}
    assert cookies["plant_session"] == PREFIX
    page.get_by_label("Account and display").click()
    page.get_by_role("button", name="Sign out").click()
    see(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    assert "plant_session" not in {cookie["name"] for cookie in window.tab.context.cookies(page.url)}
