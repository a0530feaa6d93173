"""How a node proves who it is, and stays signed in over an unreliable link."""

import base64
import hmac
import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import jwt
import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, Backend, Node, Person, eventually, expect


def test_the_right_secret_gives_both_tokens(node: Node) -> None:
    answer = node.sign_in()

    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 900
    assert answer["refresh_token"].startswith("prt_")
    assert len(answer["access_token"]) <= 512
    assert node.poll() == []


def test_an_access_token_carries_no_secret(node: Node) -> None:
    claims = jwt.decode(node.access_token, options={"verify_signature": False})

    assert claims["sub"] == node.device_id
    assert claims["exp"] - claims["iat"] == 900
    assert node.secret not in json.dumps(claims)


def test_wrong_secrets_and_unknown_devices_look_the_same(node: Node, ada: Person, backend: Backend) -> None:
    other = ada.add_device()
    unknown = {"device_id": "0b8f6a62-5a0e-4c3e-9a0e-0f5b7a3a1c55", "secret": node.secret}
    answers = [
        node.try_sign_in(secret=other.secret),
        node.try_sign_in(secret=node.secret[:-1] + ("A" if node.secret[-1] != "A" else "B")),
        node.try_sign_in(secret="guess"),
        node.try_sign_in(secret="pds_ünïcode"),
        node.try_sign_in(secret=ada.token),
        backend.request("POST", "/auth/device", json=unknown),
        backend.request("POST", "/auth/device", json={"device_id": "", "secret": ""}),
    ]

    for answer in answers:
        refused(answer, 401, "invalid_credentials")
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"device_id": "x"}, "secret"),
        ({"secret": "x"}, "device_id"),
        ({"device_id": 7, "secret": "x"}, "device_id"),
        ({"device_id": "x", "secret": None}, "secret"),
        ({"device_id": "x", "secret": "x", "password": "x"}, "password"),
        ({"device_id": "x" * 65, "secret": "x"}, "device_id"),
        ({"device_id": "x", "secret": "x" * 201}, "secret"),
    ],
)
def test_a_sign_in_that_makes_no_sense_names_the_field(backend: Backend, body: JSON, field: str) -> None:
    refused(backend.request("POST", "/auth/device", json=body), 422, "invalid_input", field)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_sign_in_that_is_no_json_is_refused(backend: Backend, content: bytes) -> None:
    headers = {"content-type": "application/json"}

    refused(backend.request("POST", "/auth/device", content=content, headers=headers), 400, "invalid_json")


# Refresh tokens


def test_a_refresh_gives_new_tokens_and_the_next_refresh_works_too(node: Node) -> None:
    tokens = {node.refresh_token}
    for _ in range(3):
        node.refresh()
        tokens.add(node.refresh_token)
        assert node.poll() == []

    assert len(tokens) == 4


def test_using_a_spent_token_ends_the_whole_family(node: Node) -> None:
    spent = node.refresh_token
    node.refresh()
    node.refresh()

    refused(node.try_refresh(spent), 401, "refresh_token_reused")
    refused(node.try_refresh(), 401, "invalid_refresh_token")
    node.sign_in()
    node.refresh()


def test_one_sign_in_does_not_suffer_from_another_one(node: Node) -> None:
    stolen = node.refresh_token
    node.refresh()
    node.refresh()
    node.sign_in()

    refused(node.try_refresh(stolen), 401, "refresh_token_reused")
    node.refresh()


def test_a_lost_answer_to_a_refresh_may_be_asked_for_again(node: Node) -> None:
    before = node.refresh_token
    lost = expect(200, node.try_refresh())["refresh_token"]
    again = expect(200, node.try_refresh(before))["refresh_token"]
    once_more = expect(200, node.try_refresh(before))["refresh_token"]

    assert len({before, lost, again, once_more}) == 4
    refused(node.try_refresh(lost), 401, "invalid_refresh_token")
    refused(node.try_refresh(again), 401, "invalid_refresh_token")
    expect(200, node.try_refresh(once_more))


def test_a_lost_answer_is_forgiven_for_a_minute_only(node: Node, backend: Backend) -> None:
    before = node.refresh_token
    node.refresh()
    _age_refresh_tokens(backend, 61_000)

    refused(node.try_refresh(before), 401, "refresh_token_reused")
    refused(node.try_refresh(), 401, "invalid_refresh_token")


def test_a_refresh_token_ends_after_thirty_days(node: Node, backend: Backend) -> None:
    _age_refresh_tokens(backend, 31 * 24 * 3600 * 1000)

    refused(node.try_refresh(), 401, "invalid_refresh_token")


def test_of_many_refreshes_at_once_one_answer_stays_good(node: Node) -> None:
    before = node.refresh_token
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(node.try_refresh, [before] * 8))

    tokens = [expect(200, answer)["refresh_token"] for answer in answers]
    assert len(set(tokens)) == 8
    good = [token for token in tokens if node.try_refresh(token).status_code == 200]
    assert len(good) == 1


@pytest.mark.parametrize("token", ["", "prt_x", "ü", "pds_x"])
def test_what_is_no_refresh_token_is_refused(backend: Backend, token: str) -> None:
    answer = backend.request("POST", "/auth/device/refresh", json={"refresh_token": token})

    refused(answer, 401, "invalid_refresh_token")


# Access tokens


def test_an_answer_of_401_says_how_to_sign_in(backend: Backend) -> None:
    for method, path in (("POST", "/telemetry"), ("GET", "/commands"), ("POST", "/commands/ack"), ("GET", "/devices")):
        answer = backend.request(method, path, json={} if method == "POST" else None)
        refused(answer, 401, "missing_token")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Basic {}", "{}", "Bearer", "Token {}"])
def test_another_scheme_than_bearer_is_refused(node: Node, scheme: str) -> None:
    headers = {"authorization": scheme.format(node.access_token)}
    for method, path in (("POST", "/telemetry"), ("GET", "/commands")):
        answer = node.backend.request(method, path, headers=headers, json={} if method == "POST" else None)
        assert answer.status_code == 401, answer.text


Forge = Callable[[Node, bytes, JSON], str]


def _signed(change: JSON, **options: Any) -> Forge:
    return lambda node, key, claims: jwt.encode(
        {name: value for name, value in (claims | change).items() if value is not None},
        options.get("key", key),
        algorithm=options.get("algorithm", "HS256"),
        headers=options.get("headers", {"typ": "node+jwt"}),
    )


def _unsigned(node: Node, key: bytes, claims: JSON) -> str:
    return jwt.encode(claims, None, algorithm="none", headers={"typ": "node+jwt"})


def _unsigned_with_old_signature(node: Node, key: bytes, claims: JSON) -> str:
    header = _part({"alg": "none", "typ": "node+jwt"})
    return ".".join([header, *node.access_token.split(".")[1:]])


def _relabelled(algorithm: str | None, key: bytes, claims: JSON) -> str:
    """Sign rightly, and say that it was done in another way: a verifier that asks the token how is fooled."""
    head = f"{_part({'alg': algorithm, 'typ': 'node+jwt'})}.{_part(claims)}"
    signature = hmac.digest(key, head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _other_payload(node: Node, key: bytes, claims: JSON) -> str:
    header, _, signature = node.access_token.split(".")
    return ".".join([header, _part(claims | {"exp": claims["exp"] + 1}), signature])


def _other_signature(node: Node, key: bytes, claims: JSON) -> str:
    head, signature = node.access_token.rsplit(".", 1)
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


FORGERIES: dict[str, Forge] = {
    "unsigned": _unsigned,
    "unsigned with the old signature": _unsigned_with_old_signature,
    "another payload": _other_payload,
    "another signature": _other_signature,
    "another key": _signed({}, key=b"k" * 32),
    "an empty payload": lambda node, key, claims: jwt.encode({}, key, algorithm="HS256"),
    "another algorithm": _signed({}, algorithm="HS512", key=b"k" * 64),
    "the right key, another algorithm": _signed({}, algorithm="HS384"),
    "another key's algorithm, signed with ours": lambda node, key, claims: _relabelled("RS256", key, claims),
    "no algorithm": lambda node, key, claims: _relabelled(None, key, claims),
    "not valid yet": _signed({"nbf": 2**40}),
    "another audience": _signed({"aud": "person"}),
    "no audience": _signed({"aud": None}),
    "another installation": _signed({"iss": "2f1f9d52-6d7e-4c53-8a0c-0d1f6a1b2c3d"}),
    "another device": _signed({"sub": "2f1f9d52-6d7e-4c53-8a0c-0d1f6a1b2c3d"}),
    "another number": _signed({"num": 1_000_000}),
    "a number that is none": _signed({"num": "1"}),
    "a secret that is no more": _signed({"tag": "000000000000"}),
    "no expiry": _signed({"exp": None}),
    "issued in the future": _signed({"iat": 2**40}),
    "another type": _signed({}, headers={"typ": "JWT"}),
    "no token": lambda node, key, claims: "x",
    "dots": lambda node, key, claims: "..",
    "control characters": lambda node, key, claims: "eyJ\u00ff.x.y",
}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_access_token_opens_nothing(node: Node, backend: Backend, forgery: str) -> None:
    token = FORGERIES[forgery](node, _signing_key(backend), _claims(node))
    assert token != node.access_token
    headers = {"authorization": f"Bearer {token}".encode("latin-1")}

    for method, path in (("POST", "/telemetry"), ("GET", "/commands")):
        body = {"batch_id": "forged", "readings": []} if method == "POST" else None
        answer = backend.request(method, path, headers=headers, json=body)
        refused(answer, 401, "invalid_token")
    assert node.poll() == []


def test_an_expired_access_token_says_so(node: Node, backend: Backend) -> None:
    now = int(time.time())
    token = _signed({"iat": now - 901, "exp": now - 1})(node, _signing_key(backend), _claims(node))

    for method, path in (("POST", "/telemetry"), ("GET", "/commands")):
        body = {"batch_id": "late", "readings": []} if method == "POST" else None
        refused(backend.request(method, path, token=token, json=body), 401, "token_expired")


def test_a_token_that_was_good_ends_when_it_expires(node: Node, backend: Backend) -> None:
    """What was verified once is remembered: not for longer than it lives."""
    key, claims = _signing_key(backend), _claims(node)

    def end_of_one_that_was_good() -> int | None:
        # On a busy machine it may be over before it comes.
        expires_at = int(time.time()) + 2
        node.access_token = _signed({"exp": expires_at})(node, key, claims)
        return expires_at if node.try_poll().status_code == 204 else None

    expires_at = eventually(end_of_one_that_was_good)
    while time.time() <= expires_at + 0.01:
        time.sleep(0.05)

    refused(node.try_poll(), 401, "token_expired")
    refused(node.try_send([]), 401, "token_expired")


def test_a_person_s_token_is_no_node_s_and_the_other_way_round(node: Node, ada: Person, backend: Backend) -> None:
    refused(backend.request("GET", "/commands", token=ada.token), 401, "invalid_token")
    refused(backend.request("POST", "/telemetry", token=ada.token, json={}), 401, "invalid_token")
    for token in (node.access_token, node.refresh_token, node.secret):
        refused(backend.request("GET", "/devices", token=token), 401, "invalid_token")


def test_a_new_secret_ends_all_that_was_made_from_the_old_one(node: Node, ada: Person) -> None:
    assert node.poll() == []
    secret = expect(200, ada.request("POST", f"{node.path}/secret"))["secret"]

    refused(node.try_poll(), 401, "invalid_token")
    refused(node.try_send([]), 401, "invalid_token")
    refused(node.try_refresh(), 401, "invalid_refresh_token")
    refused(node.try_sign_in(), 401, "invalid_credentials")
    node.secret = secret
    node.sign_in()
    assert node.poll() == []


def test_nothing_of_a_deleted_device_works_any_more(node: Node, ada: Person) -> None:
    assert node.send(soil=40)["accepted"] == 1
    assert ada.request("DELETE", node.path).status_code == 204

    refused(node.try_poll(), 401, "invalid_token")
    refused(node.try_send([]), 401, "invalid_token")
    refused(node.try_refresh(), 401, "invalid_refresh_token")
    refused(node.try_sign_in(), 401, "invalid_credentials")
    refused(ada.request("GET", node.path), 404, "device_not_found")


def _claims(node: Node) -> JSON:
    claims: JSON = jwt.decode(node.access_token, options={"verify_signature": False})
    return claims


def _part(document: JSON) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def _signing_key(backend: Backend) -> bytes:
    return bytes.fromhex((backend.data_dir / "signing.key").read_text().strip())


def _age_refresh_tokens(backend: Backend, by_ms: int) -> None:
    """Make all refresh tokens older: their times are real ones, which no setting makes pass faster."""
    with closing(sqlite3.connect(backend.data_dir / "plant.db", timeout=10)) as connection, connection:
        connection.execute("UPDATE refresh_tokens SET issued_at = issued_at - ?, used_at = used_at - ?", (by_ms, by_ms))
