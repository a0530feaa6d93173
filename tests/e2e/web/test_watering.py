"""Water by hand: asked first, once however often one presses, and stopped at a word."""

import re

from playwright.sync_api import Route
from playwright.sync_api import expect as see

from tests.e2e.web.conftest import Windows
from tests.e2e.web.garden import Garden, Obedience
from tests.e2e.web.ways import both_ways
from tests.live_backend import eventually, expect


@both_ways
def test_the_dialog_names_what_it_takes_to_decide_and_cancel_does_nothing(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Careful cactus")
    page = windows.open().go(f"/web{node.path}")
    page.get_by_role("button", name="Water now").click()
    dialog = page.get_by_role("dialog", name="Water Careful cactus?")
    see(dialog.get_by_label("How long, in seconds")).to_be_focused()
    for text in ("Estimated volume", "13 ml", "Last watering", "not yet", "Soil moisture", "41"):
        see(dialog).to_contain_text(text)
    dialog.get_by_label("How long, in seconds").fill("12")
    see(dialog).to_contain_text("20 ml")
    dialog.get_by_role("button", name="Cancel").click()
    see(page.get_by_role("button", name="Water now")).to_be_focused()
    assert garden.ada.get(f"{node.path}/commands")["commands"] == []
    garden.ada.request("DELETE", node.path)


@both_ways
def test_water_flows_once_and_stops_at_a_word(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Patient parsley")
    window = windows.open()
    page = window.go(f"/web{node.path}")
    with Obedience(node) as obedience:
        page.get_by_role("button", name="Water now").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("How long, in seconds").fill("20")
        # Both clicks come before the answer to the first.
        held: list[Route] = []
        window.tab.route("**/water", lambda request: held.append(request))  # noqa: PLW0108 - it looks at a signature
        dialog.get_by_role("button", name="Water now").dblclick()
        for request in held:
            request.continue_()
        window.tab.unroute("**/water")
        see(dialog).to_contain_text("Running")
        see(dialog.get_by_role("progressbar")).to_be_visible()
        dialog.get_by_role("button", name="Stop").click()
        see(dialog).to_contain_text(re.compile("The pump stopped after"))
        assert obedience.starts == 1
        dialog.get_by_role("button", name="Close").click()
        see(page.locator(".log").first).to_contain_text("Stopped early")
        (run,) = [one for one in garden.ada.get(f"{node.path}/commands")["commands"] if one["action"] == "on"]
        assert run["state"] == "interrupted"
        assert run["ran_ms"] < 20_000
    garden.ada.request("DELETE", node.path)


def test_the_second_of_two_clicks_closes_nothing_though_the_answer_came_between(
    windows: Windows, garden: Garden
) -> None:
    """The dialog that answers is smaller: what was clicked twice lies beside it then, where a click closes it."""
    node = garden.new_plant("Hasty horseradish")
    window = windows.open()
    page = window.go(f"/web{node.path}")
    page.get_by_role("button", name="Water now").click()
    dialog = page.get_by_role("dialog")
    seconds = dialog.get_by_label("How long, in seconds")
    see(seconds).to_be_focused()
    window.tab.mouse.move(5, 5)
    window.tab.mouse.down(click_count=2)
    window.tab.mouse.up(click_count=2)
    # Nor does it close where a text is marked and the mouse let go beside it.
    seconds.hover()
    window.tab.mouse.down()
    window.tab.mouse.move(5, 5)
    window.tab.mouse.up()
    see(dialog).to_be_visible()
    window.tab.mouse.click(5, 5)
    see(dialog).to_be_hidden()
    garden.ada.request("DELETE", node.path)


def test_a_run_is_stopped_from_wherever_it_is_seen(windows: Windows, garden: Garden) -> None:
    """Whoever started it, and though its dialog was closed: by one press on the overview and on the device's page."""
    node = garden.new_plant("Reckless radish")
    window = windows.open()
    with Obedience(node) as obedience:
        for place in ("/web", f"/web{node.path}"):
            asked = {"actuator": "pump", "action": "on", "duration_ms": 20_000, "force": True}
            run = expect(201, garden.ada.request("POST", f"{node.path}/commands", json=asked))
            # What its node has not fetched yet is taken back, and was never stopped.
            eventually(lambda run=run: run["id"] in [one["id"] for one in obedience.heard])
            page = window.go(place)
            page.get_by_role("button", name=re.compile("Stop.*Reckless radish")).click()
            dialog = page.get_by_role("dialog", name="Reckless radish")
            see(dialog).to_contain_text(re.compile("The pump stopped after"))
            dialog.get_by_role("button", name="Close").click()
            see(page.locator(f"#water-{node.device_id}")).to_contain_text("Water now")
            found = garden.ada.get(f"{node.path}/commands")["commands"]
            (state,) = [one["state"] for one in found if one["id"] == run["id"]]
            assert state == "interrupted"
        assert obedience.starts == 2
    garden.ada.request("DELETE", node.path)


@both_ways
def test_the_same_form_sent_twice_is_one_command(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Single salvia")
    page = windows.open().go(f"/web{node.path}")
    url, form = f"{page.url}/water", {"seconds": "3", "key": "one-and-the-same"}
    send = (
        "async ([url, form]) => Promise.all([1, 2, 3].map(async () => "
        "(await (await fetch(url, {method: 'POST', body: new URLSearchParams(form)})).text())"
        ".includes('Waiting for the node')))"
    )
    assert page.evaluate(send, [url, form]) == [True, True, True]
    assert len(garden.ada.get(f"{node.path}/commands")["commands"]) == 1
    garden.ada.request("DELETE", node.path)


def test_a_run_that_goes_through_says_how_long_it_took(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Quick quinoa")
    page = windows.open().go(f"/web{node.path}")
    with Obedience(node):
        page.get_by_role("button", name="Water now").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("How long, in seconds").fill("1")
        dialog.get_by_role("button", name="Water now").click()
        see(dialog).to_contain_text("The pump ran for 1\u00a0s.")
    garden.ada.request("DELETE", node.path)


@both_ways
def test_the_button_is_closed_with_the_reason(windows: Windows, garden: Garden) -> None:
    page = windows.open().page
    basil = page.locator(".plant", has_text="Kitchen basil")
    see(basil.get_by_role("button", name="Water now")).to_have_attribute("aria-disabled", "true")
    see(basil).to_contain_text("The reservoir is too low.")
    basil.get_by_role("button", name="Water now").click(force=True)
    see(page.get_by_role("dialog")).to_have_count(0)


def test_a_refusal_of_the_guards_is_shown_in_the_dialog(windows: Windows, garden: Garden) -> None:
    node = garden.new_plant("Stubborn sage")
    window = windows.open()
    page = window.go(f"/web{node.path}")
    page.get_by_role("button", name="Water now").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("How long, in seconds").fill("31")
    dialog.get_by_role("button", name="Water now").click()
    see(dialog).to_contain_text("Give 1 to 30 seconds.")
    garden.ada.request("PUT", f"{node.path}/automation", json={"daily_cap_ms": 5_000, "dose_ms": 1_000})
    dialog.get_by_label("How long, in seconds").fill("20")
    dialog.get_by_role("button", name="Water now").click()
    see(dialog).to_contain_text("The run time allowed in 24 hours is used up.")
    window.complaints = [text for text in window.complaints if "422" not in text]
    garden.ada.request("DELETE", node.path)
