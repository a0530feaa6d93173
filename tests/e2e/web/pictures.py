"""Takes the pictures in `docs/images/`: always the same day of the same plants, in both colours, on desk and phone.

Run by `scripts/pictures`.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import expect as see

from tests.e2e.web.still_day import END, USERNAME, StillDay, still_day
from tests.live_backend import PASSWORD

REPOSITORY = Path(__file__).parents[3]
IMAGES = REPOSITORY / "docs" / "images"

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
Look = tuple[str, dict[str, int], str]
LOOKS: Sequence[Look] = (("light", DESK, "light"), ("dark", DESK, "dark"), ("light", PHONE, "phone"))
PLANT = "Balcony tomatoes"


def visit(browser: Browser, url: str, colours: str, size: dict[str, int]) -> Page:
    """Open a window, with a clock that stands still as well, and sign in."""
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type] - a plain dict does
        color_scheme=colours,  # type: ignore[arg-type]
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    # Who looks at a picture has nothing left to do.
    context.add_cookies([{"name": "plant_steps", "value": "off", "url": url}])
    context.clock.set_fixed_time(END)
    # Nor does it count how long the page has been there: after ten seconds each "ago" would be written anew.
    context.add_init_script("performance.now = () => 0")
    page = context.new_page()
    page.goto(f"{url}/web/login")
    page.get_by_label("Name").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page


def take(page: Page, folder: Path, name: str) -> None:
    """Keep what is to be seen."""
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    page.evaluate("document.fonts.ready")
    page.screenshot(path=folder / f"{name}.png", animations="disabled", caret="hide")


def take_all(browser: Browser, day: StillDay, folder: Path, looks: Sequence[Look] = LOOKS) -> None:
    """Take all pictures in some looks into a folder."""
    plant = f"{day.url}/web{day.nodes[PLANT].path}"
    for colours, size, where in looks:
        page = visit(browser, day.url, colours, size)
        take(page, folder, f"overview-{where}")
        page.goto(plant)
        see(page.get_by_role("heading", name="Watering log")).to_be_visible()
        take(page, folder, f"device-{where}")
        page.goto(f"{plant}/chart?sensor=soil")
        see(page.locator("#chart .uplot canvas")).to_be_visible()
        take(page, folder, f"chart-{where}")
        page.goto(f"{plant}/automation")
        page.get_by_role("button", name="What would have happened?").click()
        see(page.locator("#what-if")).to_contain_text("would")
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        take(page, folder, f"automation-{where}")
        page.goto(f"{day.url}/web/alerts")
        take(page, folder, f"alerts-{where}")
        page.context.close()


def main() -> None:
    """Take them for the documentation."""
    path = subprocess.run([REPOSITORY / "scripts/browser"], capture_output=True, text=True, check=True).stdout.strip()
    with (
        tempfile.TemporaryDirectory() as folder,
        still_day(Path(folder)) as day,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as browser,
    ):
        take_all(browser, day, IMAGES)


if __name__ == "__main__":
    main()
