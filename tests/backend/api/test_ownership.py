"""What belongs to somebody else looks exactly like what is not there."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, PASSWORD, Backend, Node, Person, eventually, expect

MISSING_DEVICE = "0b8f6a62-5a0e-4c3e-9a0e-0f5b7a3a1c55"
MISSING_NUMBER = 2**53

REQUESTS: dict[str, JSON] = {
    "GET /devices/{device_id}": {},
    "PATCH /devices/{device_id}": {"json": {"name": "Mine now"}},
    "DELETE /devices/{device_id}": {},
    "POST /devices/{device_id}/secret": {},
    "GET /devices/{device_id}/secret": {},
    "GET /devices/{device_id}/files": {},
    "GET /devices/{device_id}/automation": {},
    "PUT /devices/{device_id}/automation": {"json": {"mode": "on"}},
    "POST /devices/{device_id}/automation/simulate": {"json": {}},
    "GET /devices/{device_id}/channels/{key}/calibration": {},
    "PUT /devices/{device_id}/channels/{key}/calibration": {
        "json": {"points": [{"raw": 0, "value": 0}, {"raw": 1, "value": 100}]}
    },
    "DELETE /devices/{device_id}/channels/{key}/calibration": {},
    "GET /devices/{device_id}/commands": {},
    "POST /devices/{device_id}/commands": {"json": {"actuator": "pump", "action": "on", "duration_ms": 5_000}},
    "GET /devices/{device_id}/readings": {"params": {"sensor": "soil"}},
    "GET /devices/{device_id}/readings/export": {},
    "GET /devices/{device_id}/decisions": {},
    "PATCH /alerts/{alert_id}/resolve": {},
    "PATCH /alerts/{alert_id}/acknowledge": {},
    "PATCH /alerts/{alert_id}/snooze": {"json": {"minutes": 60}},
    "DELETE /alerts/{alert_id}/snooze": {},
    "DELETE /tokens/{token_id}": {},
    "DELETE /sessions/{session_id}": {},
    "DELETE /viewers/{user_id}": {},
    "GET /notifications/targets/{target_id}": {},
    "PATCH /notifications/targets/{target_id}": {"json": {"name": "Mine now"}},
    "DELETE /notifications/targets/{target_id}": {},
    "POST /notifications/targets/{target_id}/test": {},
}
"""How each route with an id is asked. A new route needs its row here."""


@dataclass
class Belongings:
    """What Ada has, by the name of the parameter."""

    device_id: str
    alert_id: int
    token_id: int
    session_id: int
    user_id: int
    target_id: int
    key: str = "soil"


@pytest.fixture(scope="module")
def belongings(ada: Person, eve: Person) -> Iterator[Belongings]:
    """Give one of each kind of thing of Ada's, and see that it stays as it is."""
    node = ada.add_device()
    node.send(soil=40, tank=5)
    (alert,) = eventually(lambda: ada.get("/alerts", device_id=node.device_id))
    token = expect(201, ada.request("POST", "/tokens", json={"name": "Ada's"}))
    session = expect(201, ada.backend.request("POST", "/auth/session", json={"username": "ada", "password": PASSWORD}))
    viewer = expect(201, ada.request("POST", "/viewers", json={"username": "ada-s-guest", "password": PASSWORD}))
    phone = {"name": "Phone", "url": "pover://user_key@token"}
    target = expect(201, ada.request("POST", "/notifications/targets", json=phone))
    eve.add_device()
    # Of this device alone: nobody knows what other tests' plants still have to say.
    paths = (node.path, f"{node.path}/automation", f"{node.path}/commands", f"/alerts?device_id={node.device_id}")
    paths += ("/notifications/targets",)
    before = [ada.get(path) for path in paths]
    yield Belongings(node.device_id, alert["id"], token["id"], session["id"], viewer["id"], target["id"])
    assert [ada.get(path) for path in paths] == before
    assert token["id"] in [shown["id"] for shown in ada.get("/tokens")]
    assert session["id"] in [shown["id"] for shown in ada.get("/sessions")]
    assert viewer["id"] in [shown["id"] for shown in ada.get("/viewers")]
    node.sign_in()


def test_each_route_with_an_id_is_asked_here(backend: Backend) -> None:
    assert {route for route in _routes(backend) if "{" in route} == set(REQUESTS)


@pytest.mark.parametrize("route", REQUESTS)
def test_a_foreign_thing_looks_missing(belongings: Belongings, eve: Person, route: str) -> None:
    foreign = _ask(eve, route, **vars(belongings))
    numbers = dict.fromkeys(("alert_id", "token_id", "session_id", "user_id", "target_id"), MISSING_NUMBER)
    missing = _ask(eve, route, device_id=MISSING_DEVICE, key="soil", **numbers)

    refused(foreign, 404, foreign.json()["code"])
    assert foreign.content == missing.content
    assert _telling(foreign) == _telling(missing)


def test_alerts_of_a_foreign_device_look_missing(belongings: Belongings, eve: Person) -> None:
    foreign = eve.request("GET", "/alerts", params={"device_id": belongings.device_id})
    missing = eve.request("GET", "/alerts", params={"device_id": MISSING_DEVICE})

    refused(foreign, 404, "device_not_found")
    assert foreign.content == missing.content


def test_lists_hold_one_s_own_things_only(belongings: Belongings, eve: Person) -> None:
    assert belongings.device_id not in eve.request("GET", "/devices").text
    assert belongings.device_id not in eve.request("GET", "/alerts").text
    assert belongings.token_id not in [token["id"] for token in eve.get("/tokens")]


def test_nobody_gets_anything_without_a_token(backend: Backend, belongings: Belongings) -> None:
    open_to_all = {"GET /info", "GET /healthz", "GET /readyz", "POST /auth/token", "POST /auth/device"}
    open_to_all |= {"POST /auth/device/refresh", "POST /auth/session", "POST /setup", "GET /metrics"}
    for route in _routes(backend) - open_to_all:
        method, path = route.split()
        answer = backend.request(method, path.format(**vars(belongings)), json={} if method != "GET" else None)
        refused(answer, 401, "missing_token")


@pytest.mark.parametrize(
    "device_id", ["x", "%00", "%ff", "..%2f..", "' OR 1=1 --", "0B8F6A62-5A0E-4C3E-9A0E-0F5B7A3A1C55", "1", "a" * 4000]
)
def test_an_odd_device_id_is_simply_not_there(ada: Person, device_id: str) -> None:
    answer = ada.request("GET", f"/devices/{device_id}/automation")

    refused(answer, 404, answer.json()["code"])


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**53 + 1), str(2**63), "9" * 30, "9" * 5000])
@pytest.mark.parametrize("path", ["/alerts/{}/resolve", "/alerts/{}/acknowledge", "/tokens/{}"])
def test_an_odd_number_is_named(ada: Person, path: str, number: str) -> None:
    field = "token_id" if "token" in path else "alert_id"
    method = "DELETE" if "token" in path else "PATCH"

    refused(ada.request(method, path.format(number)), 422, "invalid_input", field)


def test_a_node_s_token_opens_its_own_device_only(node: Node, ada: Person) -> None:
    other = ada.add_device()
    node.send(soil=40)

    assert ada.get(other.path)["sensors"][0]["latest"] is None
    refused(node.request("GET", other.path), 401, "invalid_token")


def _routes(backend: Backend) -> set[str]:
    paths = expect(200, backend.request("GET", "/openapi.json"))["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def _ask(person: Person, route: str, **ids: object) -> httpx.Response:
    method, path = route.split()
    return person.request(method, path.format(**ids), **REQUESTS[route])


def _telling(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}
