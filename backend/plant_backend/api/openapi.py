"""Describes `POST /telemetry` in the OpenAPI document, since FastAPI does not route it."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from plant_backend.api.problems import Problem
from plant_backend.api.schemas import BatchAccepted, BatchIn

_REF = "#/components/schemas/{model}"
_PROBLEM = {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}}
_REFUSALS = {
    400: "The body is not JSON.",
    401: "The token is missing, expired or not valid.",
    403: "This person may look and change nothing, or another site sent this.",
    404: "There is no such thing, or it is somebody else's.",
    412: "It was changed since it was read; `current` is what it is now.",
    413: "The body is too large.",
    421: "The server does not answer to that name.",
    422: "A field is not allowed; it is named.",
}


def describe_telemetry(app: FastAPI) -> None:
    """Add the route to the document that the application makes."""
    # Never reached by a POST: it is there so that another method gets its 405, and no 404.
    app.add_route("/telemetry", _taken_elsewhere, methods=["POST"], include_in_schema=False)
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = make()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (BatchIn, BatchAccepted, Problem):
            schema = model.model_json_schema(ref_template=_REF)
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        for model_of_others in ("HTTPValidationError", "ValidationError"):
            schemas.pop(model_of_others, None)
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _document_refusals(path, method, operation)
        document["paths"]["/telemetry"] = {"post": _operation()}
        app.openapi_schema = document
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _document_refusals(path: str, method: str, operation: dict[str, Any]) -> None:
    """Name the refusals that follow from what a route is; a route declares only those that are its own."""
    responses = operation["responses"]
    # FastAPI's own words for a 422 are not ours.
    responses.pop("422", None)
    is_for_people = any("API token" in scheme for scheme in operation.get("security", ()))
    has_body, has_input = "requestBody" in operation, "requestBody" in operation or "parameters" in operation
    for status, applies in (
        (400, has_body),
        (401, "security" in operation),
        (403, is_for_people and method != "get"),
        (404, "{" in path),
        (412, any(parameter["name"].lower() == "if-match" for parameter in operation.get("parameters", ()))),
        (413, has_body),
        (421, True),
        (422, has_input),
    ):
        if applies:
            responses.setdefault(str(status), {"description": _REFUSALS[status]})
    responses.setdefault("5XX", {"description": "The backend cannot do it now; Retry-After says when to ask again."})
    for status, response in responses.items():
        if status[0] in "45":
            # FastAPI takes all that has a model for plain JSON.
            own = response.get("content", {}).get("application/json", {}).get("schema")
            response["content"] = {"application/problem+json": {"schema": own}} if own else _PROBLEM


async def _taken_elsewhere(_: Request) -> Response:
    raise HTTPException(HTTPStatus.NOT_FOUND)


def _operation() -> dict[str, Any]:
    refusals = _REFUSALS | {
        409: "This batch id was accepted before with other content.",
        413: "The body or the batch is too large.",
        503: "Too much is waiting; Retry-After says when to send it again.",
    }
    return {
        "tags": ["nodes"],
        "summary": "Send Readings",
        "description": "Make a batch of readings durable. Sending it again is harmless.",
        "operationId": "send_readings",
        "security": [{"Node": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _REF.format(model="BatchIn")}}},
        },
        "responses": {
            "202": {
                "description": "The readings are on the disk.",
                "content": {"application/json": {"schema": {"$ref": _REF.format(model="BatchAccepted")}}},
            },
            **{
                str(status): {"description": refusals[status], "content": _PROBLEM}
                for status in (400, 401, 409, 413, 421, 422, 503)
            },
        },
    }
