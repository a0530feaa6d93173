"""The OpenAPI document tells all that happens: schemathesis asks what it allows and what it forbids, as everybody.

No answer may be a 5xx, have a status or a type that is not documented, or differ from its schema.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st
from plant_backend.app import build_fastapi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, PASSWORD, Backend, Node, Person, eventually, expect

SEED = int(os.environ.get("PLANT_TESTS_SEED", "20261124"))
"""The same requests in each run; another seed finds others."""

EXAMPLES = {"owner": 40, "device": 6, "viewer": 6, "anonymous": 2}
"""Requests that each sends to an operation, of those that are allowed and again of those that are not."""

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

DOCUMENT = build_fastapi(None).openapi()
OPERATIONS = {found.ok().label: found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()}
STREAM = "GET /events"
ADDRESSES = itertools.count(1)


@dataclass
class House:
    """Everybody's token, and what is Ada's."""

    backend: Backend
    ada: Person
    node: Node
    tokens: dict[str, str]
    session: requests.Session

    def ids(self) -> JSON:
        """Give the ids of what is there and of what is not."""
        return {
            "device_id": self.node.device_id,
            "key": "soil",
            "alert_id": 1,
            "token_id": 2**50,
            "session_id": 2**50,
            "user_id": 1,
            "target_id": 1,
        }


@pytest.fixture(scope="module")
def house(backend: Backend, ada: Person) -> Iterator[House]:
    node = ada.add_device()
    node.send(soil=[40, 41, 42], tank=5, air=20)
    eventually(lambda: ada.get("/alerts"))
    expect(201, ada.request("POST", "/viewers", json={"username": "vic", "password": PASSWORD}))
    tokens = {"owner": ada.token, "viewer": backend.sign_in("vic").token, "device": node.access_token, "anonymous": ""}
    with requests.Session() as session:
        session.trust_env = False
        yield House(backend, ada, node, tokens, session)


def test_the_server_gives_the_document_that_is_tested(backend: Backend) -> None:
    assert expect(200, backend.request("GET", "/openapi.json")) == DOCUMENT


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_a_method_that_is_not_documented_is_not_allowed(house: House, path: str) -> None:
    others = {"GET", "POST", "PUT", "PATCH", "DELETE"} - {method.upper() for method in DOCUMENT["paths"][path]}
    for method in sorted(others):
        refused(house.ada.request(method, path.format(**house.ids())), 405, "method_not_allowed")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["allowed", "forbidden"])
@pytest.mark.parametrize("label", [label for label in OPERATIONS if label != STREAM])
def test_whatever_is_asked_the_answer_is_documented(house: House, label: str, mode: str) -> None:
    operation = OPERATIONS[label]
    generation = schemathesis.GenerationMode.POSITIVE if mode == "allowed" else schemathesis.GenerationMode.NEGATIVE
    if mode == "forbidden" and not (operation.body or [*operation.iter_parameters()]):
        return
    path_parameters = {name: value for name, value in house.ids().items() if f"{{{name}}}" in label}
    cases = operation.as_strategy(generation)
    if path_parameters and not label.startswith("DELETE"):
        cases = st.one_of(operation.as_strategy(generation, path_parameters=path_parameters), cases)

    for asker, count in EXAMPLES.items():
        asked_by(house, asker, cases, count)


def asked_by(house: House, asker: str, cases: st.SearchStrategy[schemathesis.Case], count: int) -> None:
    """Send so many cases, and hold each answer against the document."""

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def ask(case: schemathesis.Case) -> None:
        note(f"PLANT_TESTS_SEED={SEED}")
        if isinstance(case.query.get("wait"), float | int) and 0 <= case.query["wait"] <= 25:
            case.query["wait"] = 0
        headers = {"x-forwarded-for": f"10.{next(ADDRESSES) >> 8}.{next(ADDRESSES) & 255}.1"}
        if house.tokens[asker]:
            headers["authorization"] = f"Bearer {house.tokens[asker]}"
        response = case.call(base_url=house.backend.url, session=house.session, headers=headers, timeout=60)
        assert response.status_code < 500, f"{response.status_code} {response.text}\n{case.as_curl_command()}"
        case.validate_response(response, checks=CHECKS)

    ask()
