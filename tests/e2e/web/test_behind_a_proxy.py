"""In a frame behind a prefix, as Home Assistant shows it: nothing is asked for outside the prefix."""

import re

from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows
from tests.e2e.web.garden import Garden, Obedience
from tests.e2e.web.prefix_proxy import PREFIX, prefix_proxy
from tests.live_backend import PASSWORD, Backend


def test_all_of_it_works_in_a_frame_behind_a_prefix(windows: Windows, garden: Garden, backend: Backend) -> None:
    node = garden.new_plant("Framed freesia")
    with Obedience(node), prefix_proxy(backend.url) as (url, outside):
        window = windows.open(None)
        page = window.page
        page.goto(url)
        frame = page.frame_locator("iframe")
        frame.get_by_label("Name").fill("ada")
        frame.get_by_label("Password").fill(PASSWORD)
        frame.get_by_role("button", name="Sign in").click()
        see(frame.locator("#stream")).to_have_text("Live")
        card = frame.locator(".plant", has_text="Framed freesia")
        node.send(soil=44.4, tank=60, air=21)
        see(card.locator(".plant-value")).to_have_text(re.compile("44.4"))
        card.get_by_role("button", name="Water now").click()
        frame.get_by_role("dialog").get_by_label("How long, in seconds").fill("1")
        frame.get_by_role("dialog").get_by_role("button", name="Water now").click()
        see(frame.get_by_role("dialog")).to_contain_text("The pump ran for")
        frame.get_by_role("dialog").get_by_role("button", name="Close").click()
        frame.get_by_role("link", name="Framed freesia").click()
        frame.locator(".value", has_text="Soil moisture").click()
        see(frame.locator("#chart .uplot canvas")).to_be_visible()
        with page.expect_download() as file:
            frame.get_by_role("link", name="CSV").click()
        assert "soil" in file.value.path().read_text()
        cookies = {cookie["name"]: cookie["path"] for cookie in page.context.cookies(url + PREFIX)}
        assert cookies["plant_session"] == PREFIX
        frame.get_by_label("Account and display").click()
        frame.get_by_role("button", name="Sign out").click()
        see(frame.get_by_role("heading", name="Welcome back")).to_be_visible()
        assert outside == []
        page.goto("about:blank")
    garden.ada.request("DELETE", node.path)
