"""The rules as a form: what it says, what it refuses, and what it never overwrites."""

import re
from typing import Any

from tests.backend.web.visitor import Visitor, words
from tests.live_backend import Node, Person


def filled(page: str) -> dict[str, str]:
    """Give what the form on a page would send if nothing were touched."""
    form = page[page.index('id="rules"') : page.index("</form>", page.index('id="rules"'))]
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input\b[^>]*>", form):
        found: dict[str, Any] = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if found.get("type") != "radio" or tag.endswith(" checked>"):
            fields[found["name"]] = found["value"]
    for name, body in re.findall(r'<select name="(\w+)">(.*?)</select>', form, re.DOTALL):
        fields[name] = re.findall(r'value="([^"]*)" selected', body)[0]
    return fields


def test_saving_what_is_shown_changes_nothing(owner: Visitor, node: Node, ada: Person) -> None:
    ada.request(
        "PUT", f"{node.path}/automation", json={"cooldown_s": 90, "quiet_from": "22:30", "quiet_until": "07:00"}
    )
    before = ada.get(f"{node.path}/automation")
    path = f"/web{node.path}/automation"
    assert owner.post(path, **filled(owner.page(path))).status_code == 303
    after = ada.get(f"{node.path}/automation")
    assert after.pop("version") > before.pop("version")
    assert after == before


def test_a_sentence_is_changed_in_the_units_of_a_person(owner: Visitor, node: Node, ada: Person) -> None:
    path = f"/web{node.path}/automation"
    changed = {"mode": "shadow", "dose_ms": "7,5", "cooldown_s": "90", "quiet_from": "21:00", "quiet_until": "06:30"}
    answer = owner.post(path, **(filled(owner.page(path)) | changed))
    assert answer.status_code == 303
    assert "Saved" in words(owner.get(answer.headers["location"]).text)
    profile = ada.get(f"{node.path}/automation")
    assert {name: profile[name] for name in ("mode", "dose_ms", "cooldown_s", "quiet_from", "quiet_until")} == {
        "mode": "shadow",
        "dose_ms": 7_500,
        "cooldown_s": 5_400,
        "quiet_from": "21:00:00",
        "quiet_until": "06:30:00",
    }


def test_the_first_times_of_day_are_of_the_person_s_clock(owner: Visitor, node: Node, ada: Person) -> None:
    """Whoever chose the mode, here or in Home Assistant, has said nothing of a zone by that."""
    path = f"/web{node.path}/automation"
    ada.request("PUT", f"{node.path}/automation", json={"mode": "shadow"})
    owner.client.cookies.set("plant_zone", "Europe/Berlin")
    try:
        form = filled(owner.page(path))
        assert form["time_zone"] == "Europe/Berlin"
        assert owner.post(path, **(form | {"quiet_from": "25:00", "time_zone": "UTC"})).text.count('value="UTC"') == 1
        owner.post(path, **(form | {"quiet_from": "22:00", "quiet_until": "07:00"}))
        assert ada.get(f"{node.path}/automation")["time_zone"] == "Europe/Berlin"
        ada.request("PUT", f"{node.path}/automation", json={"lamp_on_at": "08:00", "lamp_off_at": "20:00"})
        assert filled(owner.page(path))["time_zone"] == "UTC"
    finally:
        owner.client.cookies.delete("plant_zone")


def test_a_mistake_is_named_where_it_is_and_nothing_is_lost(owner: Visitor, node: Node, ada: Person) -> None:
    path = f"/web{node.path}/automation"
    before = ada.get(f"{node.path}/automation")
    wrong = {
        "soil_moisture_min_percent": "140",
        "dose_ms": "",
        "soak_s": "7",
        "quiet_from": "25:00",
        "time_zone": "Mars/Olympus",
    }
    answer = owner.post(path, **(filled(owner.page(path)) | wrong))
    assert answer.status_code == 422
    assert "Give a number from 0 to 100." in words(answer.text)
    assert "Give a time such as 06:30." in words(answer.text)
    assert filled(answer.text)["soak_s"] == "7"
    assert ada.get(f"{node.path}/automation") == before

    alone = owner.post(path, **(filled(owner.page(path)) | {"time_zone": "Mars/Olympus"}))
    assert alone.status_code == 422
    assert "such as Europe/Berlin" in words(alone.text)


def test_what_somebody_else_changed_meanwhile_is_shown_and_not_overwritten(
    owner: Visitor, node: Node, ada: Person
) -> None:
    path = f"/web{node.path}/automation"
    mine = filled(owner.page(path)) | {"dose_ms": "4"}
    ada.request("PUT", f"{node.path}/automation", json={"dose_ms": 9_000})
    answer = owner.post(path, **mine)
    assert answer.status_code == 412
    assert "Stored meanwhile: 9 s" in words(answer.text)
    assert ada.get(f"{node.path}/automation")["dose_ms"] == 9_000
    again = owner.post(path, **filled(answer.text))
    assert again.status_code == 303
    assert ada.get(f"{node.path}/automation")["dose_ms"] == 4_000


def test_what_would_have_happened_is_told_and_nothing_saved(owner: Visitor, viewer: Visitor, node: Node) -> None:
    path = f"/web{node.path}/automation"
    for minute in range(6):
        node.send(soil=20 + minute / 10, tank=60, age_ms=(7 - minute) * 600_000)
    for visitor in (owner, viewer):
        before = filled(visitor.page(path))
        answer = visitor.post(f"{path}/what-if", **(before | {"soil_moisture_min_percent": "50"}))
        assert answer.status_code == 200, answer.text
        assert "They would have watered" in words(answer.text)
        assert filled(visitor.page(path)) == before
    refused = owner.post(f"{path}/what-if", **(filled(owner.page(path)) | {"dose_ms": "x"}))
    assert refused.status_code == 422


def test_a_viewer_sees_the_rules_without_a_way_to_save(viewer: Visitor, node: Node) -> None:
    page = viewer.page(f"/web{node.path}/automation")
    assert "Only the owner changes them" in words(page)
    assert "Save" not in words(page).replace("Saved", "")
