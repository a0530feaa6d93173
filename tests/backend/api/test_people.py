"""Accounts and API tokens."""

from datetime import datetime

import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, PASSWORD, Backend, Person, eventually, expect


def test_a_password_is_exchanged_for_a_token_that_is_shown_once(ada: Person, backend: Backend) -> None:
    body = {"username": "ada", "password": PASSWORD, "name": "Home Assistant"}
    made = expect(201, backend.request("POST", "/auth/token", json=body))
    listed = ada.request("GET", "/tokens")

    assert made["token"].startswith("pat_")
    assert made["token"].startswith(made["prefix"])
    shown = next(token for token in expect(200, listed) if token["id"] == made["id"])
    assert shown["name"] == "Home Assistant"
    assert "token" not in shown
    assert made["token"] not in listed.text
    expect(200, backend.request("GET", "/devices", token=made["token"]))


def test_a_wrong_password_and_an_unknown_name_look_the_same(ada: Person, backend: Backend) -> None:
    wrong = [
        {"username": "ada", "password": "wrong"},
        {"username": "ada", "password": "x" * 200},
        {"username": "Ada", "password": PASSWORD},
        {"username": "nobody", "password": PASSWORD},
    ]
    answers = [backend.request("POST", "/auth/token", json=body | {"name": "x"}) for body in wrong]

    for answer in answers:
        refused(answer, 401, "invalid_credentials")
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": None}, "username"),
        ({"username": 7}, "username"),
        ({"username": "x" * 65}, "username"),
        ({"password": None}, "password"),
        ({"password": ["x"]}, "password"),
        ({"password": "x" * 201}, "password"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u001b[2Jb"}, "name"),
        ({"scope": "all"}, "scope"),
    ],
)
def test_an_exchange_that_makes_no_sense_names_the_field_and_never_repeats_the_password(
    ada: Person, backend: Backend, change: JSON, field: str
) -> None:
    body = {"username": ada.username, "password": PASSWORD, "name": "x"} | change
    answer = backend.request("POST", "/auth/token", json=body)

    refused(answer, 422, "invalid_input", field)
    assert PASSWORD not in answer.text


def test_a_revoked_token_opens_nothing_within_five_seconds(ada: Person, backend: Backend) -> None:
    made = expect(201, ada.request("POST", "/tokens", json={"name": "to be revoked"}))
    expect(200, backend.request("GET", "/devices", token=made["token"]))
    assert ada.request("DELETE", f"/tokens/{made['id']}").status_code == 204

    eventually(lambda: backend.request("GET", "/devices", token=made["token"]).status_code == 401, within_s=5)
    refused(backend.request("GET", "/devices", token=made["token"]), 401, "invalid_token")
    assert made["id"] not in [token["id"] for token in ada.get("/tokens")]
    refused(ada.request("DELETE", f"/tokens/{made['id']}"), 404, "token_not_found")


def test_a_token_says_when_it_was_used_last(ada: Person, backend: Backend) -> None:
    made = expect(201, ada.request("POST", "/tokens", json={"name": "used once"}))
    assert made["last_used_at"] is None
    expect(200, backend.request("GET", "/devices", token=made["token"]))

    shown = next(token for token in ada.get("/tokens") if token["id"] == made["id"])
    assert datetime.fromisoformat(shown["last_used_at"]) >= datetime.fromisoformat(made["created_at"])


def test_people_see_their_own_tokens_only(ada: Person, eve: Person) -> None:
    made = expect(201, ada.request("POST", "/tokens", json={"name": "Ada's"}))

    assert made["id"] not in [token["id"] for token in eve.get("/tokens")]


@pytest.mark.parametrize("token", ["", "x", "pat_", "pat_x", "pat_" + "A" * 49, "ä", "pds_" + "A" * 49])
def test_what_is_no_token_opens_nothing(backend: Backend, token: str) -> None:
    answer = backend.request("GET", "/devices", headers={"authorization": f"Bearer {token}x".encode()})

    refused(answer, 401, "invalid_token")


def test_a_token_with_one_wrong_character_opens_nothing(ada: Person, backend: Backend) -> None:
    for place in (4, 20, len(ada.token) - 1):
        other = "A" if ada.token[place] != "A" else "B"
        token = ada.token[:place] + other + ada.token[place + 1 :]
        refused(backend.request("GET", "/devices", token=token), 401, "invalid_token")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": "\u202egnp.exe"}, "name"),
        ({"name": "x", "secret": "mine"}, "secret"),
        ({"name": 7}, "name"),
        ([], "body"),
    ],
)
def test_a_device_needs_a_printable_name(ada: Person, body: object, field: str) -> None:
    before = [device["id"] for device in ada.get("/devices")]

    refused(ada.request("POST", "/devices", json=body), 422, "invalid_input", field)
    assert [device["id"] for device in ada.get("/devices")] == before


def test_a_device_may_be_named_in_any_language(ada: Person) -> None:
    for name in ("Bäume", "番茄", "طماطم", "🍅", "x" * 100, "<script>", "'; DROP TABLE devices"):
        made = expect(201, ada.request("POST", "/devices", json={"name": name}))
        assert made["name"] == name
        assert ada.get(f"/devices/{made['id']}")["name"] == name


def test_a_device_s_secret_is_shown_once_and_nowhere_else(ada: Person) -> None:
    made = expect(201, ada.request("POST", "/devices", json={"name": "Secretive"}))

    assert made["secret"].startswith("pds_")
    for path in ("/devices", f"/devices/{made['id']}"):
        assert "pds_" not in ada.request("GET", path).text
