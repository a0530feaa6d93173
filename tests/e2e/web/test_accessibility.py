"""Every page, for everybody: axe in both colours on phones and desks, narrow screens, keys alone."""

import pytest
from plant_backend.web.page import For
from plant_backend.web.pages import PAGES
from playwright.sync_api import Frame
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows, violations
from tests.e2e.web.garden import Garden


def pages(garden: Garden) -> list[str]:
    """Give every page that a plant or nothing leads to, and some in states of their own."""
    plain = [way.path for page in PAGES for way in page.ways if way.method == "GET" and way.whom is not For.ANYBODY]
    of_plants = [path.replace("{device_id}", garden.basil.device_id).replace("{key}", "soil") for path in plain]
    return [
        *(path for path in of_plants if "{" not in path),
        "/web/devices?q=nothing+fits",
        "/web/devices?view=table",
        "/web/notifications/new?service=ntfy",
        f"/web/notifications/{garden.target_id}",
        "/web/alerts?show=seen",
        "/web/alerts?show=snoozed",
        f"/web{garden.silent.path}",
        f"/web{garden.basil.path}/chart?sensor=air&view=table",
        f"/web{garden.basil.path}/chart?sensor=soil&with={garden.fern.device_id}:light",
        "/web/nowhere",
    ]


def is_page(page: Frame, path: str) -> bool:
    """Open what may be a page; tell whether it is one, and not a part of one or a document."""
    answer = page.page.request.get(path)
    if "<main" not in answer.text():
        return False
    page.goto(path)
    if path.endswith("/chart"):
        see(page.locator("#chart .uplot")).to_be_visible()
    return True


def dialogs(garden: Garden) -> list[str]:
    """Give what the dialogs of a device are opened with."""
    return ["Rename", "New secret", "Delete"]


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_light_and_dark(windows: Windows, garden: Garden, axe: str, width: int) -> None:
    window = windows.open(None, viewport={"width": width, "height": 800})
    found = {}

    def look(name: str) -> None:
        for colours in ("light", "dark"):
            window.tab.emulate_media(color_scheme=colours)
            found[f"{name}, {colours}"] = violations(window.page, axe)

    for path in ("/web/login", "/web/setup"):
        window.go(path)
        look(path)
    window.sign_in()
    for path in pages(garden):
        if is_page(window.page, window.site.root + path):
            look(path)
    assert len(found) > 16
    page = window.go("/web")
    page.get_by_label("Account and display").click()
    look("the menu")
    page = window.go(f"/web{garden.fern.path}")
    for name in ["Water now", *dialogs(garden)]:
        page.get_by_role("button", name=name).click()
        see(page.get_by_role("dialog")).to_be_visible()
        look(f"the dialog of {name}")
        window.tab.keyboard.press("Escape")
    window.complaints = [text for text in window.complaints if "404" not in text and "409" not in text]
    assert {name: said for name, said in found.items() if said} == {}


def test_nothing_is_cut_off_at_320_pixels(windows: Windows, garden: Garden) -> None:
    window = windows.open(viewport={"width": 320, "height": 640})
    too_wide = {}
    page = window.page
    for path in pages(garden):
        if not is_page(page, window.site.root + path):
            continue
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            too_wide[path] = width
    window.complaints = [text for text in window.complaints if "404" not in text]
    assert too_wide == {}


def focused_is_in_view(page: Frame) -> bool:
    """Tell whether what has the focus is not hidden behind a bar (2.4.11)."""
    return bool(
        page.evaluate(
            """() => {
              const element = document.activeElement;
              const box = element.getBoundingClientRect();
              if (!box.width) return true;
              const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1);
              const y = Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1);
              const top = document.elementFromPoint(x, y);
              return element === top || element.contains(top) || top?.closest("label")?.contains(element) || false;
            }"""
        )
    )


@pytest.mark.parametrize("width", [360, 1280])
def test_the_keyboard_reaches_all_and_nothing_hides_it(windows: Windows, garden: Garden, width: int) -> None:
    window = windows.open(viewport={"width": width, "height": 640})
    page, keyboard = window.go("/web"), window.tab.keyboard
    keyboard.press("Tab")
    see(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    reached, hidden = set(), []
    for _ in range(30):
        keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        name = page.evaluate("(document.activeElement.textContent || document.activeElement.ariaLabel || '').trim()")
        reached.add(name)
        if not focused_is_in_view(page):
            hidden.append(name)
    assert hidden == []
    assert {"Plants", "Devices", "Kitchen basil", "Fern by the stairs", "Water now"} <= reached


def test_a_pump_can_be_run_and_left_alone_by_keys_alone(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page, keyboard = window.go(f"/web{garden.fern.path}"), window.tab.keyboard
    page.get_by_role("button", name="Water now").focus()
    keyboard.press("Enter")
    see(page.get_by_role("dialog").get_by_label("How long, in seconds")).to_be_focused()
    for _ in range(6):
        keyboard.press("Tab")
        inside = page.evaluate("!!document.activeElement.closest('dialog') || document.activeElement === document.body")
        assert inside, "the focus left the dialog"
    keyboard.press("Escape")
    see(page.get_by_role("button", name="Water now")).to_be_focused()
