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
