"""The listener for Home Assistant: the Supervisor alone is heard there, and its headers mean nothing anywhere else."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from plant_backend.api.ingress import Ingress, person_of
from plant_backend.settings import Settings
from pydantic import ValidationError

from tests.live_backend import MANIFEST, PASSWORD, Backend, Node, Person, eventually, expect

SUPERVISOR = "127.0.0.7"
PREFIX = "/api/hassio_ingress/9Vb3xT_token-1"
SAME_SITE = {"sec-fetch-site": "same-origin"}


class Home:
    """A backend that runs as an app, and people who look at it in Home Assistant."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @property
    def code(self) -> str:
        return str(self._last("owner_code")["code"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._last('ingress_listening')['port']}"

    def _last(self, event: str) -> dict[str, object]:
        return [line for line in self.backend.log_events() if line["event"] == event][-1]

    def browser(self, person: str | None, name: str = "", *, peer: str = SUPERVISOR, **headers: str) -> httpx.Client:
        """Give the Supervisor's client, for one person's browser."""
        given = {"x-ingress-path": PREFIX, "x-forwarded-for": "192.168.1.9, 172.30.32.1", "accept-language": "en"}
        if person is not None:
            given |= {"x-remote-user-id": person, "x-remote-user-name": name}
        return httpx.Client(
            transport=httpx.HTTPTransport(local_address=peer),
            base_url=self.url,
            headers={name: value for name, value in (given | headers).items() if value},
            timeout=60,
        )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    settings = {"ingress_port": 0, "ingress_peer": SUPERVISOR, "evaluation_interval_ms": 0}
    with Backend(tmp_path_factory.mktemp("home"), **settings) as backend:
        yield Home(backend)


@pytest.fixture(scope="module")
def owner(home: Home) -> Iterator[httpx.Client]:
    """Somebody who has typed the code in."""
    with home.browser("u-anna", "Anna") as anna:
        assert anna.post("/web/own", data={"code": home.code}, headers=SAME_SITE).status_code == 303
        yield anna


def test_nobody_but_the_supervisor_is_heard(home: Home) -> None:
    for path in ("/", "/web", "/healthz", "/telemetry", "/events"):
        with home.browser("u-anna", peer="127.0.0.8") as stranger:
            answer = stranger.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_ingress"), path


@pytest.mark.parametrize(
    "prefix",
    ["", "/", "/api/hassio_ingress/", "/api/hassio_ingress/a/b", "//evil.example/api/hassio_ingress/a", "/web", "/a"],
)
def test_a_prefix_that_is_not_home_assistant_s_is_refused(home: Home, prefix: str) -> None:
    with home.browser("u-anna", **{"x-ingress-path": prefix}) as client:
        assert client.get("/web").status_code == 403


def test_a_forged_prefix_of_the_browser_changes_nothing(home: Home) -> None:
    with home.browser("u-guest", "Guest", **{"x-forwarded-prefix": "/evil"}) as client:
        assert client.get("/").headers["location"] == f"{PREFIX}/web"


def test_on_the_other_port_no_such_header_has_an_effect(home: Home, owner: httpx.Client) -> None:
    """Whatever the address: the Supervisor's own speaks to that port too, and so may any app."""
    forged = {"x-ingress-path": PREFIX, "x-remote-user-id": "u-anna", "x-remote-user-name": "Anna", **SAME_SITE}
    for peer in ("127.0.0.1", SUPERVISOR):
        way = httpx.HTTPTransport(local_address=peer)
        with httpx.Client(transport=way, base_url=home.backend.url, timeout=60) as client:
            page = client.get("/web", headers=forged)
            assert page.headers["location"] == "/web/login?next=%2Fweb"
            for method, path in (("GET", "/devices"), ("POST", "/devices"), ("GET", "/events"), ("GET", "/tokens")):
                assert client.request(method, path, headers=forged).status_code == 401, path
            assert client.post("/web/own", data={"code": home.code}, headers=forged).status_code == 303


def test_even_a_trusted_proxy_does_not_bring_home_assistant_s_people(tmp_path: Path) -> None:
    with Backend(tmp_path, trusted_proxies="127.0.0.0/8") as backend:
        backend.add_person("ada")
        headers = {"x-ingress-path": PREFIX, "x-remote-user-id": "u-anna"}
        assert backend.request("GET", "/devices", headers=headers).status_code == 401
        assert backend.request("GET", "/web", headers=headers).headers["location"].startswith("/web/login")


def test_without_the_setting_there_is_no_such_listener(tmp_path: Path) -> None:
    with Backend(tmp_path) as backend:
        assert [line for line in backend.log_events() if line["event"] in ("ingress_listening", "owner_code")] == []
        assert backend.command_line("user", "list").stdout == ""


def test_who_is_new_looks_on_and_changes_nothing(home: Home, owner: httpx.Client) -> None:
    with home.browser("u-ben", "Ben Bloom") as ben:
        page = ben.get("/web")
        assert page.status_code == 200
        assert "ben-bloom" in page.text
        assert "Become the owner" in page.text
        assert "Sign out" not in page.text
        assert ben.get("/devices").status_code == 200
        assert ben.post("/devices", json={"name": "Mine"}, headers=SAME_SITE).status_code == 403
        assert ben.post("/web/devices/add", data={"name": "Mine"}, headers=SAME_SITE).status_code in (403, 404, 405)


def test_a_name_like_an_account_s_is_not_that_account(home: Home, owner: httpx.Client) -> None:
    with home.browser("u-impostor", "home") as impostor:
        page = impostor.get("/web").text
        assert "home-2" in page
        assert impostor.post("/devices", json={"name": "Mine"}, headers=SAME_SITE).status_code == 403


def test_the_code_makes_an_owner_once(home: Home, owner: httpx.Client) -> None:
    assert owner.post("/devices", json={"name": "Basil"}, headers=SAME_SITE).status_code == 201
    assert "Become the owner" not in owner.get("/web").text
    with home.browser("u-carl", "Carl") as carl:
        for code in (home.code, "pst_wrong", ""):
            answer = carl.post("/web/own", data={"code": code}, headers=SAME_SITE)
            assert answer.status_code == 401
            assert "used up" in answer.text
        assert carl.post("/devices", json={"name": "Mine"}, headers=SAME_SITE).status_code == 403


def test_another_site_does_nothing_through_home_assistant(home: Home, owner: httpx.Client) -> None:
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "http://evil.example"}, {}):
        assert owner.post("/devices", json={"name": "Theirs"}, headers=headers).status_code == 403
    ours = {"x-forwarded-host": "house.local:8123", "origin": "http://house.local:8123"}
    assert owner.post("/devices", json={"name": "Ours"}, headers=ours).status_code == 201


def test_the_frame_may_be_shown_by_home_assistant_and_by_nobody_else(owner: httpx.Client) -> None:
    answer = owner.get("/web")
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers


@pytest.mark.parametrize(
    ("came_by", "address"),
    [("house.local:8123", "http://house.local:8000"), ("abc.ui.nabu.casa", "http://homeassistant.local:8000")],
)
def test_a_new_node_is_told_an_address_in_the_house(owner: httpx.Client, came_by: str, address: str) -> None:
    headers = {"x-forwarded-host": came_by, **SAME_SITE}
    made = owner.post("/web/add", data={"kind": "raspberry_pi", "name": "Ivy"}, headers=headers)
    page = owner.get(made.headers["location"].removeprefix(PREFIX), headers=headers)
    assert address in page.text


def test_who_did_what_says_from_where(owner: httpx.Client) -> None:
    entries = expect(200, owner.get("/audit"))["entries"]
    (entry,) = [entry for entry in entries if entry["action"] == "became_owner"]
    assert (entry["actor"], entry["subject"], entry["address"]) == ("home", "Anna", "192.168.1.9")


def test_events_come_through(home: Home, owner: httpx.Client) -> None:
    made = expect(201, owner.post("/devices", json={"name": "Fern"}, headers=SAME_SITE))
    node = Node(home.backend, made["id"], made["secret"], Person(home.backend, "home", ""))
    with owner.stream("GET", "/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: info"
        node.sign_in(MANIFEST)
        node.send(soil=44.5)
        assert any("44.5" in line for line in lines)


def test_who_was_sent_away_does_not_come_in_as_somebody_new(home: Home, owner: httpx.Client) -> None:
    with home.browser("u-dora", "Dora") as dora:
        assert dora.get("/web").status_code == 200
        (viewer,) = [one for one in expect(200, owner.get("/viewers")) if one["username"] == "dora"]
        with dora.stream("GET", "/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: info"
            assert owner.delete(f"/viewers/{viewer['id']}", headers=SAME_SITE).status_code == 204
            # The stream ends with the account, by its next heartbeat or message.
            owner.post("/devices", json={"name": "One more"}, headers=SAME_SITE)
            list(lines)
        answer = dora.get("/web")
        assert answer.status_code == 403
        assert "Your account here was ended" in answer.text
        assert dora.get("/devices").json()["code"] == "account_ended"


def test_no_password_opens_an_account_that_has_none(home: Home, owner: httpx.Client) -> None:
    for password in ("", "home", PASSWORD):
        body = {"username": "home", "password": password, "name": "x"}
        assert home.backend.request("POST", "/auth/token", json=body).status_code in (401, 422)


def test_an_older_home_assistant_says_no_name_and_one_signs_in(home: Home) -> None:
    with home.browser(None) as nobody:
        assert nobody.get("/web").headers["location"].startswith(f"{PREFIX}/web/login")
        assert nobody.get("/devices").status_code == 401


def test_after_a_restart_everybody_is_who_they_were_and_there_is_a_new_code(tmp_path: Path) -> None:
    with Backend(tmp_path, ingress_port=0, ingress_peer=SUPERVISOR) as backend:
        home = Home(backend)
        first = home.code
        backend.restart()
        with home.browser("u-anna", "Anna") as anna:
            assert anna.post("/web/own", data={"code": first}, headers=SAME_SITE).status_code == 401
            assert anna.post("/web/own", data={"code": home.code}, headers=SAME_SITE).status_code == 303
            backend.restart()
        with home.browser("u-anna", "Anna") as anna, home.browser("u-ben", "Ben") as ben:
            assert anna.post("/devices", json={"name": "Basil"}, headers=SAME_SITE).status_code == 201
            # A second owner: the code of a later start.
            assert ben.post("/web/own", data={"code": home.code}, headers=SAME_SITE).status_code == 303
            assert [one["name"] for one in expect(200, ben.get("/devices"))] == ["Basil"]
        assert "ben" not in backend.command_line("user", "list").stdout


def test_the_token_for_home_assistant_is_made_once_and_does_no_more_than_it_needs(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "token"
    made = home.backend.command_line("home-assistant-token", str(file))
    assert made.stdout.strip() == expect(200, home.backend.request("GET", "/info"))["instance_id"], made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    token = file.read_text().strip()
    home.backend.command_line("home-assistant-token", str(file))
    assert file.read_text().strip() == token
    house = Person(home.backend, "home", token)
    device = house.get("/devices")[0]["id"]
    may = [("GET", f"/devices/{device}/automation"), ("GET", "/alerts"), ("GET", f"/devices/{device}/decisions")]
    for method, path in may:
        assert house.request(method, path).status_code == 200, path
    may_not = [
        *(("GET", path) for path in ("/tokens", "/sessions", "/viewers", "/audit", "/notifications/targets")),
        ("POST", "/tokens"),
        ("POST", "/viewers"),
        ("POST", "/devices"),
        ("DELETE", f"/devices/{device}"),
        ("GET", f"/devices/{device}/secret"),
        ("POST", f"/devices/{device}/secret"),
    ]
    bodies = {"/tokens": {"name": "x"}, "/viewers": {"username": "x", "password": PASSWORD}, "/devices": {"name": "x"}}
    for method, path in may_not:
        answer = house.request(method, path, json=bodies.get(path) if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path)


def test_a_token_that_was_revoked_is_replaced(home: Home, owner: httpx.Client, tmp_path: Path) -> None:
    file = tmp_path / "token"
    home.backend.command_line("home-assistant-token", str(file))
    token = file.read_text().strip()
    (known,) = [one for one in expect(200, owner.get("/tokens")) if token.startswith(one["prefix"])]
    assert (known["name"], known["scope"]) == ("Home Assistant (app)", "plants")
    assert "looks after plants alone" in owner.get("/web/settings").text
    assert owner.delete(f"/tokens/{known['id']}", headers=SAME_SITE).status_code == 204
    eventually(lambda: home.backend.request("GET", "/devices", token=token).status_code == 401)
    home.backend.command_line("home-assistant-token", str(file))
    assert file.read_text().strip() != token
    assert Person(home.backend, "home", file.read_text().strip()).get("/devices") is not None


def test_settings_for_the_listener_are_checked() -> None:
    assert Settings(ingress_port="", _env_file=None).ingress_port is None
    with pytest.raises(ValidationError):
        Settings(ingress_peer="supervisor", _env_file=None)


def test_a_request_without_an_address_is_nobody_s() -> None:
    ingress = Ingress(8099, SUPERVISOR)
    assert not ingress.is_way_of({"server": None})
    assert not ingress.take_in({"client": None, "headers": []})
    assert person_of({}) is None
