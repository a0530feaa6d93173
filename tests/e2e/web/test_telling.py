"""How somebody hears of trouble: a service is chosen, its form filled, and tried on the spot."""

import re

from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows, ready
from tests.e2e.web.garden import Garden
from tests.e2e.web.ways import both_ways
from tests.receivers import a_webhook


@both_ways
def test_a_target_is_made_and_tried_with_and_without_success(windows: Windows, garden: Garden) -> None:
    with a_webhook() as hook:
        window = windows.open()
        page = window.go("/web/notifications")
        page.get_by_text("More services").click()
        page.get_by_role("link", name="Another address").click()
        page.get_by_label("Name").fill("My phone")
        page.get_by_label("Address of the service").fill(hook.url)
        page.get_by_role("button", name="Add").click()
        row = page.locator(".target", has_text="My phone")
        see(row).to_contain_text("never tried")
        ready(page)
        row.get_by_role("button", name="Test").click()
        see(row).to_contain_text(re.compile(r"The message was taken after [\d.]+\ss"))
        assert len(hook.requests) == 1
        assert "hook-secret" not in page.content()
        hook.status = 403
        row.get_by_role("button", name="Test").click()
        see(row).to_contain_text("It was not taken: The service refused the credentials (403).")
        window.reload()
        see(row).to_contain_text("works, last at")
        row.get_by_role("button", name="Delete").click()
        asked = page.get_by_role("dialog", name="Delete My phone?")
        see(asked.get_by_role("button", name="Cancel")).to_be_focused()
        window.tab.keyboard.press("Escape")
        see(row.get_by_role("button", name="Delete")).to_be_focused()
        row.get_by_role("button", name="Delete").click()
        asked.get_by_role("button", name="Delete").click()
        see(row).to_have_count(0)


def test_a_service_s_form_is_filled_by_keys_alone(windows: Windows, garden: Garden) -> None:
    window = windows.open()
    page = window.go("/web/notifications")
    page.get_by_role("link", name="Gotify").focus()
    window.tab.keyboard.press("Enter")
    see(page.get_by_role("heading", name="Gotify")).to_be_visible()
    see(page.get_by_role("link", name="Where to find what is asked for here")).to_have_attribute(
        "href", re.compile("^https://")
    )
    page.get_by_label("Hostname").focus()
    window.tab.keyboard.type("127.0.0.1")
    window.tab.keyboard.press("Tab")
    see(page.get_by_label("Token")).to_be_focused()
    window.tab.keyboard.type("AbCdEf123456789")
    window.tab.keyboard.press("Enter")
    row = page.locator(".target", has_text="Gotify")
    see(row).to_contain_text("gotifys://127.0.0.1/…")
    ready(page)
    row.get_by_role("button", name="Delete").press("Enter")
    window.tab.keyboard.press("Tab")
    window.tab.keyboard.press("Enter")
    see(row).to_have_count(0)


def test_who_reads_german_is_told_in_german(windows: Windows, garden: Garden) -> None:
    windows.open()
    with a_webhook() as hook:
        page = windows.open(locale="de-DE").go("/web/notifications/new")
        language = page.get_by_label("Sprache der Nachrichten")
        see(language).to_have_value("de")
        page.get_by_label("Name").fill("Mein Telefon")
        page.get_by_label("Adresse des Dienstes").fill(hook.url)
        page.get_by_role("button", name="Hinzufügen").click()
        row = page.locator(".target", has_text="Mein Telefon")
        see(row).to_be_visible()
        ready(page)
        row.get_by_role("button", name="Testen").click()
        see(row).to_contain_text("Die Nachricht wurde")
        assert [request["title"] for request in hook.requests] == ["Plant Automation: ein Test"]
        row.get_by_role("button", name="Löschen").click()
        page.get_by_role("dialog").get_by_role("button", name="Löschen").click()
        see(row).to_have_count(0)
