"""The client signs in, renews, gives up and comes back as the protocol says, and keeps its secrets to itself."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from plant_node.backend import Unavailable
from plant_node.link import Backoff, Link

from tests.firmware.raspberry_pi.builders import HandClock, Node
from tests.firmware.raspberry_pi.fake_backend import FakeBackend, Handler, busy, lost, refusing


def paths(backend: FakeBackend) -> list[str]:
    return [path for _, path, _ in backend.requests]


def ask(node: Node) -> int:
    return node.client.get("/commands", {"wait": 0, "after": 0}, timeout_s=60).status


def test_it_signs_in_once_with_its_manifest(backend: FakeBackend, node: Node) -> None:
    assert [ask(node), ask(node)] == [204, 204]
    assert paths(backend) == ["/auth/device", "/commands", "/commands"]
    manifest = backend.sign_ins[0]["manifest"]
    assert (manifest["firmware"], [sensor["key"] for sensor in manifest["sensors"]][:2]) == (
        "plant-node",
        ["soil", "tank"],
    )
    assert manifest["actuators"][0]["limits"]["max_run_ms"] == 30_000


def test_a_refused_token_is_renewed_and_the_request_sent_again(backend: FakeBackend, node: Node) -> None:
    ask(node)
    backend.access.clear()
    assert ask(node) == 204
    assert paths(backend)[2:] == ["/commands", "/auth/device/refresh", "/commands"]


def test_a_refused_refresh_falls_back_to_the_secret(backend: FakeBackend, node: Node) -> None:
    ask(node)
    backend.access.clear()
    backend.refresh.clear()
    assert ask(node) == 204
    assert paths(backend)[2:] == ["/commands", "/auth/device/refresh", "/auth/device", "/commands"]


def test_a_token_that_is_refused_at_once_is_no_endless_loop(backend: FakeBackend, node: Node) -> None:
    ask(node)
    for _ in range(2):
        backend.on("/commands", refusing(401, "invalid_token"))
    with pytest.raises(Unavailable, match="refuses a token"):
        ask(node)
    assert ask(node) == 204


def test_a_token_is_renewed_before_it_expires(backend: FakeBackend, node: Node) -> None:
    backend.expires_in = 0.1
    ask(node)
    backend.expires_in = 900
    node.clock.real_s = lambda: 1e9  # type: ignore[method-assign]
    assert ask(node) == 204
    assert paths(backend)[2:] == ["/auth/device/refresh", "/commands"]


def test_a_lost_refresh_answer_ends_in_a_working_token(backend: FakeBackend, node: Node) -> None:
    ask(node)
    backend.access.clear()
    backend.on("/auth/device/refresh", lost)
    with pytest.raises(Unavailable):
        ask(node)
    node.client._no_sign_in_before_s = 0
    assert ask(node) == 204


def test_a_wrong_secret_is_said_and_not_tried_at_full_speed(
    backend: FakeBackend, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A clock that stands still: by another, a slow machine's pause would be over.
    node = Node(backend, tmp_path, clock=HandClock())
    backend.secret = "pds_other"
    for _ in range(5):
        with pytest.raises(Unavailable):
            ask(node)
    assert paths(backend) == ["/auth/device"]
    assert "PLANT_DEVICE_SECRET" in caplog.text


def test_a_503_says_when_to_come_back(backend: FakeBackend, node: Node) -> None:
    ask(node)
    backend.on("/commands", busy("7"))
    with pytest.raises(Unavailable) as caught:
        ask(node)
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("text", ["soon", "-1", "nan", ""])
def test_a_senseless_retry_after_is_no_harm(backend: FakeBackend, node: Node, text: str) -> None:
    backend.on("/auth/device", busy(text))
    with pytest.raises(Unavailable) as caught:
        ask(node)
    assert caught.value.retry_after_s is None


def test_a_captive_portal_is_not_the_backend(backend: FakeBackend, node: Node) -> None:
    def portal(handler: Handler) -> bool:
        handler.answer(200, b"<html>Welcome to the hotel</html>", {"Content-Type": "text/html"})
        return True

    ask(node)
    before = node.link.seconds_left()
    backend.on("/telemetry", portal)
    with pytest.raises(Unavailable, match="not the backend"):
        node.client.post("/telemetry", dict)
    assert node.link.seconds_left() <= before


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, b"404 page not found") for status in (400, 401, 403, 404, 409, 413, 422)),
        *((404, body) for body in (b"", {}, {"code": None}, ["code"])),
    ],
)
def test_a_proxy_without_its_backend_is_not_the_backend(
    backend: FakeBackend, tmp_path: Path, status: int, body: object
) -> None:
    """Nobody could stop a pump through it, and it cannot refuse this device either."""

    def proxy(handler: Handler) -> bool:
        handler.answer(status, body)
        return True

    clock = HandClock()
    node = Node(backend, tmp_path, clock=clock)
    ask(node)
    clock.turn(1000)
    before = node.link.seconds_left()
    backend.on("/commands", proxy)
    with pytest.raises(Unavailable, match="not the backend"):
        ask(node)
    clock.turn(890_000)
    backend.on("/auth/device/refresh", proxy)
    with pytest.raises(Unavailable, match="not the backend"):
        ask(node)
    assert node.link.seconds_left() == pytest.approx(before - 890)
    clock.turn(2000)
    assert ask(node) == 204
    assert len(backend.sign_ins) == 1, "its refresh token is not spent"
    node.close()


def test_a_refusal_with_a_code_is_the_backends(backend: FakeBackend, tmp_path: Path) -> None:
    clock = HandClock()
    node = Node(backend, tmp_path, clock=clock, link_timeout_s=60)
    ask(node)
    clock.turn(1000)
    backend.on("/commands", refusing(404, "not_found"))
    assert ask(node) == 404
    assert node.link.seconds_left() == pytest.approx(60)
    node.close()


def test_redirects_are_not_followed(backend: FakeBackend, node: Node) -> None:
    def elsewhere(handler: Handler) -> bool:
        handler.answer(307, {}, {"Location": "http://127.0.0.1:9/steal"})
        return True

    backend.on("/auth/device", elsewhere)
    with pytest.raises(Unavailable, match="307"):
        ask(node)


def test_an_endless_answer_does_not_eat_the_memory(backend: FakeBackend, node: Node) -> None:
    def flood(handler: Handler) -> bool:
        handler.answer(200, b"[" * (3 * 1024 * 1024))
        return True

    ask(node)
    backend.on("/commands", flood)
    with pytest.raises(Unavailable):
        ask(node)
    assert ask(node) == 204


def test_neither_secret_nor_token_is_ever_logged(
    backend: FakeBackend, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(node)
        backend.access.clear()
        ask(node)
        backend.on("/commands", busy("1"))
        with pytest.raises(Unavailable):
            ask(node)
        backend.is_down = True
        with pytest.raises(Unavailable):
            ask(node)
    assert caplog.text
    for secret in (backend.secret, "jwt-", "prt-"):
        assert secret not in caplog.text


def test_the_body_is_built_when_it_is_sent(backend: FakeBackend, node: Node) -> None:
    """Ages grow while the node signs in."""
    built: list[str] = []

    def body() -> dict[str, object]:
        built.append(paths(backend)[-1])
        return {"batch_id": "a", "boot_id": "b", "readings": []}

    ask(node)
    backend.access.clear()
    assert node.client.post("/telemetry", body).status == 202
    assert built == ["/commands", "/auth/device/refresh"]


def test_pauses_grow_have_jitter_and_respect_the_backend() -> None:
    backoff = Backoff(first_s=1, most_s=60)
    pauses = [backoff.failed() for _ in range(10)]
    assert all(0.5 * 2**n <= pause <= 2**n for n, pause in enumerate(pauses[:6]))
    assert all(30 <= pause <= 60 for pause in pauses[6:])
    assert backoff.failed(retry_after_s=100) >= 100
    backoff.succeeded()
    assert backoff.failed() <= 1


def test_a_link_that_answers_is_not_lost(backend: FakeBackend, tmp_path: Path) -> None:
    clock = HandClock()
    node = Node(backend, tmp_path, clock=clock, link_timeout_s=0.5)
    assert node.link.poll_wait_s == 0
    assert Link(clock, timeout_s=120).poll_wait_s == 25
    clock.turn(400)
    assert node.link.seconds_left() == pytest.approx(0.1)
    ask(node)
    assert node.link.seconds_left() == pytest.approx(0.5)
    node.close()
