"""Guessing is slow, and nobody can use that to keep somebody else out."""

import itertools
import time
import uuid
from collections.abc import Iterable

import httpx
import pytest
from plant_backend.services.attempts import Attempts, network_of

from tests.live_backend import PASSWORD, Backend, Node, Person, expect


def guess(backend: Backend, address: str, username: str = "ada", password: str = "wrong password"):  # type: ignore[no-untyped-def]
    """Try to sign in from an address."""
    body = {"username": username, "password": password, "name": "x"}
    return backend.request("POST", "/auth/token", json=body, headers={"x-forwarded-for": address})


def refused_after(burst: int, refill_s: float, guesses: Iterable[httpx.Response]) -> None:
    """Guess until told to wait: after the burst, and what came back meanwhile on a slow machine."""
    began = time.monotonic()
    for heard, answer in enumerate(guesses):
        if answer.status_code != 401:
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert burst <= heard <= burst + (time.monotonic() - began) / refill_s
            return
    raise AssertionError("It never ended.")


def test_an_address_that_guesses_is_told_to_wait(backend: Backend, ada: Person) -> None:
    refused_after(20, 15, (guess(backend, "192.0.2.1", f"user-{number}") for number in itertools.count()))


def test_an_account_that_is_guessed_from_many_places_closes_to_new_ones(backend: Backend, ada: Person) -> None:
    expect(201, guess(backend, "203.0.113.1", password=PASSWORD))
    refused_after(10, 60, (guess(backend, f"198.51.100.{number}") for number in range(250)))

    # Whoever is at home, has a token, or is a node, notices nothing.
    expect(201, guess(backend, "203.0.113.1", password=PASSWORD))
    assert ada.get("/devices") is not None
    ada.add_device().sign_in()


def test_a_right_secret_always_gets_in_whoever_shares_the_address(backend: Backend, eve: Person) -> None:
    node: Node = eve.add_device()
    wrong = ({"device_id": str(uuid.uuid4()), "secret": "pds_wrong"} for _ in itertools.count())
    refused_after(60, 2, (backend.request("POST", "/auth/device", json=body) for body in wrong))
    node.sign_in()


@pytest.mark.parametrize("claimed", ["", "not an address", "192.0.2.77, bad"])
def test_a_claimed_address_that_is_none_is_not_believed(backend: Backend, claimed: str) -> None:
    assert guess(backend, claimed, "nobody").status_code == 401


def test_attempts_come_back_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("plant_backend.services.attempts.time.monotonic", lambda: now)
    attempts = Attempts(burst=3, refill_s=10)
    assert [attempts.take("a") for _ in range(4)] == [0, 0, 0, 11]
    assert attempts.take("b") == 0
    now += 11
    assert (attempts.take("a"), attempts.take("a") > 0) == (0, True)
    attempts.give_back("a")
    assert attempts.take("a") == 0
    now += 1000
    assert [bool(attempts.take("a")) for _ in range(4)] == [False, False, False, True]


def test_one_household_of_ipv6_is_one_place() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1")
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert network_of("fe80::1%eth0") == network_of("fe80::2%eth0")
