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
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from playwright.sync_api import expect as see

from tests.e2e.web.garden import Garden
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
def garden(backend: Backend) -> Garden:
    """Give plants that have lived for a day."""
    return Garden(backend)


@dataclass
class Window:
    """A page that writes down what goes wrong on it."""

    page: Page
    backend: Backend
    complaints: list[str] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Open a page of the dashboard."""
        self.page.goto(self.backend.url + path)
        return self.page

    def sign_in(self, username: str = "ada") -> Page:
        """Sign in through the page."""
        page = self.go("/web/login")
        page.get_by_label("Name").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/web")
        return page


class Windows:
    """Opens browser windows, and looks at the end whether any complained."""

    def __init__(self, browser: Browser, backend: Backend, stack: ExitStack, signed_in: dict[str, Any]) -> None:
        self._browser, self._backend, self._stack, self._signed_in = browser, backend, stack, signed_in
        self.opened: list[Window] = []

    def open(self, username: str | None = "ada", **options: Any) -> Window:
        """Open a window of its own, signed in, in English, in Berlin, 1280 wide, unless told otherwise."""
        given: dict[str, Any] = {
            "locale": "en-GB",
            "timezone_id": "Europe/Berlin",
            "viewport": {"width": 1280, "height": 860},
            "reduced_motion": "reduce",
            **options,
        }
        if username is not None:
            given["storage_state"] = self._signed_in.get(username)
        context: BrowserContext = self._browser.new_context(**given)
        self._stack.callback(context.close)
        window = Window(context.new_page(), self._backend)
        page = window.page
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: window.complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                message.type in ("error", "warning") and window.complaints.append(f"console: {message.text}")
            ),
        )
        self.opened.append(window)
        if username in self._signed_in:
            window.go("/web")
        elif username is not None:
            window.sign_in(username)
            self._signed_in[username] = context.storage_state()
        return window


@pytest.fixture(scope="session")
def signed_in() -> dict[str, Any]:
    """Give the cookies of those who have signed in before: a password is hashed slowly."""
    return {}


@pytest.fixture
def windows(browser: Browser, backend: Backend, signed_in: dict[str, Any]) -> Iterator[Windows]:
    """Give a way to open windows; none of them may complain."""
    with ExitStack() as stack:
        opened = Windows(browser, backend, stack, signed_in)
        yield opened
        assert [complaint for window in opened.opened for complaint in window.complaints] == []


@pytest.fixture(scope="session")
def axe() -> str:
    """Give axe-core, as locked."""
    modules = subprocess.run([REPOSITORY / "scripts/web-tools"], capture_output=True, text=True, check=True).stdout
    return Path(modules.strip(), "axe-core/axe.min.js").read_text()


def violations(page: Page, axe: str) -> list[str]:
    """Give what axe has to say of a page. Its script is brought in past the page's policy, as a person's tool would."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    options = json.dumps({"runOnly": {"type": "tag", "values": AXE_TAGS}})
    found = page.evaluate(f"axe.run(document, {options})")
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@contextmanager
def cut_off(context: BrowserContext) -> Iterator[None]:
    """Take the network away for a while."""
    context.set_offline(True)
    try:
        yield
    finally:
        context.set_offline(False)
