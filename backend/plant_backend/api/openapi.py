"""Describes `POST /telemetry` in the OpenAPI document, since FastAPI does not route it."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from plant_backend.api.schemas import BatchAccepted, BatchIn

_REF = "#/components/schemas/{model}"


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
        for model in (BatchIn, BatchAccepted):
            schema = model.model_json_schema(ref_template=_REF)
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        for operation in [each for path in document["paths"].values() for each in path.values()]:
            _say_that_refusals_are_problems(operation["responses"])
        document["paths"]["/telemetry"] = {"post": _operation()}
        app.openapi_schema = document
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _say_that_refusals_are_problems(responses: dict[str, Any]) -> None:
    """Give refusals the media type that they have; FastAPI takes all that has a model for plain JSON."""
    problem = {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}}
    responses.setdefault("5XX", {"description": "The backend cannot do it now; Retry-After says when to ask again."})
    for status in ("4XX", "5XX", "503"):
        if status in responses:
            responses[status]["content"] = problem


async def _taken_elsewhere(_: Request) -> Response:
    raise HTTPException(HTTPStatus.NOT_FOUND)


def _operation() -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {
        400: "The body is not JSON.",
        401: "The access token is missing, expired or not valid.",
        409: "This batch id was accepted before with other content.",
        413: "The body or the batch is too large.",
        421: "The server does not answer to that name.",
        422: "A field is not allowed; it is named.",
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
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BatchIn"}}},
        },
        "responses": {
            "202": {
                "description": "The readings are on the disk.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BatchAccepted"}}},
            },
            **{str(status): {"description": text, "content": problem} for status, text in refusals.items()},
        },
    }
