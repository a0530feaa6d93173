"""Every route × everybody: what each may do is written here, and a route without a row fails."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.live_backend import JSON, Backend, Node, Person, eventually, expect

ASKERS = ("anonymous", "device A", "device B", "user A", "user B", "viewer")

OPEN = "open to all"
NODE = "for nodes"
OWN = "for people, each sees their own"
THING = "for people, a foreign thing is missing"
OWNER = "for people, a viewer may not"
ACCOUNT = "for people, each their own account"
TOKEN = "for who has the configured token"

MATRIX: dict[str, str] = {
    "GET /info": OPEN,
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /metrics": TOKEN,
    "POST /setup": OPEN,
    "POST /auth/token": OPEN,
    "POST /auth/session": OPEN,
    "POST /auth/device": OPEN,
    "POST /auth/device/refresh": OPEN,
    "DELETE /auth/session": ACCOUNT,
    "GET /sessions": ACCOUNT,
    "DELETE /sessions/{session_id}": ACCOUNT,
    "PUT /account/password": ACCOUNT,
    "GET /tokens": ACCOUNT,
    "POST /tokens": ACCOUNT,
    "DELETE /tokens/{token_id}": ACCOUNT,
    "GET /viewers": OWN,
    "POST /viewers": OWNER,
    "DELETE /viewers/{user_id}": THING,
    "GET /audit": OWNER,
    "POST /telemetry": NODE,
    "GET /commands": NODE,
    "POST /commands/ack": NODE,
    "GET /devices": OWN,
    "POST /devices": OWNER,
    "GET /devices/{device_id}": THING,
    "PATCH /devices/{device_id}": THING,
    "DELETE /devices/{device_id}": THING,
    "GET /devices/{device_id}/secret": THING,
    "POST /devices/{device_id}/secret": THING,
    "GET /devices/{device_id}/files": THING,
    "GET /devices/{device_id}/automation": THING,
    "PUT /devices/{device_id}/automation": THING,
    "POST /devices/{device_id}/automation/simulate": THING,
    "GET /devices/{device_id}/channels/{key}/calibration": THING,
    "PUT /devices/{device_id}/channels/{key}/calibration": THING,
    "DELETE /devices/{device_id}/channels/{key}/calibration": THING,
    "GET /devices/{device_id}/commands": THING,
    "POST /devices/{device_id}/commands": THING,
    "GET /devices/{device_id}/readings": THING,
    "GET /devices/{device_id}/readings/export": THING,
    "GET /devices/{device_id}/decisions": THING,
    "GET /alerts": OWN,
    "PATCH /alerts/{alert_id}/snooze": THING,
    "DELETE /alerts/{alert_id}/snooze": THING,
    "PATCH /alerts/{alert_id}/resolve": THING,
    "PATCH /alerts/{alert_id}/acknowledge": THING,
    "GET /events": OWN,
    "GET /notifications/services": ACCOUNT,
    "GET /notifications/targets": ACCOUNT,
    "POST /notifications/targets": ACCOUNT,
    "GET /notifications/targets/{target_id}": ACCOUNT,
    "PATCH /notifications/targets/{target_id}": ACCOUNT,
    "DELETE /notifications/targets/{target_id}": ACCOUNT,
    "POST /notifications/targets/{target_id}/test": ACCOUNT,
}

LOOKS = {"POST /devices/{device_id}/automation/simulate"}
"""What changes nothing, though it is no GET: a viewer may."""

BODIES: dict[str, JSON] = {
    "PATCH /alerts/{alert_id}/snooze": {"minutes": 60},
    "POST /devices": {"name": "New"},
    "PATCH /devices/{device_id}": {"name": "Other"},
    "POST /devices/{device_id}/commands": {"actuator": "lamp", "action": "on"},
    "PUT /devices/{device_id}/channels/{key}/calibration": {
        "points": [{"raw": 0, "value": 0}, {"raw": 100, "value": 100}]
    },
    "POST /viewers": {"username": "x", "password": "too short"},
    "POST /telemetry": {"batch_id": "matrix", "readings": []},
    "POST /commands/ack": {"acks": [{"id": 1, "seq": 1, "status": "accepted"}]},
}


@dataclass
class World:
    """Everybody's token, and what is Ada's."""

    backend: Backend
    tokens: dict[str, str | None]
    ids: dict[str, Any]


@pytest.fixture(scope="module")
def world(backend: Backend, ada: Person, eve: Person, viewer: Person) -> World:
    node: Node = ada.add_device()
    node.send(soil=40, tank=5)
    other = eve.add_device()
    (alert,) = eventually(lambda: ada.get("/alerts"))
    tokens = dict(
        zip(ASKERS, (None, node.access_token, other.access_token, ada.token, eve.token, viewer.token), strict=True)
    )
    user_id = ada.get("/viewers")[0]["id"]
    ids = {
        "device_id": node.device_id,
        "key": "soil",
        "alert_id": alert["id"],
        "token_id": 2**50,
        "session_id": 2**50,
        "target_id": 2**50,
    }
    return World(backend, tokens, ids | {"user_id": user_id})


def test_every_route_has_its_row(backend: Backend) -> None:
    paths = expect(200, backend.request("GET", "/openapi.json"))["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == set(MATRIX)


def ask(world: World, route: str, asker: str, **ids: Any) -> httpx.Response:
    """Ask for a route; an event stream is left after its status."""
    method, path = route.split()
    url = world.backend.url + path.format(**(world.ids | ids))
    token = world.tokens[asker]
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = BODIES.get(route, {}) if method in ("POST", "PUT", "PATCH") else None
    params = {"sensor": "soil"} if path.endswith("/readings") else None
    with (
        httpx.Client(timeout=60) as client,
        client.stream(method, url, headers=headers, json=body, params=params) as answer,
    ):
        if "event-stream" not in answer.headers.get("content-type", ""):
            answer.read()
        return answer


@pytest.mark.parametrize("route", [route for route, rule in MATRIX.items() if rule not in (OPEN, TOKEN, NODE)])
@pytest.mark.parametrize("asker", ["anonymous", "device A", "device B"])
def test_no_node_and_no_stranger_gets_at_what_is_for_people(world: World, route: str, asker: str) -> None:
    assert ask(world, route, asker).status_code == 401


@pytest.mark.parametrize("route", [route for route, rule in MATRIX.items() if rule == NODE])
def test_what_is_for_nodes_takes_a_node_s_token_only(world: World, route: str) -> None:
    answers = {asker: ask(world, route, asker).status_code for asker in ASKERS}
    assert all(answers[asker] == 401 for asker in ("anonymous", "user A", "user B", "viewer"))
    assert answers["device A"] in (202, 204, 200, 404)
    assert answers["device B"] in (202, 204, 200, 404)


@pytest.mark.parametrize("route", [route for route, rule in MATRIX.items() if rule == TOKEN])
@pytest.mark.parametrize("asker", ASKERS)
def test_nobody_s_own_token_opens_the_metrics(world: World, route: str, asker: str) -> None:
    assert ask(world, route, asker).status_code == 401


@pytest.mark.parametrize("route", [route for route, rule in MATRIX.items() if rule == THING])
def test_a_foreign_thing_equals_a_missing_one_byte_for_byte(world: World, route: str) -> None:
    missing = {name: "missing" if name == "device_id" else 2**52 for name in world.ids}
    foreign, nowhere = ask(world, route, "user B"), ask(world, route, "user B", **missing)
    assert foreign.status_code == 404
    assert (foreign.content, foreign.headers.get("etag")) == (nowhere.content, nowhere.headers.get("etag"))
    assert {*foreign.headers} == {*nowhere.headers}


@pytest.mark.parametrize("route", [route for route, rule in MATRIX.items() if rule in (OWN, THING, OWNER)])
def test_a_viewer_sees_what_the_owner_sees_and_changes_nothing(world: World, route: str) -> None:
    answer = ask(world, route, "viewer")
    if route in LOOKS:
        assert answer.status_code == 200, answer.text
    elif not route.startswith("GET ") or MATRIX[route] == OWNER:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    elif route == "GET /events":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.content) == (200, ask(world, route, "user A").content)


@pytest.mark.parametrize("route", [route for route, rule in MATRIX.items() if rule == THING and "DELETE" not in route])
def test_the_owner_may(world: World, route: str) -> None:
    answer = ask(world, route, "user A")
    assert answer.status_code in (200, 201), answer.text


def test_a_viewer_keeps_tokens_of_their_own(viewer: Person, ada: Person) -> None:
    made = expect(201, viewer.request("POST", "/tokens", json={"name": "wall tablet"}))
    assert made["id"] not in [token["id"] for token in ada.get("/tokens")]
    assert ada.request("DELETE", f"/tokens/{made['id']}").status_code == 404
    assert viewer.request("DELETE", f"/tokens/{made['id']}").status_code == 204


def test_a_viewer_who_is_deleted_is_out_at_once(ada: Person, backend: Backend) -> None:
    made = expect(201, ada.request("POST", "/viewers", json={"username": "guest", "password": "correct horse battery"}))
    guest = backend.sign_in("guest")
    assert guest.get("/devices")
    assert ada.request("DELETE", f"/viewers/{made['id']}").status_code == 204
    assert guest.request("GET", "/devices").status_code == 401
