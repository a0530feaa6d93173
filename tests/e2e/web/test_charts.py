"""Charts: what happened and why, by mouse, by keyboard, as a table and as a file."""

import re
import time
from datetime import UTC, datetime

from playwright.sync_api import Frame, Route
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Window, Windows, ready
from tests.e2e.web.garden import Garden
from tests.e2e.web.ways import both_ways


def drawn(page: Frame) -> Frame:
    """Wait until the chart is drawn."""
    see(page.locator("#chart .uplot canvas")).to_be_visible()
    see(page.locator("#chart")).not_to_have_attribute("aria-busy", "true")
    return page


def open_chart(window: Window, garden: Garden, query: str = "sensor=soil") -> Frame:
    """Open the chart of the tomatoes."""
    return drawn(window.go(f"/web{garden.tomatoes.path}/chart?{query}"))


@both_ways
def test_a_range_is_in_the_address_and_back_brings_the_last(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = open_chart(window, garden)
    page.get_by_role("link", name="6 hours").click()
    page.wait_for_url(re.compile("range=6h"))
    see(page.get_by_role("link", name="6 hours")).to_have_attribute("aria-current", "true")
    drawn(page)
    window.go_back()
    see(page.get_by_role("link", name="24 hours")).to_have_attribute("aria-current", "true")


def test_the_wanted_band_is_in_view_and_explained_where_there_is_one(windows: Windows, garden: Garden) -> None:
    """However far the values are from it: the tomatoes are well above theirs."""
    window = windows.open()
    page = open_chart(window, garden)
    see(page.locator('[data-legend="limits"]')).to_be_visible()
    drawn(window.go(f"/web{garden.tomatoes.path}/chart?sensor=light"))
    see(page.locator('[data-legend="limits"]')).to_be_hidden()


def test_a_refill_is_marked_and_explained(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Filled fuchsia")
    window = windows.open()
    page = drawn(window.go(f"/web{node.path}/chart?sensor=soil"))
    see(page.locator('[data-legend="refills"]')).to_be_hidden()
    node.send(soil=41, tank=95)
    window.reload()
    drawn(page)
    see(page.locator('[data-legend="refills"]')).to_be_visible()
    page.locator("#chart").focus()
    window.tab.keyboard.press("End")
    see(page.locator("[data-readout]")).to_contain_text("Reservoir filled")
    garden.ada.request("DELETE", node.path)


def test_a_table_keeps_its_numbers_whole_on_a_phone(windows: Windows, garden: Garden) -> None:
    page = windows.open(viewport={"width": 360, "height": 740}).go(
        f"/web{garden.tomatoes.path}/chart?sensor=soil&view=table"
    )
    for row in (page.locator("thead tr"), page.locator("tbody tr").first):
        assert (row.bounding_box() or {})["height"] < 60
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_another_range_is_asked_for_by_its_times(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = open_chart(window, garden)
    page.get_by_text("Another range").click()
    begin, end = page.get_by_label("From", exact=True), page.get_by_label("To", exact=True)
    day = begin.input_value()[:10]
    begin.fill(f"{day}T00:00")
    end.fill(f"{day}T23:59")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("since=.*until=.*23%3A59"))
    drawn(page)


@both_ways
def test_dragging_zooms_and_the_buttons_do_the_same(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = open_chart(window, garden)
    before = int(page.locator("#chart").get_attribute("data-points") or 0)
    box = page.locator("#chart .u-over").bounding_box()
    assert box is not None
    window.tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 50)
    window.tab.mouse.down()
    window.tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=5)
    window.tab.mouse.up()
    page.wait_for_url(re.compile("since=.*until="))
    see(page.locator("#chart")).to_have_attribute("data-points", re.compile(rf"^(?!{before}$)\d+$"))
    zoomed = page.url
    drawn(page)
    window.reload()
    drawn(page)
    assert page.url == zoomed
    for name in ("Zoom in", "Zoom out", "Earlier", "Later"):
        was = page.url
        page.get_by_role("button", name=name).click()
        page.wait_for_url(lambda url, was=was: url != was)
        drawn(page)
    page.get_by_role("button", name="Reset the zoom").click()
    page.wait_for_url(re.compile("range=24h"))


@both_ways
def test_the_arrow_keys_read_the_values_out(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = open_chart(window, garden)
    readout = page.locator("[data-readout]")
    page.locator("#chart").focus()
    window.tab.keyboard.press("End")
    last = readout.inner_text()
    assert re.search(r"\d+:\d\d.*\d %", last), last
    window.tab.keyboard.press("ArrowLeft")
    see(readout).not_to_have_text(last)
    window.tab.keyboard.press("Home")
    first = readout.inner_text()
    window.tab.keyboard.press("+")
    page.wait_for_url(re.compile("since="))
    assert first != last


@both_ways
def test_the_table_and_the_file_hold_the_same_span(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = open_chart(window, garden, "sensor=soil&range=6h")
    with window.tab.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    lines = waiting.value.path().read_text().splitlines()
    assert "soil" in lines[0]
    assert "%" in lines[0]
    assert len(lines) > 60
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", lines[1])
    page.get_by_role("link", name="As a table").click()
    page.wait_for_url(re.compile("range=6h.*view=table|view=table.*range=6h"))
    see(page.locator("tbody tr")).not_to_have_count(0)
    page.get_by_role("link", name="As a chart").click()
    drawn(page)


def test_a_new_value_is_drawn_without_a_reload(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = open_chart(window, garden, "sensor=light&range=6h")
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    # Not by their number: as one comes in, another may be older than the range.
    garden.tomatoes.send(soil=37, tank=70, air=21, humidity=52, light=15_555)
    see(page.locator("[data-readout]")).to_contain_text("15,555 lx")


def test_a_new_value_is_drawn_where_no_stream_comes_through(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Remote rosemary")
    window = windows.open()
    window.tab.clock.install()
    window.tab.route("**/events", lambda route: route.abort())
    page = drawn(window.go(f"/web{node.path}/chart?sensor=light"))
    see(page.locator("#stream")).to_have_attribute("data-state", re.compile("reconnecting|offline"))
    see(page.locator("#chart")).to_have_attribute("data-points", "1")
    node.send(soil=41, tank=60, air=21, humidity=50, light=900)
    # Without a stream the page looks every thirty seconds; the chart takes up to five more.
    window.tab.clock.fast_forward(31_000)
    window.tab.clock.fast_forward(6_000)
    see(page.locator("#chart")).to_have_attribute("data-points", "2")
    # What cannot be fetched takes nothing away.
    window.tab.route("**/chart/data*", lambda route: route.abort())
    with window.tab.expect_event("requestfailed", lambda request: "/chart/data" in request.url):
        window.tab.clock.fast_forward(31_000)
        window.tab.clock.fast_forward(6_000)
    see(page.locator("#chart")).not_to_have_attribute("aria-busy", "true")
    see(page.locator("#chart .uplot canvas")).to_be_visible()
    garden.ada.request("DELETE", node.path)
    window.complaints = [text for text in window.complaints if "net::ERR_FAILED" not in text]


def test_a_value_that_somebody_reads_stays_though_news_came_just_before(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    window.tab.clock.install()
    page = open_chart(window, garden, "sensor=light&range=6h")
    ready(page)
    # From here on its time stands still: what comes of the news waits.
    soon = datetime.fromtimestamp(page.evaluate("Date.now()") / 1000 + 10, UTC)
    window.tab.clock.pause_at(soon)
    page.evaluate("document.addEventListener('plant:news', () => { document.body.dataset.heard = 'news'; })")
    garden.tomatoes.send(soil=37, tank=70, air=21, humidity=52, light=803)
    # A function that is waited for is text that the page evaluates, which its security policy forbids.
    see(page.locator("body")).to_have_attribute("data-heard", "news")
    page.locator("#chart").focus()
    window.tab.keyboard.press("End")
    readout = page.locator("[data-readout]")
    value = readout.inner_text()
    fetched: list[str] = []
    window.tab.on("request", lambda request: fetched.append(request.url))
    # What is news is fetched after five seconds; this page's are over at once.
    window.tab.clock.fast_forward(6_000)
    page.evaluate("fetch('?over')")
    assert [url for url in fetched if "/chart/data" in url] == []
    see(readout).to_have_text(value)


def test_a_chart_that_a_mouse_has_left_goes_on(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = open_chart(window, garden, "sensor=light&range=6h")
    ready(page)
    said = page.locator("[data-readout]").inner_text()
    page.locator("#chart").hover()
    see(page.locator("[data-readout]")).not_to_have_text(said)
    window.tab.mouse.move(2, 2)
    with window.tab.expect_request(lambda request: "/chart/data" in request.url, timeout=60_000):
        garden.tomatoes.send(soil=37, tank=70, air=21, humidity=52, light=804)


def test_nothing_is_drawn_before_its_font_is_there(windows: Windows, garden: Garden) -> None:
    """What a canvas has in another font stays so."""
    window = windows.open()

    def dawdle(route: Route) -> None:
        time.sleep(1)
        route.continue_()

    window.tab.route("**/figtree*", dawdle)
    window.tab.add_init_script(
        "const fill = CanvasRenderingContext2D.prototype.fillText; window.hasFont = [];"
        "CanvasRenderingContext2D.prototype.fillText = function (...given) {"
        " window.hasFont.push(document.fonts.check('12px Figtree')); return fill.apply(this, given); };"
    )
    page = open_chart(window, garden)
    drawn_with_it = page.evaluate("window.hasFont")
    assert drawn_with_it
    assert all(drawn_with_it)


def test_a_chart_that_cannot_be_loaded_says_so_and_tries_again(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    window.tab.route(
        "**/chart/data*", lambda route: route.fulfill(status=500, body="", headers={"x-request-id": "abc"})
    )
    page = window.go(f"/web{garden.tomatoes.path}/chart")
    see(page.get_by_role("alert")).to_contain_text("The chart could not be loaded. abc")
    window.tab.unroute("**/chart/data*")
    page.get_by_role("button", name="Try again").click()
    drawn(page)
    window.complaints = [text for text in window.complaints if "500" not in text]


def test_another_plant_is_shown_beside_and_stays_there_as_one_zooms(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = open_chart(window, garden)
    page.get_by_text("Compare", exact=True).click()
    page.get_by_label("Compare with").select_option(label="Fern by the stairs: Soil moisture")
    page.locator("[data-compare]").get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("with="))
    drawn(page)
    see(page.locator(".legend")).to_contain_text("Fern by the stairs: Soil moisture, %")
    # Two moistures share a scale; brightness has one of its own.
    see(page.locator("#chart .u-axis")).to_have_count(2)
    page.locator("#chart").focus()
    window.tab.keyboard.press("End")
    see(page.locator("[data-readout]")).to_contain_text(re.compile(r": \d[\d.]* % · \d[\d.]* %"))
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_url(re.compile("with=.*since=|since=.*with="))
    drawn(page)
    page.get_by_role("link", name="6 hours").click()
    page.wait_for_url(re.compile("range=6h.*with="))
    drawn(page)
    page.get_by_label("Compare with").select_option(label="Brightness")
    page.locator("[data-compare]").get_by_role("button", name="Show").click()
    see(page.locator("#chart .u-axis")).to_have_count(3)
    page.get_by_label("Compare with").select_option(label="nothing")
    page.locator("[data-compare]").get_by_role("button", name="Show").click()
    see(page.locator("#chart .u-axis")).to_have_count(2)
    see(page.get_by_role("link", name="6 hours")).to_have_attribute("aria-current", "true")
