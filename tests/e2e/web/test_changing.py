"""What people change by hand: rules, names, alerts. Nobody overwrites another unseen, and a slip is taken back."""

from playwright.sync_api import Route
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows
from tests.e2e.web.garden import Garden
from tests.e2e.web.ways import both_ways
from tests.live_backend import eventually


@both_ways
def test_a_limit_is_changed_and_taken_back(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Undecided ursinia")
    window = windows.open()
    page = window.go(f"/web{node.path}/automation")
    limit = page.get_by_label("Lowest soil moisture")
    limit.fill("35")
    page.get_by_role("button", name="Save").click()
    see(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    assert garden.ada.get(f"{node.path}/automation")["soil_moisture_min_percent"] == 35
    page.get_by_role("button", name="Undo").click()
    see(limit).to_have_value("30")
    profile = garden.ada.get(f"{node.path}/automation")
    assert profile["soil_moisture_min_percent"] == 30
    assert profile["dose_ms"] == 8_000
    window.reload()
    see(page.get_by_role("button", name="Undo")).to_have_count(0)
    garden.ada.request("DELETE", node.path)


@both_ways
def test_two_who_change_the_same_rules_see_each_other_s(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Contested clover")
    window = windows.open()
    mine, theirs = window.go(f"/web{node.path}/automation"), windows.open()
    other = theirs.go(f"/web{node.path}/automation")
    mine.get_by_label("Lowest soil moisture").fill("35")
    other.get_by_label("Lowest soil moisture").fill("20")
    other.get_by_role("button", name="Save").click()
    see(other.get_by_text("Saved.")).to_be_visible()
    mine.get_by_role("button", name="Save").click()
    see(mine.get_by_role("alert")).to_contain_text("Somebody else changed these rules while you did.")
    see(mine.get_by_label("Lowest soil moisture")).to_have_value("35")
    see(mine.get_by_text("Stored meanwhile: 20 %")).to_be_visible()
    assert garden.ada.get(f"{node.path}/automation")["soil_moisture_min_percent"] == 20
    mine.get_by_role("button", name="Save").click()
    see(mine.get_by_text("Saved.")).to_be_visible()
    assert garden.ada.get(f"{node.path}/automation")["soil_moisture_min_percent"] == 35
    window.complaints = [text for text in window.complaints if "412" not in text]
    garden.ada.request("DELETE", node.path)


def test_a_name_is_changed_and_taken_back(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Plain petunia")
    page = windows.open().go(f"/web{node.path}")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Grand petunia")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    see(page.get_by_role("heading", name="Grand petunia")).to_be_visible()
    see(page.get_by_text("it was called Plain petunia")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    see(page.get_by_role("heading", name="Plain petunia")).to_be_visible()
    garden.ada.request("DELETE", node.path)


@both_ways
def test_an_alert_comes_is_seen_and_is_resolved_without_a_reload(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Alarming aster")
    page = windows.open().go("/web/alerts")
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    page.evaluate("window.stayed = true")
    row = page.locator(".alert-row", has_text="Alarming aster")
    see(row).to_have_count(0)
    node.send(soil=41, tank=3, air=21)
    see(row).to_contain_text("The reservoir is low")
    row.get_by_role("button", name="I have seen it").click()
    see(row).to_contain_text("seen by somebody")
    see(row.get_by_role("button", name="I have seen it")).to_have_count(0)
    assert page.evaluate("window.stayed")
    page.get_by_role("link", name="Seen").click()
    see(row).to_be_visible()
    node.send(soil=41, tank=80, air=21)
    see(row).to_have_count(0)
    page.get_by_role("link", name="Resolved").click()
    see(row.first).to_contain_text("resolved by the rules")
    garden.ada.request("DELETE", node.path)


def test_what_happens_before_the_stream_is_open_is_seen_as_well(windows: Windows, garden: Garden) -> None:
    """The page was made before the alert, and its stream is opened after it."""
    node = garden.new_plant("Early erica")
    window = windows.open()

    def happen_first(route: Route) -> None:
        node.send(soil=41, tank=3, air=21)
        eventually(lambda: garden.ada.get("/alerts", device_id=node.device_id, state="open"))
        route.continue_()

    window.tab.route("**/events", happen_first, times=1)
    page = window.go("/web/alerts")
    see(page.locator(".alert-row", has_text="Early erica")).to_contain_text("The reservoir is low")
    garden.ada.request("DELETE", node.path)


@both_ways
def test_an_alert_is_snoozed_taken_back_and_snoozed_for_good(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Sleepy salvia")
    page = windows.open().go("/web/alerts")
    see(page.locator("#stream")).to_have_attribute("data-state", "live")
    page.evaluate("window.stayed = true")
    row = page.locator(".alert-row", has_text="Sleepy salvia")
    node.send(soil=41, tank=3, air=21)
    row.get_by_role("button", name="Until tomorrow").click()
    note = page.get_by_role("status").filter(has_text="Sleepy salvia: snoozed until")
    see(note.get_by_role("button", name="Undo")).to_be_focused()
    see(row).to_have_count(0)
    note.get_by_role("button", name="Undo").click()
    see(row).to_be_visible()
    see(note).to_have_count(0)
    row.get_by_role("button", name="1 hour").click()
    see(note).to_be_visible()
    # What happens elsewhere has the list fetched anew: the way back stays.
    other = garden.new_plant("Wakeful wisteria")
    other.send(soil=41, tank=3, air=21)
    see(page.locator(".alert-row", has_text="Wakeful wisteria")).to_be_visible()
    see(note).to_be_visible()
    assert page.evaluate("window.stayed")
    page.get_by_role("link", name="Snoozed 1").click()
    see(row).to_contain_text("snoozed until")
    (alert,) = garden.ada.get("/alerts", device_id=node.device_id)
    assert (alert["state"], alert["snoozed_until"] is not None) == ("open", True)
    row.get_by_role("button", name="End the snooze").click()
    see(row).to_have_count(0)
    see(page.get_by_role("heading", name="Nothing is snoozed")).to_be_visible()
    for gone in (node, other):
        garden.ada.request("DELETE", gone.path)
