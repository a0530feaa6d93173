"""A browser's session: its cookie, its end, and what another site cannot make of it."""

import httpx
import pytest

from tests.live_backend import PASSWORD, Backend, Person, expect


def sign_in(backend: Backend, **headers: str) -> httpx.Response:
    """Open a session for Ada."""
    return backend.request("POST", "/auth/session", json={"username": "ada", "password": PASSWORD}, headers=headers)


@pytest.fixture
def cookie(backend: Backend, ada: Person) -> str:
    """Give the cookie of a new session."""
    answer = sign_in(backend)
    backend._http.cookies.clear()
    return answer.headers["set-cookie"].split(";")[0]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(backend: Backend, ada: Person) -> None:
    plain, secure = sign_in(backend), sign_in(backend, **{"x-forwarded-proto": "https"})
    backend._http.cookies.clear()
    attributes = {part.strip().lower() for part in plain.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert "secure" not in attributes
    assert "secure" in secure.headers["set-cookie"].lower()
    assert "pss_" not in plain.text


def test_a_session_opens_what_a_token_opens_until_it_ends(backend: Backend, cookie: str) -> None:
    headers = {"cookie": cookie}
    assert backend.request("GET", "/devices", headers=headers).status_code == 200
    (current,) = [
        shown for shown in expect(200, backend.request("GET", "/sessions", headers=headers)) if shown["is_current"]
    ]
    assert (current["username"], current["role"]) == ("ada", "owner")
    same = headers | {"sec-fetch-site": "same-origin"}
    assert backend.request("DELETE", "/auth/session", headers=same).status_code == 204
    assert backend.request("GET", "/devices", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "OWN"}, 403),
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "OWN"}, 201),
    ],
)
def test_another_site_cannot_use_the_cookie(backend: Backend, cookie: str, sent: dict[str, str], status: int) -> None:
    headers = {name: value.replace("OWN", backend.url) for name, value in sent.items()} | {"cookie": cookie}
    answer = backend.request("POST", "/devices", json={"name": "Theirs"}, headers=headers)
    assert answer.status_code == status, answer.text


def test_another_site_cannot_sign_somebody_in_here(backend: Backend, ada: Person) -> None:
    assert sign_in(backend, **{"sec-fetch-site": "cross-site"}).status_code == 403


def test_a_session_can_be_ended_from_elsewhere(backend: Backend, ada: Person, cookie: str) -> None:
    newest = ada.get("/sessions")[-1]
    assert ada.request("DELETE", f"/sessions/{newest['id']}").status_code == 204
    assert backend.request("GET", "/devices", headers={"cookie": cookie}).status_code == 401


def test_a_session_is_no_token_and_a_token_is_no_session(backend: Backend, ada: Person, cookie: str) -> None:
    assert backend.request("GET", "/devices", token=cookie.partition("=")[2]).status_code == 401
    headers = {"cookie": f"plant_session={ada.token}"}
    assert backend.request("GET", "/devices", headers=headers).status_code == 401


def test_a_new_password_ends_all_else_that_was_signed_in(backend: Backend, cookie: str) -> None:
    zoe = backend.add_person("zoe")
    other = backend.sign_in("zoe")
    body = {"current_password": "not the one", "new_password": "another long one"}
    assert zoe.request("PUT", "/account/password", json=body).status_code == 422
    body["current_password"] = PASSWORD
    assert zoe.request("PUT", "/account/password", json=body).status_code == 204
    assert zoe.request("GET", "/devices").status_code == 200
    assert other.request("GET", "/devices").status_code == 401
    backend.sign_in("zoe", "another long one")
