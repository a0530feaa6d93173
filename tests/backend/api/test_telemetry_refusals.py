"""Readings that are refused: whole, with the field by name, and without a trace in the database."""

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, Node, Person, expect

SOUND = {"sensor": "soil", "value": 40, "age_ms": 0}
MAX_BODY = 256 * 1024


@pytest.fixture
def silent_node(node: Node, ada: Person) -> Iterator[Node]:
    """Give a node that, after all it tries, was never heard."""
    yield node
    device = ada.get(node.path)
    assert device["last_seen_at"] is None
    assert [sensor["latest"] for sensor in device["sensors"]] == [None, None, None]
    assert ada.get(f"{node.path}/readings", sensor="soil")["readings"] == []


@pytest.mark.parametrize(
    ("reading", "field"),
    [
        ({"value": 1}, "sensor"),
        ({"sensor": None, "value": 1}, "sensor"),
        ({"sensor": 1.5, "value": 1}, "sensor"),
        ({"sensor": True, "value": 1}, "sensor"),
        ({"sensor": ["soil"], "value": 1}, "sensor"),
        ({"sensor": "soil"}, "value"),
        ({"sensor": "soil", "value": None}, "value"),
        ({"sensor": "soil", "value": "41.5"}, "value"),
        ({"sensor": "soil", "value": True}, "value"),
        ({"sensor": "soil", "value": [1]}, "value"),
        ({"sensor": "soil", "value": 10**400}, "value"),
        ({"sensor": "soil", "value": 1, "age_ms": 1.5}, "age_ms"),
        ({"sensor": "soil", "value": 1, "age_ms": "1"}, "age_ms"),
        ({"sensor": "soil", "value": 1, "age_ms": True}, "age_ms"),
        ({"sensor": "soil", "value": 1, "measured_at": "yesterday"}, "measured_at"),
        ({"sensor": "soil", "value": 1, "measured_at": 1_800_000_000}, "measured_at"),
        ({"sensor": "soil", "value": 1, "measured_at": "2026-07-01T12:00:00"}, "measured_at"),
        ({"sensor": "soil", "value": 1, "quality": "good"}, "quality"),
    ],
)
def test_a_reading_of_the_wrong_form_is_named(silent_node: Node, reading: JSON, field: str) -> None:
    refused(silent_node.try_send([SOUND, reading]), 422, "invalid_input", f"readings[1].{field}")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"age_ms": -1}, "age_ms"),
        ({"age_ms": 31 * 24 * 3600 * 1000 + 1}, "age_ms"),
        ({"age_ms": 10**30}, "age_ms"),
        ({"age_ms": -(10**30)}, "age_ms"),
        ({"measured_at": "1970-01-01T00:00:00Z"}, "measured_at"),
        ({"measured_at": "0001-01-01T00:00:00+14:00"}, "measured_at"),
        ({"measured_at": "9999-12-31T23:59:59-14:00"}, "measured_at"),
        ({"measured_at": (datetime.now(UTC) + timedelta(days=2)).isoformat()}, "measured_at"),
        ({"measured_at": datetime.now(UTC).isoformat(), "age_ms": 0}, "age_ms"),
        ({"measured_at": datetime.now(UTC).isoformat(), "age_ms": -5}, "age_ms"),
    ],
)
def test_a_time_that_cannot_be_is_named(silent_node: Node, more: JSON, field: str) -> None:
    answer = silent_node.try_send([SOUND, {"sensor": "soil", "value": 1} | more])

    refused(answer, 422, "invalid_reading", f"readings[1].{field}")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_value_that_is_no_finite_number_is_named(silent_node: Node, value: str) -> None:
    """A 422 and not a 400: it can never succeed, so the node drops it."""
    content = b'{"batch_id":"b","readings":[{"sensor":"soil","value":%s,"age_ms":0}]}' % value.encode()
    answer = silent_node.request("POST", "/telemetry", content=content)

    assert answer.json()["code"] in ("invalid_reading", "invalid_input")
    refused(answer, 422, answer.json()["code"], "readings[0].value")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"readings": []}, "batch_id"),
        ({"batch_id": "", "readings": []}, "batch_id"),
        ({"batch_id": 7, "readings": []}, "batch_id"),
        ({"batch_id": "a b", "readings": []}, "batch_id"),
        ({"batch_id": "a\n", "readings": []}, "batch_id"),
        ({"batch_id": "ä", "readings": []}, "batch_id"),
        ({"batch_id": "a" * 65, "readings": []}, "batch_id"),
        ({"batch_id": "a", "boot_id": "a b", "readings": []}, "boot_id"),
        ({"batch_id": "a", "boot_id": 7, "readings": []}, "boot_id"),
        ({"batch_id": "a"}, "readings"),
        ({"batch_id": "a", "readings": {}}, "readings"),
        ({"batch_id": "a", "readings": [7]}, "readings[0]"),
        ({"batch_id": "a", "readings": [], "device_id": "x"}, "device_id"),
        ([], "body"),
        (None, "body"),
        ("batch", "body"),
    ],
)
def test_a_batch_of_the_wrong_form_names_the_field(silent_node: Node, body: object, field: str) -> None:
    refused(silent_node.request("POST", "/telemetry", content=json.dumps(body)), 422, "invalid_input", field)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"batch_id":"a","readings":[]} x',
        b"\xff\xfe",
        b'{"batch_id":"\xff","readings":[]}',
        b'{"batch_id":"\\ud800","readings":[]}',
        b'{"batch_id":"a","readings":[],"\\ud800":1}',
        b"[" * 100_000 + b"x",
        b'{"batch_id":"a","readings":' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_refused(silent_node: Node, content: bytes) -> None:
    answer = silent_node.request("POST", "/telemetry", content=content)

    assert answer.status_code in (400, 422)
    refused(answer, answer.status_code, answer.json()["code"])


def test_a_foreign_sensor_looks_unknown_byte_for_byte(silent_node: Node, ada: Person, eve: Person) -> None:
    """Else a node could find out which ids exist."""
    her_own, of_eve = ada.add_device(), eve.add_device()
    foreign = [ada.get(her_own.path)["sensors"][0]["id"], eve.get(of_eve.path)["sensors"][0]["id"]]
    answers = []
    for sensor in [*foreign, 999_999_999]:
        answer = silent_node.try_send([SOUND, {"sensor": sensor, "value": 1, "age_ms": 0}])
        refused(answer, 422, "unknown_sensor", "readings[1].sensor")
        answers.append(answer.text.replace(f"'{sensor}'", "'?'"))

    assert len(set(answers)) == 1


@pytest.mark.parametrize("sensor", ["", "x", "Soil", "soil ", "x" * 10_000, -1, 0, 10**30])
def test_one_unknown_sensor_refuses_the_whole_batch(silent_node: Node, sensor: object) -> None:
    readings = [SOUND] * 3 + [{"sensor": sensor, "value": 1, "age_ms": 0}] + [SOUND]

    document = refused(silent_node.try_send(readings), 422, "unknown_sensor", "readings[3].sensor")
    assert len(document["detail"]) < 500


def test_a_refused_batch_may_be_sent_again_when_it_is_mended(node: Node) -> None:
    refused(node.try_send([SOUND | {"value": 1, "age_ms": -1}], "b-1"), 422, "invalid_reading")

    assert expect(202, node.try_send([SOUND], "b-1")) == {"accepted": 1, "duplicate": False}


def test_all_that_is_wrong_is_told_at_once(silent_node: Node) -> None:
    readings = [SOUND | {"age_ms": -1}, SOUND, SOUND | {"sensor": "x", "age_ms": -1}]
    answer = silent_node.try_send(readings)

    refused(answer, 422, "unknown_sensor", "readings[0].age_ms", "readings[2].sensor", "readings[2].age_ms")


def test_more_than_five_hundred_readings_are_too_many(silent_node: Node) -> None:
    refused(silent_node.try_send([SOUND] * 501), 413, "too_many_readings")


def test_a_body_of_256_kib_passes_and_one_byte_more_does_not(node: Node) -> None:
    body = json.dumps({"batch_id": "b", "readings": [SOUND]}).encode()
    assert node.request("POST", "/telemetry", content=body.ljust(MAX_BODY)).status_code == 202

    refused(node.request("POST", "/telemetry", content=body.ljust(MAX_BODY + 1)), 413, "body_too_large")


@pytest.mark.parametrize("path", ["/commands/ack", "/auth/device"])
def test_the_other_routes_refuse_a_large_body_in_the_same_words(node: Node, path: str) -> None:
    refused(node.request("POST", path, content=b"{}".ljust(MAX_BODY + 1)), 413, "body_too_large")


@pytest.mark.parametrize("path", ["/telemetry", "/commands/ack", "/auth/device"])
def test_a_body_without_a_length_is_stopped_as_well(silent_node: Node, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"batch_id":"b","readings":['
        for _ in range(40):
            yield b" " * 8192
        yield b"]}"

    refused(silent_node.request("POST", path, content=chunks()), 413, "body_too_large")


def test_a_body_that_comes_in_small_chunks_is_put_together(node: Node) -> None:
    body = json.dumps({"batch_id": "b", "readings": [SOUND]}).encode()
    answer = node.request("POST", "/telemetry", content=(body[place : place + 7] for place in range(0, len(body), 7)))

    assert expect(202, answer) == {"accepted": 1, "duplicate": False}


def test_a_body_that_lies_about_its_length_is_refused_before_it_is_read(silent_node: Node) -> None:
    url = httpx.URL(silent_node.backend.url)
    connection = http.client.HTTPConnection(url.host, url.port or 80, timeout=60)
    try:
        connection.putrequest("POST", "/telemetry")
        connection.putheader("authorization", f"Bearer {silent_node.access_token}")
        connection.putheader("content-length", str(10**12))
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["code"] == "body_too_large"
    finally:
        connection.close()


def test_a_node_that_goes_away_in_mid_request_leaves_nothing(silent_node: Node) -> None:
    url = httpx.URL(silent_node.backend.url)
    connection = http.client.HTTPConnection(url.host, url.port or 80, timeout=60)
    connection.putrequest("POST", "/telemetry")
    connection.putheader("authorization", f"Bearer {silent_node.access_token}")
    connection.putheader("content-length", "1000")
    connection.endheaders()
    connection.send(json.dumps({"batch_id": "b", "readings": [SOUND]}).encode())
    connection.close()

    assert silent_node.poll() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_not_allowed(silent_node: Node, method: str) -> None:
    answer = silent_node.request(method, "/telemetry")

    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_without_a_token_nothing_is_stored(silent_node: Node) -> None:
    body = {"batch_id": "b", "readings": [SOUND]}

    refused(silent_node.backend.request("POST", "/telemetry", json=body), 401, "missing_token")
    refused(silent_node.backend.request("POST", "/telemetry", json=body, token="x"), 401, "invalid_token")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "sensor"),
        ("sensor=x", "sensor"),
        ("sensor=soil&since=x", "since"),
        ("sensor=soil&since=2026-07-01T12:00:00", "since"),
        ("sensor=soil&since=2026-07-02T00:00:00Z&until=2026-07-01T00:00:00Z", "since"),
        ("sensor=soil&until=0001-01-01T00:00:00Z", "until"),
        ("sensor=soil&limit=0", "limit"),
        ("sensor=soil&limit=10001", "limit"),
        ("sensor=soil&newest_first=perhaps", "newest_first"),
    ],
)
def test_a_question_for_history_that_makes_no_sense_names_the_field(
    node: Node, ada: Person, query: str, field: str
) -> None:
    refused(ada.request("GET", f"{node.path}/readings?{query}"), 422, "invalid_input", field)
