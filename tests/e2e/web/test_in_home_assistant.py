"""The dashboard in Home Assistant's side bar: in a frame, behind its ingress, with people that it knows."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from plant_backend.web.page import For
from plant_backend.web.pages import PAGES
from playwright.sync_api import Browser
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Window, Windows, cut_off
from tests.e2e.web.garden import MANIFEST, Obedience
from tests.e2e.web.prefix_proxy import PREFIX, SUPERVISOR, prefix_proxy
from tests.e2e.web.ways import Site
from tests.live_backend import Backend, Node, Person


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a backend as the app runs it."""
    settings = {"ingress_port": 0, "ingress_peer": SUPERVISOR, "evaluation_interval_ms": 0, "compact_every_s": 2}
    with Backend(tmp_path_factory.mktemp("app"), **settings) as backend:
        yield backend


@contextmanager
def side_bar(browser: Browser, app: Backend, person_id: str, name: str) -> Iterator[Window]:
    """Open a window for a person of the house. Nobody signs in: Home Assistant has."""
    ingress = f"http://127.0.0.1:{said(app, 'ingress_listening', 'port')}"
    with prefix_proxy(ingress, (person_id, name)) as (url, outside), ExitStack() as stack:
        windows = Windows(browser, Site(url + PREFIX, url, outside), stack, {})
        window = windows.open(None)
        window.go("/web")
        yield window
        windows.look_back()


def said(app: Backend, event: str, field: str) -> str:
    """Give what the log said last."""
    return str([line for line in app.log_events() if line["event"] == event][-1][field])


def every_address_has_the_prefix(window: Window, node: Node) -> None:
    """Fetch each page, and look at all that it leads to."""
    ways = [way.path for site in PAGES for way in site.ways if way.method == "GET" and way.whom is not For.ANYBODY]
    for path in sorted({path.replace("{device_id}", node.device_id).replace("{key}", "soil") for path in ways}):
        if "{" not in path and "/dialog" not in path:
            answer = window.tab.request.get(window.site.root + path)
            assert answer.ok, f"{path}: {answer.status}"
            for address in re.findall(
                r'(?:href|src|action|hx-get|hx-post|data-dialog|data-events)="(/[^"]*)"', answer.text()
            ):
                assert address.startswith(PREFIX + "/"), f"{path}: {address}"


@pytest.mark.timeout(600)
def test_from_the_side_bar_to_a_watered_plant(browser: Browser, app: Backend) -> None:
    """Nobody signs in: the code of the log makes the owner; all works in the frame, and nothing leaves the prefix."""
    with side_bar(browser, app, "u-anna", "anna") as window:
        frame = window.page
        see(frame.locator("#stream")).to_have_text("Live")
        frame.get_by_label("Account and display").click()
        frame.get_by_role("link", name="Become the owner").click()
        frame.get_by_label("Code from the log").fill(said(app, "owner_code", "code"))
        frame.get_by_role("button", name="Become the owner").click()

        frame.get_by_role("link", name="Add a device").first.click()
        frame.get_by_role("radio", name="Something else").check()
        frame.get_by_label("What is it called?").fill("Framed freesia")
        frame.get_by_role("button", name="Make its secret").click()
        file = json.loads(frame.get_by_label("node.json").input_value())
        node = Node(app, file["device_id"], file["secret"], Person(app, "home", ""))
        node.sign_in(MANIFEST)
        node.send(soil=44, tank=60, air=21, humidity=50, light=800)
        see(frame.get_by_role("heading", name="It has arrived")).to_be_visible()

        frame.get_by_role("link", name="Plant Automation").first.click()
        card = frame.locator(".plant", has_text="Framed freesia")
        with cut_off(window.tab.context):
            see(frame.locator("#stream")).not_to_have_text("Live")
        see(frame.locator("#stream")).to_have_text("Live")
        window.complaints.clear()  # The cut, in the browser's words.
        node.send(soil=44.4)
        see(card.locator(".plant-value")).to_have_text(re.compile("44.4"))

        with Obedience(node) as pump:
            card.get_by_role("button", name="Water now").click()
            frame.get_by_role("dialog").get_by_label("How long, in seconds").fill("1")
            frame.get_by_role("dialog").get_by_role("button", name="Water now").click()
            see(frame.get_by_role("dialog")).to_contain_text("The pump ran for")
            frame.get_by_role("dialog").get_by_role("button", name="Close").click()
            assert pump.starts == 1
        frame.get_by_role("link", name="Framed freesia").click()
        frame.locator(".value", has_text="Soil moisture").click()
        see(frame.locator("#chart .uplot canvas")).to_be_visible()
        with window.tab.expect_download() as csv:
            frame.get_by_role("link", name="CSV").click()
        assert "soil" in csv.value.path().read_text()
        assert "plant_session" not in {cookie["name"] for cookie in window.tab.context.cookies(window.site.root)}
        every_address_has_the_prefix(window, node)


def test_a_guest_of_the_house_looks_on(browser: Browser, app: Backend) -> None:
    with side_bar(browser, app, "u-gus", "gus") as window:
        frame = window.page
        see(frame.locator("#stream")).to_have_text("Live")
        see(frame.get_by_role("button", name="Water now")).to_have_count(0)
        see(frame.get_by_role("link", name="Add a device")).to_have_count(0)
        frame.get_by_label("Account and display").click()
        see(frame.locator(".menu-who")).to_contain_text("Viewer")
