"""What is left to do is said until it is done, or hidden."""

import re

from tests.backend.web.visitor import Visitor
from tests.live_backend import MANIFEST, PASSWORD, Backend, expect

STEPS = ["Make your account", "Add a device", "See its first reading", "Say from which moisture", "Choose how you hear"]


def done(page: str) -> list[bool]:
    """Tell which steps a page shows as done."""
    items = re.findall(r"<li( class=\"done\")?>(.*?)</li>", page[page.index('class="checklist"') :], re.DOTALL)
    shown = [(bool(mark), re.sub("<[^>]+>", "", text).strip()) for mark, text in items[: len(STEPS)]]
    assert all(text.startswith(step) for (_, text), step in zip(shown, STEPS, strict=True)), shown
    return [mark for mark, _ in shown]


def test_each_step_is_ticked_off_when_it_is_done(backend: Backend) -> None:
    flora = backend.add_person("flora")
    expect(201, flora.request("POST", "/viewers", json={"username": "felix", "password": PASSWORD}))
    with Visitor(backend) as owner, Visitor(backend) as viewer:
        owner.sign_in("flora")
        for place in ("/web", "/web/devices"):
            assert done(owner.page(place)) == [True, False, False, False, False]
        node = flora.add_device("Fern", manifest=None)
        assert done(owner.page("/web")) == [True, True, False, False, False]
        node.sign_in(MANIFEST)
        node.send(soil=40)
        page = owner.page("/web/overview/cards")
        assert done(page) == [True, True, True, False, False]
        assert f'href="/web{node.path}/automation"' in page
        flora.request("PUT", f"{node.path}/automation", json={"mode": "shadow"})
        assert done(owner.page("/web")) == [True, True, True, True, False]
        assert "Still to do" not in viewer.sign_in("felix").page("/web")
        owner.post("/web/notifications", name="Phone", url="ntfys://ntfy.sh/topic", time_zone="UTC")
        assert "Still to do" not in owner.page("/web")
        flora.request("DELETE", node.path)
        assert done(owner.page("/web"))[0]
        owner.post("/web/preferences", steps="off")
        assert "checklist" not in owner.page("/web")
