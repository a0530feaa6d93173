"""From the set-up link to plants that are seen live."""

import re
import time
from pathlib import Path

from playwright.sync_api import expect as see

from tests.e2e.web.conftest import LAN_NAME, Window, Windows, ready
from tests.e2e.web.garden import Garden
from tests.e2e.web.ways import Way, both_ways, direct
from tests.live_backend import MANIFEST, PASSWORD, Backend, eventually, expect


@both_ways
def test_from_the_set_up_link_to_the_first_plants(windows: Windows, garden: Garden, way: Way, tmp_path: Path) -> None:
    with Backend(tmp_path / "new", trusted_proxies="127.0.0.0/8") as fresh, way(fresh) as site:
        (link,) = [event["link"] for event in fresh.log_events() if event["event"] == "no_account_yet"]
        link = link.replace(fresh.url, site.root)
        window = windows.open(None, site=site)
        page = window.visit(link)
        see(page.get_by_label("Set-up code")).to_be_hidden()
        assert "#" not in page.url
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password", exact=True).fill("short")
        page.get_by_label("Password, once more").fill("short")
        page.get_by_role("button", name="Make the account").click()
        see(page.get_by_text(re.compile("must have .* characters"))).to_be_visible()
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password, once more").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        see(page.get_by_role("heading", name="Nothing planted yet")).to_be_visible()
        see(page.get_by_text("Add a device and give it its secret")).to_be_visible()
        # A refused form is an answer of 422, which a browser writes into its console.
        window.complaints = [text for text in window.complaints if "422" not in text]
        # The link is used up, and the page says so.
        window.visit(link)
        see(page.get_by_role("heading", name="Already set up")).to_be_visible()
        window.complaints = [text for text in window.complaints if "409" not in text]
        person = fresh.sign_in("ada")
        window.go("/web")
        see(page.locator("#stream")).to_have_attribute("data-state", "live")
        person.add_device("First of all").send(soil=33, tank=50, air=20)
        see(page.get_by_role("heading", name="First of all")).to_be_visible()


def test_forms_work_on_plain_http_in_a_home_network(windows: Windows, garden: Garden, backend: Backend) -> None:
    """There a browser keeps Sec-Fetch-Site to itself: only the Origin tells whose form it is."""
    window = windows.open(None)
    page = window.page
    url = backend.url.replace("127.0.0.1", LAN_NAME)
    page.goto(f"{url}/web/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    with window.tab.expect_request("**/web/login") as sent:
        page.get_by_role("button", name="Sign in").click()
    headers = sent.value.all_headers()
    assert "sec-fetch-site" not in headers
    assert headers["origin"] == url
    see(page.locator("#stream")).to_have_text("Live")
    page.get_by_role("link", name="Fern by the stairs").click()
    see(page.get_by_role("heading", name="The device")).to_be_visible()
    ready(page).get_by_role("button", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Fern by the window")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    see(page.get_by_role("heading", name="Fern by the window")).to_be_visible()
    garden.ada.request("PATCH", garden.fern.path, json={"name": "Fern by the stairs"})


def test_what_needs_somebody_comes_first(windows: Windows, garden: Garden) -> None:
    page = windows.open().page
    names = page.locator(".plant h2").all_inner_texts()
    assert names[0] == "Kitchen basil"
    see(page.locator(".plant").first).to_contain_text("The reservoir is low")
    see(page.locator("#summary")).to_contain_text("1 plant needs you")


@both_ways
def test_a_reading_shows_without_a_reload_and_leaves_the_focus_where_it_is(windows: Windows, garden: Garden) -> None:
    page = windows.open().page
    card = page.locator(".plant", has_text="Fern by the stairs")
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    page.evaluate("window.stayed = true")
    card.get_by_role("button", name="Water now").focus()
    for soil in (51.3, 50.7):
        garden.fern.send(soil=soil, tank=88, air=21, humidity=52, light=800)
        see(card.locator(".plant-value")).to_have_text(re.compile(f"{soil}"))
    assert page.evaluate("window.stayed")
    see(card.get_by_role("button", name="Water now")).to_be_focused()


def test_a_new_alert_is_said_aloud(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = window.page
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    node = garden.new_plant("Thirsty mint")
    node.send(soil=41, tank=3, air=21)
    see(page.locator("#announcer")).to_contain_text("New alert: The reservoir is at 3 %")
    garden.ada.request("DELETE", node.path)
    see(page.get_by_role("heading", name="Thirsty mint")).to_have_count(0)
    see(page.locator(".toast")).to_have_count(0)
    # Its card may have been on its way to be fetched anew when it went.
    window.complaints = [text for text in window.complaints if "404" not in text]


def test_an_alert_that_somebody_sees_or_puts_off_elsewhere_is_not_said_to_be_new(
    windows: Windows, garden: Garden
) -> None:
    node = garden.new_plant("Patient parsley")
    node.send(soil=41, tank=3, air=21)
    (alert,) = eventually(lambda: garden.ada.get("/alerts", device_id=node.device_id, state="open"))
    window = windows.open()
    page = ready(window.page)
    page.evaluate(
        "document.addEventListener('plant:news', ({ detail }) => {"
        f" const alert = detail.news.alert; if (alert?.id !== {alert['id']}) return;"
        " document.body.dataset.heard ="
        " alert.acknowledged_at ? 'seen' : alert.snoozed_until ? 'put off' : 'called back'; })"
    )
    fetched: list[str] = []
    window.tab.on("request", lambda request: fetched.append(request.url))
    for method, act, body, heard in (
        ("PATCH", "snooze", {"minutes": 60}, "put off"),
        ("DELETE", "snooze", None, "called back"),
        ("PATCH", "acknowledge", None, "seen"),
    ):
        expect(200, garden.ada.request(method, f"/alerts/{alert['id']}/{act}", json=body))
        see(page.locator("body")).to_have_attribute("data-heard", heard)
    page.evaluate("fetch('?over')")
    assert [url for url in fetched if "/alerts/told" in url] == []
    see(page.locator("#announcer")).to_have_text("")
    garden.ada.request("DELETE", node.path)
    see(page.get_by_role("heading", name="Patient parsley")).to_have_count(0)
    window.complaints = [text for text in window.complaints if "404" not in text]


def test_a_snooze_that_runs_out_is_said_aloud(windows: Windows, tmp_path: Path) -> None:
    fast = {"clock_speed": 900, "clock_origin_ms": int(time.time() * 1000), "sweep_interval_s": 0.5}
    with Backend(tmp_path / "fast", **fast, evaluation_interval_ms=0) as backend, direct(backend) as site:
        ada = backend.add_person("ada")
        reservoir = {**MANIFEST, "sensors": [one for one in MANIFEST["sensors"] if one["key"] == "tank"]}
        node = ada.add_device("Patient parsley", reservoir)
        window = windows.open(None, site=site)
        page = ready(window.sign_in("ada"))
        # However late it is evaluated: a minute is short on this clock.
        expect(200, ada.request("PUT", f"{node.path}/automation", json={"stale_after_s": 86_400}))
        node.send(tank=3)
        see(page.locator("#announcer")).to_contain_text("New alert: The reservoir is at 3 %")
        (alert,) = ada.get("/alerts", device_id=node.device_id, state="open")
        with window.tab.expect_response(re.compile(rf"/alerts/told\?id={alert['id']}$")) as told:
            expect(200, ada.request("PATCH", f"/alerts/{alert['id']}/snooze", json={"minutes": 15}))
        assert told.value.text().startswith("The reservoir is at")


def test_who_takes_back_a_snooze_that_a_page_found_is_not_said_to_be_news(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Patient parsley")
    node.send(soil=41, tank=3, air=21)
    (alert,) = eventually(lambda: garden.ada.get("/alerts", device_id=node.device_id, state="open"))
    path = f"/alerts/{alert['id']}/snooze"
    expect(200, garden.ada.request("PATCH", path, json={"minutes": 60}))
    window = windows.open()
    # As after a long absence: the stream begins with what there is.
    window.tab.route("**/events", lambda route: route.continue_(headers=_without_position(route.request.headers)))
    window.reload()
    page = ready(window.page)
    page.evaluate(
        "document.addEventListener('plant:news', ({ detail }) => {"
        f" if (detail.news.alert?.id === {alert['id']}) document.body.dataset.heard = 'called back'; }})"
    )
    fetched: list[str] = []
    window.tab.on("request", lambda request: fetched.append(request.url))
    expect(200, garden.ada.request("DELETE", path))
    see(page.locator("body")).to_have_attribute("data-heard", "called back")
    page.evaluate("fetch('?over')")
    assert [url for url in fetched if "/alerts/told" in url] == []
    garden.ada.request("DELETE", node.path)
    see(page.get_by_role("heading", name="Patient parsley")).to_have_count(0)
    window.complaints = [text for text in window.complaints if "404" not in text]


def _without_position(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "last-event-id"}


@both_ways
def test_a_cut_stream_is_shown_and_mended(windows: Windows, garden: Garden, backend: Backend) -> None:
    window = windows.open()
    page = window.page
    stream = page.locator("#stream")
    see(stream).to_have_text("Live")
    backend.stop()
    # A backend that takes its time to end is one that is away for long.
    see(stream).to_have_text(re.compile("Reconnecting|Offline"))
    backend.start()
    # What came while nobody listened is shown as soon as the stream is back.
    garden.tomatoes.send(soil=36.6, tank=70, air=21, humidity=52, light=800)
    see(stream).to_have_text("Live", timeout=90_000)
    see(page.locator(".plant", has_text="Balcony tomatoes").locator(".plant-value")).to_have_text(re.compile("36.6"))
    window.complaints = [text for text in window.complaints if not re.search("net::ERR_| 502 ", text)]


def test_a_device_is_found_by_its_name_and_by_how_it_is(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = window.page
    page.get_by_role("link", name="Devices").click()
    page.wait_for_url("**/web/devices")
    ready(page).get_by_role("searchbox").fill("basil")
    see(page.locator(".device-row")).to_have_count(1)
    page.wait_for_url(re.compile("q=basil"))
    see(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("searchbox").fill("no such thing")
    see(page.get_by_role("heading", name="No device fits")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    see(page.get_by_role("searchbox")).to_have_value("")
    ready(page).get_by_role("radio", name="Silent").check(force=True)
    see(page.locator(".device-row")).to_have_count(1)
    see(page.locator(".device-row")).to_contain_text("Never seen")


def test_a_device_tells_what_was_decided_and_why(windows: Windows, garden: Garden) -> None:
    page = windows.open().page
    page.get_by_role("link", name="Kitchen basil").click()
    see(page.get_by_role("heading", name="Why it was watered, and why not")).to_be_visible()
    see(page.locator(".log").last).to_contain_text("The reservoir is at")
    see(page.locator(".value", has_text="Soil moisture")).to_contain_text("%")


@both_ways
def test_a_viewer_is_shown_no_controls(windows: Windows, garden: Garden) -> None:
    page = windows.open("vic").page
    see(page.get_by_role("heading", name="Balcony tomatoes")).to_be_visible()
    see(page.get_by_role("button", name="Water now")).to_have_count(0)
    page.get_by_role("link", name="Balcony tomatoes").click()
    see(page.get_by_role("heading", name="The device")).to_be_visible()
    see(page.get_by_role("button", name="Delete")).to_have_count(0)
    water = f"{page.url}/water"
    answer = page.page.request.post(water, form={"seconds": "5"}, headers={"sec-fetch-site": "same-origin"})
    assert answer.status == 403


def test_colours_and_language_are_kept(windows: Windows, garden: Garden) -> None:
    window: Window = windows.open()
    page = window.page
    page.get_by_label("Account and display").click()
    page.get_by_role("radio", name="Dark").check(force=True)
    see(page.locator("html")).to_have_attribute("data-theme", "dark")
    window.reload()
    see(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_label("Account and display").click()
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Use this").click()
    see(page.get_by_role("heading", name="Deine Pflanzen")).to_be_visible()


@both_ways
def test_a_rotated_secret_is_shown_once(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Rotating rosemary")
    window = windows.open()
    page = window.go(f"/web{node.path}")
    page.get_by_role("button", name="New secret").click()
    page.get_by_role("dialog").get_by_role("button", name="Make a new secret").click()
    field = page.get_by_role("dialog").get_by_label("Secret")
    secret = field.input_value()
    assert secret.startswith("pds_")
    assert node.try_sign_in(secret=secret).status_code == 200
    page.get_by_role("button", name="I have saved it").click()
    see(page.get_by_role("button", name="New secret")).to_be_focused()
    window.reload()
    assert secret not in page.content()
    garden.ada.request("DELETE", node.path)


@both_ways
def test_a_device_is_deleted_by_its_name_alone(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Doomed daisy")
    page = windows.open().go(f"/web{node.path}")
    page.get_by_role("button", name="Delete").click()
    last = page.get_by_role("button", name="Delete for good")
    see(last).to_be_disabled()
    page.get_by_label("Type its name to go on").fill("Doomed dais")
    see(last).to_be_disabled()
    page.get_by_label("Type its name to go on").fill("Doomed daisy")
    last.click()
    page.wait_for_url("**/web/devices")
    see(page.get_by_text("Doomed daisy")).to_have_count(0)
    assert garden.ada.request("GET", node.path).status_code == 404
