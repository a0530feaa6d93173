"""Takes the pictures in `docs/images/`: the demonstration after a day of its time, in both colours, on desk and phone.

Run by `scripts/pictures`.
"""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import expect as see

REPOSITORY = Path(__file__).parents[3]
IMAGES = REPOSITORY / "docs" / "images"
SPEED = 1440
LIVED_S = 62.0
"""So many real seconds are a day and a bit."""

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS = (("light", DESK, "light"), ("dark", DESK, "dark"), ("light", PHONE, "phone"))


@contextlib.contextmanager
def demonstration() -> Iterator[tuple[str, str]]:
    """Run the demonstration. Gives its address and password."""
    command = [sys.executable, "-m", "plant_backend", "demo", "--speed", str(SPEED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                found = re.search(r"dashboard\s+(http://\S+?)/web.*password\s+(\S+)", said, re.DOTALL)
                if found:
                    break
            else:
                raise RuntimeError(said)
            yield found[1], found[2]
        finally:
            process.terminate()
            process.stdout.read()


def visit(browser: Browser, url: str, password: str, colours: str, size: dict[str, int]) -> Page:
    """Open a window and sign in."""
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type] - a plain dict does
        color_scheme=colours,  # type: ignore[arg-type]
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    # Who looks at a picture has nothing left to do.
    context.add_cookies([{"name": "plant_steps", "value": "off", "url": url}])
    page = context.new_page()
    page.goto(f"{url}/web/login")
    page.get_by_label("Name").fill("demo")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    return page


def take(page: Page, name: str) -> None:
    """Keep what is to be seen."""
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = subprocess.run([REPOSITORY / "scripts/browser"], capture_output=True, text=True, check=True).stdout.strip()
    with demonstration() as (url, password), sync_playwright() as playwright:
        time.sleep(LIVED_S)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for colours, size, where in LOOKS:
            page = visit(browser, url, password, colours, size)
            take(page, f"overview-{where}")
            page.get_by_role("link", name="Balcony tomatoes").click()
            see(page.get_by_role("heading", name="Watering log")).to_be_visible()
            take(page, f"device-{where}")
            page.locator(".value", has_text="Soil moisture").click()
            see(page.locator("#chart .uplot canvas")).to_be_visible()
            take(page, f"chart-{where}")
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main()
