"""One browser, one backend and its plants for all page journeys."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, Playwright, sync_playwright
from playwright.sync_api import expect as see

from tests.e2e.web.garden import Garden
from tests.e2e.web.ways import Site, Way, direct
from tests.live_backend import PASSWORD, Backend

REPOSITORY = Path(__file__).parents[3]
LAN_NAME = "plants.lan"
"""A name that the browser finds, and does not trust as it trusts the machine that it runs on."""

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give the machine's Chromium."""
    # Other tests run beside, and what a page does it does a moment later then.
    see.set_options(timeout=30_000)
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    path = found or subprocess.run([REPOSITORY / "scripts/browser"], capture_output=True, text=True, check=True).stdout
    playwright: Playwright
    with sync_playwright() as playwright:
        # The sandbox needs what containers and root do not have; only our own pages are opened.
        running = playwright.chromium.launch(
            executable_path=path.strip(), args=["--no-sandbox", f"--host-resolver-rules=MAP {LAN_NAME} 127.0.0.1"]
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Give a backend that evaluates at once, and believes the proxy of the tests."""
    folder = tmp_path_factory.mktemp("web")
    with Backend(
        folder,
        evaluation_interval_ms=0,
        trusted_proxies="127.0.0.0/8",
        compact_every_s=2,
        notification_networks="127.0.0.1",
    ) as running:
        yield running


@pytest.fixture(scope="session")
def grown(backend: Backend) -> Garden:
    """Grow plants that have lived for a day, once."""
    return Garden(backend)


@pytest.fixture
def garden(grown: Garden) -> Garden:
    """Give the plants, none of which has fallen silent since: other files may have run in between."""
    grown.speak_up()
    return grown


@dataclass
class Window:
    """A browser's tab with the dashboard, perhaps in a frame. It writes down what goes wrong."""

    tab: Page
    site: Site
    complaints: list[str] = field(default_factory=list)

    @property
    def page(self) -> Frame:
        """The dashboard: all of the tab, or the frame in it."""
        return self.tab.main_frame if self.site.house is None else self.tab.frames[1]

    def go(self, path: str) -> Frame:
        """Open a page of the dashboard."""
        return self.visit(self.site.root + path)

    def visit(self, address: str) -> Frame:
        """Open a page by its whole address."""
        if self.site.house is not None and len(self.tab.frames) < 2:
            self.tab.goto(self.site.house)
        self.page.goto(address)
        # Keys go to the frame, as after a click into it.
        self.page.evaluate("window.focus()")
        return self.page

    def reload(self) -> None:
        """Fetch the page anew."""
        with self.page.expect_navigation():
            self.page.evaluate("location.reload()")

    def go_back(self) -> None:
        """Go back to the page, or the address, before."""
        was = self.page.url
        self.page.evaluate("history.back()")
        self.page.wait_for_url(lambda url: url != was)

    def sign_in(self, username: str = "ada") -> Frame:
        """Sign in through the page."""
        page = self.go("/web/login")
        page.get_by_label("Name").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/web")
        return page


class Windows:
    """Opens browser windows on one site, and looks at the end whether any complained."""

    def __init__(self, browser: Browser, site: Site, stack: ExitStack, signed_in: dict[tuple[bool, str], Any]) -> None:
        self.site = site
        self._browser, self._stack, self._signed_in = browser, stack, signed_in
        self.opened: list[Window] = []

    def open(self, username: str | None = "ada", *, site: Site | None = None, **options: Any) -> Window:
        """Open a window of its own, signed in, in English, in Berlin, 1280 wide, unless told otherwise."""
        key = (self.site.house is None, username or "")
        given: dict[str, Any] = {
            "locale": "en-GB",
            "timezone_id": "Europe/Berlin",
            "viewport": {"width": 1280, "height": 860},
            "reduced_motion": "reduce",
            "storage_state": self._signed_in.get(key),
            **options,
        }
        context: BrowserContext = self._browser.new_context(**given)
        self._stack.callback(context.close)
        window = Window(context.new_page(), site or self.site)
        tab = window.tab
        tab.set_default_timeout(30_000)
        tab.on("pageerror", lambda error: window.complaints.append(f"error: {error}"))
        tab.on(
            "console",
            lambda message: (
                message.type in ("error", "warning") and window.complaints.append(f"console: {message.text}")
            ),
        )
        self.opened.append(window)
        if key in self._signed_in:
            window.go("/web")
        elif username is not None:
            window.sign_in(username)
            self._signed_in[key] = context.storage_state()
        return window

    def look_back(self) -> None:
        """See that no window complained, and none asked for anything outside its prefix."""
        complaints = [complaint for window in self.opened for complaint in window.complaints]
        # A part that was being fetched as one went on to another page, and a machine too busy to draw a page at once.
        known = ("Failed to fetch", "was preloaded using link preload but not used")
        assert [complaint for complaint in complaints if not any(text in complaint for text in known)] == []
        assert [path for window in self.opened for path in window.site.outside] == []


@pytest.fixture(scope="session")
def signed_in() -> dict[tuple[bool, str], Any]:
    """Give the cookies of those who have signed in before, by either way: a password is hashed slowly."""
    return {}


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Way:
    """Give the way to the dashboard; `both_ways` takes a test by each."""
    found: Way = getattr(request, "param", direct)
    return found


@pytest.fixture
def windows(browser: Browser, backend: Backend, way: Way, signed_in: dict[tuple[bool, str], Any]) -> Iterator[Windows]:
    """Give a way to open windows; none of them may complain."""
    with way(backend) as site, ExitStack() as stack:
        opened = Windows(browser, site, stack, signed_in)
        yield opened
        opened.look_back()


@pytest.fixture(scope="session")
def axe() -> str:
    """Give axe-core, as locked."""
    modules = subprocess.run([REPOSITORY / "scripts/web-tools"], capture_output=True, text=True, check=True).stdout
    return Path(modules.strip(), "axe-core/axe.min.js").read_text()


def violations(page: Frame, axe: str) -> list[str]:
    """Give what axe has to say of a page. Its script is brought in past the page's policy, as a person's tool would."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    # What it has no objection to is much more, and takes long to describe and to bring over.
    options = json.dumps({"runOnly": {"type": "tag", "values": AXE_TAGS}, "resultTypes": ["violations"]})
    found = page.evaluate(f"axe.run(document, {options}).then(found => found.violations)")
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}" for one in found for node in one["nodes"]
    ]


def ready(page: Frame) -> Frame:
    """Wait until the page's scripts are at work: what is to be seen is there before they are."""
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    return page


@contextmanager
def cut_off(context: BrowserContext) -> Iterator[None]:
    """Take the network away for a while."""
    context.set_offline(True)
    try:
        yield
    finally:
        context.set_offline(False)
