"""What stands before every route: names, proxies, headers, metrics."""

import pytest
from plant_backend.api.gate import Hosts, Proxies
from plant_backend.settings import Settings
from pydantic import ValidationError

from tests.live_backend import Backend, Node, Person

HEADERS = ("x-content-type-options", "content-security-policy", "referrer-policy", "cache-control")


@pytest.mark.parametrize(
    "host",
    [
        "192.168.1.5:8000",
        "[::1]:8000",
        "[fe80::1]",
        "localhost",
        "backend:8000",
        "plants.local",
        "Plants.LAN.",
        "a.example.org",
    ],
)
def test_a_name_that_nobody_can_take_is_ours(host: str) -> None:
    assert Hosts(["a.example.org"]).allows(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "local.evil.example",
        "plants.local:x",
        "a.b",
        "..",
    ],
)
def test_a_name_that_a_stranger_can_point_here_is_refused(host: str) -> None:
    assert not Hosts(["a.example.org"]).allows(host.encode())


def test_zones_and_everything_can_be_configured() -> None:
    assert Hosts(["*.example.org"]).allows(b"plants.example.org")
    assert not Hosts(["*.example.org"]).allows(b"plantsexample.org")
    assert Hosts(["*"]).allows(b"anything.at.all")


@pytest.mark.parametrize("path", ["/devices", "/telemetry", "/nothing", "/healthz"])
def test_a_rebound_name_gets_nothing(backend: Backend, ada: Person, path: str) -> None:
    method = "POST" if path == "/telemetry" else "GET"
    answer = backend.request(method, path, token=ada.token, headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (421, "host_not_allowed")


def believed(peer: str, forwarded: str, *trusted: str) -> str:
    """Give where a request comes from."""
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    Proxies(trusted).believe(scope)
    return scope["client"][0]


def test_only_a_configured_proxy_is_believed() -> None:
    assert believed("10.0.0.1", "1.2.3.4") == "10.0.0.1"
    assert believed("10.0.0.2", "1.2.3.4", "10.0.0.1") == "10.0.0.2"
    assert believed("10.0.0.1", "1.2.3.4", "10.0.0.0/8") == "1.2.3.4"
    assert believed("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.9", "10.0.0.0/8") == "1.2.3.4"
    assert believed("10.0.0.1", "1.2.3.4, rubbish", "10.0.0.1") == "10.0.0.1"


def test_every_answer_carries_the_security_headers(backend: Backend, ada: Person) -> None:
    node: Node = ada.add_device()
    answers = [
        node.try_send([{"sensor": "soil", "value": 1, "age_ms": 0}]),
        node.try_send([{"sensor": "none", "value": 1}]),
        backend.request("POST", "/telemetry"),
        backend.request("GET", "/telemetry"),
        backend.request("GET", "/nothing"),
        backend.request("GET", "/docs"),
        backend.request("GET", "/devices", headers={"host": "evil.example"}),
        backend.request("POST", "/auth/token", content=b"x" * 300_000),
        ada.request("GET", "/devices"),
    ]
    for answer in answers:
        assert [name for name in HEADERS if name not in answer.headers] == [], answer.url
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "token", ["short", "changeme-changeme-changeme", "aaaaaaaaaaaaaaaaaaaaaaaa", "<put your token here>"]
)
def test_a_placeholder_is_no_secret(token: str) -> None:
    with pytest.raises(ValidationError, match="placeholder"):
        Settings(metrics_token=token, _env_file=None)


def test_a_proxy_has_to_be_an_address() -> None:
    with pytest.raises(ValidationError):
        Settings(trusted_proxies="proxy.example", _env_file=None)


def test_metrics_are_there_for_who_has_the_token(backend: Backend, ada: Person) -> None:
    node: Node = ada.add_device("Secret garden")
    node.send(soil=40)
    answer = backend.request("GET", "/metrics", token="5fQ2mXv8Zk1LrT0w")
    assert answer.status_code == 200
    assert 'plant_http_answers_total{route="telemetry",status="202"}' in answer.text
    for private in ("ada", "Secret", node.device_id):
        assert private not in answer.text.replace("/metrics", "")
    assert backend.request("GET", "/metrics").status_code == 401


def test_metrics_are_closed_by_default(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with Backend(tmp_path) as backend:
        assert backend.request("GET", "/metrics").json()["code"] == backend.request("GET", "/nothing").json()["code"]
        assert backend.request("GET", "/metrics").status_code == 404
