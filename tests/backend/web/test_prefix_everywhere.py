"""No page leads out of the prefix that its visitor came by."""

import re

import httpx
from plant_backend.web.page import For
from plant_backend.web.pages import PAGES

from tests.backend.web.visitor import SAME_SITE
from tests.live_backend import PASSWORD, Backend, Node, Person, eventually

PREFIX = "/plants/abc_DEF-1"


def strays(text: str) -> list[str]:
    """Give the addresses of this site that lack the prefix."""
    found = re.findall(r'[\w-]+="(/[^"]*)"', text)
    return [address for address in found if address != PREFIX and not address.startswith(f"{PREFIX}/")]


def test_every_address_of_every_page_and_part_has_the_prefix(backend: Backend, ada: Person, node: Node) -> None:
    ada.request("PUT", f"{node.path}/automation", json={"mode": "shadow"})
    node.send(soil=50, tank=2)
    eventually(lambda: ada.get("/alerts", device_id=node.device_id))
    seen = 0
    with httpx.Client(
        transport=httpx.HTTPTransport(local_address="127.0.0.9"),
        base_url=backend.url,
        headers={"x-forwarded-prefix": PREFIX, "accept": "text/html", **SAME_SITE},
        timeout=60,
    ) as browser:
        # Its cookie is for the prefix, which this client does not go through.
        answer = browser.post("/web/login", data={"username": "ada", "password": PASSWORD})
        session = re.findall(r"plant_session=([^;]+)", answer.headers["set-cookie"])[0]
        assert f"path={PREFIX}" in answer.headers["set-cookie"].lower().replace(PREFIX.lower(), PREFIX)
        for way in (way for page in PAGES for way in page.ways if way.method == "GET"):
            path = way.path.replace("{device_id}", node.device_id).replace("{key}", "soil").replace("{alert_id}", "1")
            # What is there for Home Assistant alone has its own test, by its own way.
            if "{" in path or way.whom is For.ANYBODY or path == "/web/own":
                continue
            answer = browser.get(path, headers={"cookie": f"plant_session={session}"})
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
            if answer.headers["content-type"].startswith("text/html"):
                assert strays(answer.text) == [], path
                seen += len(re.findall(re.escape(PREFIX), answer.text))
    assert seen > 300
