"""What people and nodes call things is text, wherever it is shown."""

import html
import re

import pytest

from tests.backend.web.visitor import SAME_SITE, Visitor
from tests.live_backend import MANIFEST, PASSWORD, Backend, an_ack, expect


def hostile(what: str) -> str:
    """Give a name that says whose it is, and runs where it is not escaped."""
    return f"</script><img src=x onerror=alert('{what}')>\"&"


@pytest.mark.parametrize("language", ["en", "de"])
def test_whoever_says_it_it_is_text(backend: Backend, language: str) -> None:
    """Each text is looked for on the pages that show it, so that this test notices when one is shown no more."""
    mallory = backend.add_person(f"mallory-{language}")
    firmware, version = (f"<b onx={one}>" for one in ("firmware", "version"))
    node = mallory.add_device(hostile("device"), {**MANIFEST, "firmware": firmware, "version": version})
    node.send(soil=40, tank=60)
    expect(
        201,
        mallory.request(
            "POST", f"{node.path}/commands", json={"actuator": "pump", "action": "on", "duration_ms": 1000}
        ),
    )
    (command,) = node.poll(0, wait=5)
    expect(200, node.try_ack(an_ack(command, "failed", 0, hostile("reason"))))
    expect(201, mallory.request("POST", "/tokens", json={"name": hostile("token")}))
    with Visitor(backend, language) as visitor:
        visitor.client.headers["user-agent"] = hostile("agent")
        visitor.sign_in(f"mallory-{language}", PASSWORD)
        target = {"name": hostile("target"), "url": "ntfys://ntfy.sh/topic", "time_zone": "UTC"}
        assert visitor.post("/web/notifications", **target).status_code == 303
        (target_id,) = re.findall(r'id="target-(\d+)"', visitor.page("/web/notifications"))
        shown = {
            "/web": [hostile("device")],
            "/web/devices": [hostile("device"), firmware, version],
            "/web/alerts": [hostile("device"), hostile("reason")],
            f"/web{node.path}": [hostile("device"), hostile("reason"), firmware, version],
            f"/web{node.path}/chart": [hostile("device")],
            f"/web{node.path}/chart?view=table": [hostile("device")],
            f"/web{node.path}/automation": [hostile("device")],
            f"/web{node.path}/new": [hostile("device"), firmware],
            f"/web{node.path}/water": [hostile("device")],
            f"/web{node.path}/delete": [hostile("device")],
            f"/web{node.path}/water/{command['id']}": [hostile("device"), hostile("reason")],
            "/web/notifications": [hostile("target")],
            f"/web/notifications/{target_id}": [hostile("target"), hostile("device")],
            "/web/settings": [hostile("token"), hostile("agent"), hostile("device")],
        }
        for path, texts in shown.items():
            page = visitor.page(path)
            assert "<img" not in page, path
            assert "<b onx" not in page, path
            for text in texts:
                assert text in html.unescape(page), f"{path} does not show {text}"
        echoed = visitor.post("/web/add", dict(SAME_SITE), kind="other", name=hostile("typed") * 3)
        assert echoed.status_code == 422
        assert "<img" not in echoed.text
        visitor.post(f"/web/notifications/{target_id}/delete")
    mallory.request("DELETE", node.path)
