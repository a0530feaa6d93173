"""Who gets in: signing in and out, pages that ask first, forms that come from elsewhere."""

import httpx
import pytest
from plant_backend.web.page import For
from plant_backend.web.pages import PAGES

from tests.backend.web.visitor import SAME_SITE, Visitor
from tests.live_backend import PASSWORD, Backend, Node, Person

WAYS = [(page_way.method, page_way.path, page_way.whom) for page in PAGES for page_way in page.ways]


def filled(path: str, node: Node) -> str:
    """Give a path with its parts filled in; what Ada does not have is missing."""
    for name in ("command_id", "alert_id", "user_id", "token_id", "session_id", "channel_id", "target_id"):
        path = path.replace(f"{{{name}}}", "1125899906842624")
    return path.replace("{device_id}", node.device_id).replace("{key}", "soil")


@pytest.mark.parametrize(("method", "path", "whom"), [way for way in WAYS if way[2] is not For.ANYBODY])
def test_no_page_opens_to_a_stranger(stranger: Visitor, node: Node, method: str, path: str, whom: For) -> None:
    answer = stranger.client.request(method, filled(path, node), headers=SAME_SITE)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/web/login")


@pytest.mark.parametrize(("method", "path", "whom"), [way for way in WAYS if way[2] is For.OWNERS])
def test_a_viewer_changes_nothing(viewer: Visitor, node: Node, method: str, path: str, whom: For) -> None:
    answer = viewer.client.request(method, filled(path, node), headers=SAME_SITE)
    assert answer.status_code == 403
    assert "You may not do that" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "whom"), [way for way in WAYS if way[2] is not For.ANYBODY and "device_id" in way[1]]
)
def test_what_is_somebody_else_s_is_missing(other: Visitor, node: Node, method: str, path: str, whom: For) -> None:
    form = {"seconds": "5", "name": "x", "actuator": "pump"} if method == "POST" else None
    answer = other.client.request(method, filled(path, node), headers=SAME_SITE, data=form)
    assert answer.status_code == 404


@pytest.mark.parametrize(("method", "path", "whom"), [way for way in WAYS if way[0] == "POST"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ],
    ids=[
        "neither header",
        "another site",
        "a sister site",
        "another site with our origin",
        "a foreign origin",
        "no origin",
    ],
)
def test_no_form_of_another_site_does_anything(
    owner: Visitor, node: Node, method: str, path: str, whom: For, headers: dict[str, str]
) -> None:
    answer = owner.client.post(filled(path, node), data={"name": "changed"}, headers=headers)
    assert answer.status_code == 403


def test_on_plain_http_the_origin_is_compared_with_the_host(owner: Visitor, node: Node) -> None:
    ours = {"origin": str(owner.client.base_url).rstrip("/")}
    assert owner.post(f"/web{node.path}/name", ours, name="Tomatoes on the balcony").status_code == 303
    assert "Tomatoes on the balcony" in owner.page(f"/web{node.path}")


def test_the_cookie_is_the_browser_s_own_and_comes_back_on_plain_http(stranger: Visitor, ada: Person) -> None:
    answer = stranger.post("/web/login", username="ada", password=PASSWORD)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert stranger.get("/web").status_code == 200


def test_behind_https_the_cookie_is_for_https(backend: Backend, ada: Person, stranger: Visitor) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.9")
    with httpx.Client(transport=transport, base_url=backend.url, timeout=60) as proxied:
        headers = {**SAME_SITE, "x-forwarded-proto": "https"}
        answer = proxied.post("/web/login", data={"username": "ada", "password": PASSWORD}, headers=headers)
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_wrong_password_says_no_more_than_a_wrong_name(stranger: Visitor, ada: Person) -> None:
    answers = [stranger.post("/web/login", username=name, password="wrong" * 4) for name in ("ada", "nobody")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert all("The name or the password is not right." in answer.text for answer in answers)


def test_after_signing_in_one_lands_where_one_was_going(stranger: Visitor, node: Node) -> None:
    wished = stranger.get(f"/web{node.path}").headers["location"]
    assert stranger.get(wished).status_code == 200
    answer = stranger.post("/web/login", username="ada", password=PASSWORD, next=f"/web{node.path}")
    assert answer.headers["location"] == f"/web{node.path}"


@pytest.mark.parametrize(
    "place", ["http://evil.example/web", "//evil.example/web", "/\\evil.example", "/healthz", "javascript:alert(1)"]
)
def test_nobody_is_led_away_after_signing_in(stranger: Visitor, ada: Person, place: str) -> None:
    answer = stranger.post("/web/login", username="ada", password=PASSWORD, next=place)
    assert answer.headers["location"] == "/web"


def test_signing_out_ends_the_session_everywhere(stranger: Visitor, ada: Person) -> None:
    stranger.sign_in("ada")
    kept = stranger.client.cookies["plant_session"]
    assert stranger.post("/web/logout").headers["location"] == "/web/login"
    stranger.client.cookies.set("plant_session", kept)
    assert stranger.get("/web").status_code == 303


def test_the_root_leads_to_the_plants(stranger: Visitor) -> None:
    assert stranger.get("/").headers["location"] == "/web"
    assert stranger.get("/web/").headers["location"] == "/web"
