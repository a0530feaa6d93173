"""What the backend says of itself."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.backend.api.refusals import refused
from tests.backend.secret_hunt import assert_no_secret_was_logged
from tests.live_backend import JSON, PASSWORD, Backend, Node, Person, expect


def test_info_tells_a_client_whether_it_fits(backend: Backend) -> None:
    before = datetime.now(UTC)
    info = expect(200, backend.request("GET", "/info"))

    assert info["name"] == "plant-automation"
    assert info["api_version"] == 1
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", info["version"])
    assert re.fullmatch(r"[0-9a-f-]{36}", info["instance_id"])
    # The time is told to the millisecond. To hold the first answer against the document takes a busy machine long.
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(info["time"]) <= datetime.now(UTC)
    assert set(info) == {"name", "version", "api_version", "instance_id", "time"}


def test_it_is_alive_and_ready(backend: Backend) -> None:
    assert expect(200, backend.request("GET", "/healthz")) == {"status": "ok"}
    assert expect(200, backend.request("GET", "/readyz")) == {"status": "ready"}


@pytest.mark.parametrize("path", ["/nothing", "/devices/", "/telemetry/", "/info/x", "//", "/%00", "/devices/x/y"])
def test_what_is_not_there_is_a_problem_document_too(ada: Person, path: str) -> None:
    answer = ada.request("GET", path, follow_redirects=False)

    assert answer.status_code in (307, 404), answer.text
    if answer.status_code == 404:
        refused(answer, 404, answer.json()["code"])


def test_a_method_that_is_not_there_is_not_allowed(ada: Person, backend: Backend) -> None:
    paths = expect(200, backend.request("GET", "/openapi.json"))["paths"]
    for path, methods in paths.items():
        answer = ada.request("TRACE", re.sub(r"{.*?}", "1", path))
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"], (path, methods)


def test_the_openapi_document_describes_telemetry(backend: Backend) -> None:
    operation = _openapi(backend)["paths"]["/telemetry"]["post"]

    assert operation["security"] == [{"Node": []}]
    assert {"202", "400", "401", "409", "413", "422", "503"} <= set(operation["responses"])
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/BatchIn")


def test_all_that_the_openapi_document_points_at_is_in_it(backend: Backend) -> None:
    document = _openapi(backend)
    for pointer in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found: Any = document
        for part in pointer.split("/"):
            found = found[part]


def test_each_body_has_examples_and_each_operation_its_words(backend: Backend) -> None:
    document = _openapi(backend)
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None:
                reference = body["schema"]["$ref"].rsplit("/", 1)[1]
                assert _has_example(schemas[reference], schemas), (method, path, reference)


def test_the_documented_problem_is_the_one_that_is_sent(backend: Backend, ada: Person) -> None:
    schema = _openapi(backend)["components"]["schemas"]["Problem"]
    document = refused(ada.request("POST", "/devices", json={}), 422, "invalid_input", "name")

    assert set(document) <= set(schema["properties"])
    assert set(schema["required"]) <= set(document)


def test_no_secret_reaches_the_log_whatever_goes_wrong(backend: Backend, node: Node, ada: Person) -> None:
    """The log is pasted into issues, and sent to other machines."""
    for token in (ada.token, node.access_token, node.refresh_token, node.secret):
        backend.request("GET", f"/devices/{token}", token=token)
        backend.request("GET", f"/nothing?token={token}", token=token + "x")
        backend.request("POST", "/auth/device/refresh", json={"refresh_token": token})
        backend.request("POST", "/auth/device", json={"device_id": token, "secret": token, "manifest": {}})
        backend.request("POST", "/auth/token", json={"username": token, "password": token, "name": token})
        backend.request("POST", "/telemetry", token=token, content=token.encode())
        node.try_send([{"sensor": token, "value": 1}])
    backend.request("POST", "/auth/token", json={"username": "ada", "password": PASSWORD + "x", "name": "x"})
    backend.request("POST", "/auth/token", json={"username": PASSWORD, "password": 7, "name": PASSWORD})

    assert_no_secret_was_logged(backend)
    assert [event for event in backend.log_events() if event["level"] == "error"] == []


def _openapi(backend: Backend) -> JSON:
    document: JSON = expect(200, backend.request("GET", "/openapi.json"))
    return document


def _has_example(schema: JSON, schemas: JSON) -> bool:
    """Look for an example in a schema, its fields, and what they refer to."""
    if schema.get("examples") or schema.get("example"):
        return True
    parts = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    if "items" in schema:
        parts.append(schema["items"])
    if "$ref" in schema:
        parts.append(schemas[schema["$ref"].rsplit("/", 1)[1]])
    return any(_has_example(part, schemas) for part in parts)
