"""The stream of what happens: in order, without gaps or doubles, and only one's own."""

import itertools
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import Backend, Event, EventStream, Node, Person, eventually, expect


def test_a_stream_says_who_it_is_then_what_is_then_what_happens(node: Node, ada: Person, backend: Backend) -> None:
    node.send(tank=5)
    eventually(lambda: ada.get("/alerts", device_id=node.device_id))
    expect(201, ada.request("POST", f"{node.path}/commands", json={"actuator": "lamp", "action": "on"}))
    with ada.listen() as stream:
        info, snapshot = stream.take(2)
        node.send(soil=41.5, age_ms=1_000)
        readings = stream.until("readings", device_id=node.device_id)[-1]

    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert info.type == "info"
    assert info.data["api_version"] == 1
    assert info.data["instance_id"] == backend.request("GET", "/info").json()["instance_id"]
    assert snapshot.type == "snapshot"
    shown = next(device for device in snapshot.data["devices"] if device["id"] == node.device_id)
    assert shown | {"automation": ..., "commands": ..., "alerts": ...} == ada.get(node.path) | {
        "automation": ...,
        "commands": ...,
        "alerts": ...,
        "sensors": shown["sensors"],
        "last_seen_at": shown["last_seen_at"],
    }
    assert shown["automation"]["mode"] == "off"
    assert [command["actuator"] for command in shown["commands"]] == ["lamp"]
    assert [alert["kind"] for alert in shown["alerts"]] == ["reservoir_low"]
    assert [(reading["sensor"], reading["value"]) for reading in readings.data["readings"]] == [("soil", 41.5)]
    measured_at = datetime.fromisoformat(readings.data["readings"][0]["ts"])
    assert measured_at < datetime.fromisoformat(readings.data["received_at"])


def test_all_that_happens_to_a_device_is_told_in_order(ada: Person) -> None:
    with ada.listen() as stream:
        stream.take(2)
        node = ada.add_device("Basil")
        expect(200, ada.request("PUT", f"{node.path}/automation", json={"mode": "on"}))
        node.send(soil=[12, 12], tank=80)
        (command,) = node.poll(after=0, wait=25)
        node.ack(command, "accepted")
        node.ack(command, "succeeded", 5_000)
        node.send(tank=5)
        eventually(lambda: ada.get("/alerts", device_id=node.device_id))
        expect(200, ada.request("PATCH", node.path, json={"name": "Thyme"}))
        assert ada.request("DELETE", node.path).status_code == 204
        heard = [event for event in stream.until("device_deleted", id=node.device_id) if _is_of(event, node)]

    states = [event.data["command"]["state"] for event in heard if event.type == "command"]
    assert states == ["queued", "delivered", "accepted", "succeeded"]
    assert [event.data["device"]["name"] for event in heard if event.type == "device"] == ["Basil", "Basil", "Thyme"]
    assert [event.data["automation"]["mode"] for event in heard if event.type == "automation"] == ["on"]
    assert "watered" in [event.data["decision"]["outcome"] for event in heard if event.type == "decision"]
    assert [event.data["alert"]["kind"] for event in heard if event.type == "alert"] == ["reservoir_low"]
    assert [event.type for event in heard if event.type == "readings"] == ["readings"] * 2
    for event in heard:
        assert event.data["device_id"] == node.device_id
        assert event.id is not None


def test_a_reading_of_unknown_age_is_told_without_a_time(node: Node, ada: Person) -> None:
    with ada.listen() as stream:
        stream.take(2)
        expect(202, node.try_send([{"sensor": "soil", "value": 7}]))
        heard = stream.until("readings", device_id=node.device_id)[-1]

    assert heard.data["readings"] == [{"sensor": "soil", "value": 7, "ts": None}]


def test_a_refused_or_repeated_batch_is_not_told(node: Node, ada: Person) -> None:
    with ada.listen() as stream:
        stream.take(2)
        for _ in range(3):
            expect(202, node.try_send([{"sensor": "soil", "value": 1, "age_ms": 0}], "b-1"))
        refused(node.try_send([{"sensor": "soil", "value": 2, "age_ms": 0}], "b-1"), 409, "batch_conflict")
        refused(node.try_send([{"sensor": "x", "value": 2, "age_ms": 0}]), 422, "unknown_sensor")
        _end(node, ada)
        heard = _of_until_the_end(stream, node)

    assert [event.data["readings"][0]["value"] for event in heard if event.type == "readings"] == [1]


def test_a_stream_resumes_from_any_message_without_gaps_or_doubles(node: Node, ada: Person) -> None:
    with ada.listen() as stream:
        stream.take(2)
        _live_a_little(node, ada)
        _end(node, ada)
        whole = _of_until_the_end(stream, node)

    assert len(whole) > 8
    for place, event in enumerate(whole):
        with ada.listen(event.id) as resumed:
            assert resumed.take(1)[0].type == "info"
            rest = _of_until_the_end(resumed, node) if event is not whole[-1] else []
        assert _counted(rest) == _counted(whole[place + 1 :]), event


@pytest.mark.slow
def test_a_stream_resumes_across_a_restart_of_the_backend(node: Node, ada: Person, backend: Backend) -> None:
    with ada.listen() as stream:
        stream.take(2)
        node.send(soil=1)
        last_id = stream.until("readings", device_id=node.device_id)[-1].id
    node.send(soil=2)
    expect(200, ada.request("PATCH", node.path, json={"name": "Before"}))
    backend.restart()
    node.send(soil=3)
    expect(200, ada.request("PATCH", node.path, json={"name": "After"}))
    _end(node, ada)

    with ada.listen(last_id) as stream:
        assert stream.take(1)[0].type == "info"
        heard = _of_until_the_end(stream, node)
    assert [event.data["readings"][0]["value"] for event in heard if event.type == "readings"] == [2, 3]
    assert [event.data["device"]["name"] for event in heard if event.type == "device"] == ["Before", "After", "end"]
    with ada.listen(heard[-1].id) as stream:
        assert stream.take(1)[0].type == "info"
        node.send(soil=4)
        assert stream.until("readings", device_id=node.device_id)[-1].data["readings"][0]["value"] == 4


@pytest.mark.parametrize("last_event_id", ["x", "1", "1.2.3", "-1.-1", "999999999999.1", "1.999999999999", "1_0.x"])
def test_a_position_that_cannot_be_resumed_gets_a_snapshot(ada: Person, last_event_id: str) -> None:
    with ada.listen(last_event_id) as stream:
        assert [event.type for event in stream.take(2)] == ["info", "snapshot"]


def test_a_stranger_s_events_are_never_heard(node: Node, ada: Person, eve: Person) -> None:
    own = eve.add_device()
    with eve.listen() as stream:
        _, snapshot = stream.take(2)
        _live_a_little(node, ada)
        _end(own, eve)
        live = list(stream.until("device", name="end"))
    with eve.listen(snapshot.id) as stream:
        assert stream.take(1)[0].type == "info"
        resumed = list(stream.until("device", name="end"))

    assert {device["id"] for device in snapshot.data["devices"]} <= {device["id"] for device in eve.get("/devices")}
    for event in (*live, *resumed):
        assert event.data["device_id"] == own.device_id
    assert ada.get(node.path)["name"] == "Tomatoes"


def test_ten_listeners_hear_the_same(node: Node, ada: Person) -> None:
    with ThreadPoolExecutor(10) as threads:
        are_ready = threading.Barrier(11)

        def listen() -> list[Event]:
            with ada.listen() as stream:
                stream.take(2)
                are_ready.wait(60)
                return _of_until_the_end(stream, node)

        listeners = [threads.submit(listen) for _ in range(10)]
        are_ready.wait(60)
        for value in range(10):
            node.send(soil=value + 40)
        _end(node, ada)
        heard = [listener.result(60) for listener in listeners]

    # What came of the node's arrival, only those heard who were there already.
    heard = [list(itertools.dropwhile(lambda event: event.type != "readings", events)) for events in heard]
    assert all(events == heard[0] for events in heard)
    values = [event.data["readings"][0]["value"] for event in heard[0] if event.type == "readings"]
    assert values == [value + 40 for value in range(10)]


def test_a_stream_needs_a_token(backend: Backend, node: Node) -> None:
    refused(backend.request("GET", "/events"), 401, "missing_token")
    refused(backend.request("GET", "/events", token=node.access_token), 401, "invalid_token")


def test_a_stream_ends_when_its_token_is_revoked(node: Node, ada: Person, backend: Backend) -> None:
    node.wait_for_first_look()
    made = expect(201, ada.request("POST", "/tokens", json={"name": "to be revoked"}))
    with Person(backend, "ada", made["token"]).listen() as stream:
        stream.take(2)
        assert ada.request("DELETE", f"/tokens/{made['id']}").status_code == 204
        node.send(soil=41)
        assert [event for event in stream if _is_of(event, node)] == []


@pytest.mark.slow
def test_a_silent_stream_beats_though_others_are_loud(node: Node, eve: Person) -> None:
    """Without its heartbeat a listener would take the stream for dead, or a proxy would close it."""
    is_over = threading.Event()

    def be_loud() -> None:
        while not is_over.wait(0.5):
            node.send(soil=40)

    with ThreadPoolExecutor(1) as threads, eve.listen() as stream:
        stream.take(2)
        loud = threads.submit(be_loud)
        began = time.monotonic()
        stream.heartbeat()
        silent_s = time.monotonic() - began
        is_over.set()
        loud.result()
    assert 10 < silent_s < 40


@pytest.mark.slow
def test_a_listener_that_does_not_listen_is_disconnected_and_can_resume(node: Node, ada: Person) -> None:
    url = httpx.URL(node.backend.url)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.settimeout(30)
    try:
        deaf.connect((url.host, url.port))
        deaf.sendall(
            b"GET /events HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer %s\r\n\r\n"
            % ada.token.encode()
        )
        assert deaf.recv(1) == b"H"
        many = [{"sensor": "soil", "value": 40 + place / 100, "age_ms": place * 1000} for place in range(500)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: expect(202, node.try_send(many)), range(250)))
        _end(node, ada)

        said = b""
        while chunk := deaf.recv(1_000_000):
            said += chunk
    finally:
        deaf.close()
    frames = [frame for frame in said.decode().split("\n\n") if "event: " in frame]
    assert "event: too_slow" in frames[-1]
    last_id = [line[4:].strip() for frame in frames for line in frame.splitlines() if line.startswith("id: ")][-1]
    heard = sum(frame.count("event: readings") and _device(frame) == node.device_id for frame in frames)
    with ada.listen(last_id) as stream:
        stream.take(1)
        rest = [event for event in _of_until_the_end(stream, node) if event.type == "readings"]
    assert heard + len(rest) == 250


def _device(frame: str) -> str:
    data = next(line for line in frame.splitlines() if line.startswith("data: "))
    return str(json.loads(data[6:])["device_id"])


def _live_a_little(node: Node, person: Person) -> None:
    """Make readings, decisions, a command and an alert happen."""
    expect(200, person.request("PUT", f"{node.path}/automation", json={"mode": "on"}))
    node.send(soil=[12, 12], tank=80)
    (command,) = node.poll(after=0, wait=25)
    node.send(air=21)
    node.ack(command, "succeeded", 5_000)
    node.send(tank=5)
    eventually(lambda: person.get("/alerts", device_id=node.device_id))


def _end(node: Node, person: Person) -> None:
    expect(200, person.request("PATCH", node.path, json={"name": "end"}))


def _of_until_the_end(stream: EventStream, node: Node) -> list[Event]:
    heard = []
    for event in stream:
        if _is_of(event, node):
            heard.append(event)
            if event.type == "device" and event.data["device"]["name"] == "end":
                return heard
    raise AssertionError(f"The stream ended early; it said {heard}")


def _is_of(event: Event, node: Node) -> bool:
    return event.data.get("device_id") == node.device_id


def _counted(events: list[Event]) -> list[str]:
    """Give what was heard, as what can be compared: batches and events may come in another order when resumed."""
    return sorted(json.dumps([event.type, event.data], sort_keys=True) for event in events)
