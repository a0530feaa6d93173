"""The alert centre."""

import re

from tests.backend.web.visitor import Visitor, words
from tests.live_backend import Backend, Node, Person, eventually


def an_alert(ada: Person, node: Node) -> int:
    """Have the reservoir run low, and give the alert."""
    ada.request("PUT", f"{node.path}/automation", json={"mode": "shadow"})
    node.send(soil=50, tank=2)

    def found() -> int | None:
        alerts = ada.request("GET", "/alerts", params={"state": "open", "device_id": node.device_id}).json()
        return next((alert["id"] for alert in alerts if alert["kind"] == "reservoir_low"), None)

    alert_id: int = eventually(found)
    return alert_id


def test_an_alert_is_seen_resolved_and_kept(owner: Visitor, node: Node, ada: Person) -> None:
    alert_id = an_alert(ada, node)
    assert "The reservoir is low" in words(owner.page("/web/alerts"))
    assert owner.post(f"/web/alerts/{alert_id}/acknowledge").status_code == 303
    row = re.findall(rf'id="alert-{alert_id}">.*?</li>', owner.page("/web/alerts"), re.DOTALL)[0]
    assert "seen by somebody" in row
    assert "I have seen it" not in row

    node.send(soil=50, tank=90)
    eventually(lambda: f'id="alert-{alert_id}"' not in owner.page("/web/alerts"))
    assert f'id="alert-{alert_id}"' in owner.page("/web/alerts", show="resolved")


def test_all_that_call_are_seen_at_once_and_what_came_later_is_not(owner: Visitor, node: Node, ada: Person) -> None:
    first, second, third, late = nodes = [node, *(ada.add_device(name) for name in ("Sage", "Thyme", "Latecomer"))]
    alerts = [an_alert(ada, one) for one in (first, second, third)]
    owner.post(f"/web/alerts/{alerts[1]}/snooze", **{"for": "hour"})
    page = owner.page("/web/alerts")
    assert "I have seen all 2" in words(page)
    (up_to,) = re.findall(r'name="up_to" value="(\d+)"', page)
    alerts.append(an_alert(ada, late))

    assert owner.post("/web/alerts/acknowledge", up_to=up_to).status_code == 303
    found = {alert["id"]: alert["acknowledged_at"] is not None for alert in ada.get("/alerts", state="open")}
    assert [found[alert_id] for alert_id in alerts] == [True, False, True, False]
    assert "I have seen all" not in words(owner.page("/web/alerts"))
    assert owner.post("/web/alerts/acknowledge", up_to="all").status_code == 422
    for one in nodes[1:]:
        ada.request("DELETE", one.path)


def test_an_alert_is_snoozed_and_that_is_taken_back(owner: Visitor, node: Node, ada: Person) -> None:
    alert_id = an_alert(ada, node)
    row = f'id="alert-{alert_id}"'
    card = f"/web{node.path}/card"
    assert "The reservoir is low" in words(owner.page(card))

    answer = owner.post(f"/web/alerts/{alert_id}/snooze", **{"for": "tomorrow"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/web/alerts?snoozed={alert_id}")
    page = owner.page("/web/alerts", snoozed=str(alert_id))
    assert row not in page
    assert "Tomatoes: snoozed until" in words(page)
    assert "Undo" in page
    assert "1 alert snoozed" in words(owner.page("/web/overview/summary"))
    assert "The reservoir is low" not in words(owner.page(card))
    assert "1 alert snoozed" in words(owner.page(card))
    assert "snoozed until" in words(owner.page(f"/web{node.path}"))
    assert "1 alert snoozed" in words(owner.page("/web/devices"))
    snoozed = owner.page("/web/alerts", show="snoozed")
    assert row in snoozed
    assert "snoozed until" in words(snoozed)

    assert owner.post(f"/web/alerts/{alert_id}/unsnooze").status_code == 303
    assert row in owner.page("/web/alerts", snoozed=str(alert_id))
    assert row not in owner.page("/web/alerts", show="snoozed")
    assert "The reservoir is low" in words(owner.page(card))


def test_a_snooze_of_no_known_length_is_refused(owner: Visitor, node: Node, ada: Person) -> None:
    alert_id = an_alert(ada, node)
    for choice in ("", "ever"):
        assert owner.post(f"/web/alerts/{alert_id}/snooze", **{"for": choice}).status_code == 422
    for odd in ("x", "-1", "9" * 30, "²"):
        assert f'id="alert-{alert_id}"' in owner.page("/web/alerts", snoozed=odd)


def test_a_viewer_snoozes_nothing(viewer: Visitor, node: Node, ada: Person) -> None:
    alert_id = an_alert(ada, node)
    assert "/snooze" not in viewer.page("/web/alerts")
    for path in ("snooze", "unsnooze"):
        assert viewer.post(f"/web/alerts/{alert_id}/{path}", **{"for": "hour"}).status_code == 403


def test_a_part_alone_comes_back_to_who_asks_for_it(owner: Visitor, node: Node, ada: Person) -> None:
    alert_id = an_alert(ada, node)
    answer = owner.post(f"/web/alerts/{alert_id}/resolve", {"sec-fetch-site": "same-origin", "hx-request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert f'id="alert-{alert_id}"' not in answer.text


def test_a_viewer_sees_alerts_and_no_buttons(viewer: Visitor, node: Node, ada: Person) -> None:
    an_alert(ada, node)
    page = viewer.page("/web/alerts")
    assert "The reservoir is low" in words(page)
    assert "/resolve" not in page


def test_nobody_else_s_alert_is_there(other: Visitor, node: Node, ada: Person) -> None:
    alert_id = an_alert(ada, node)
    assert "All plants are fine" in words(other.page("/web/alerts"))
    assert other.post(f"/web/alerts/{alert_id}/resolve").status_code == 404


def test_alerts_speak_german(backend: Backend, node: Node, ada: Person) -> None:
    an_alert(ada, node)
    with Visitor(backend, "de") as visitor:
        page = words(visitor.sign_in("ada").page("/web/alerts"))
    assert "Gesehen" in page
    assert "seen" not in page
