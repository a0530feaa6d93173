"""Errors as RFC 9457 problem documents, in one place and by type."""

import json
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from plant_backend.api.etags import etag
from plant_backend.domain.errors import (
    Conflict,
    Forbidden,
    InvalidCredentials,
    InvalidInput,
    Malformed,
    NotFound,
    PlantError,
    PreconditionFailed,
    TooLarge,
    TooManyAttempts,
    Unavailable,
    WateringRefused,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[PlantError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Malformed: HTTPStatus.BAD_REQUEST,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    InvalidCredentials: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    Conflict: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    WateringRefused: HTTPStatus.CONFLICT,
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(BaseModel):
    """An RFC 9457 problem document. `code` is stable and made for programs, `detail` is made for people."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    code: str = Field(examples=["invalid_input"])
    detail: str = Field(examples=["dose_ms: must be 100 to 600000"])
    errors: list[FieldError] | None = None
    until: str | None = Field(None, description="When a refusal ends at the latest, where that is known.")
    current: dict[str, Any] | None = Field(None, description="What is stored now, where `If-Match` named another one.")


WRONG_CREDENTIALS: dict[int | str, dict[str, Any]] = {401: {"description": "The name, secret or token is not right."}}
GUESSING: dict[int | str, dict[str, Any]] = WRONG_CREDENTIALS | {
    429: {"description": "Too many wrong attempts; Retry-After says when to try again."}
}
"""What routes document that take a secret."""


class ProblemResponse(Response):
    """A response that carries a problem document."""

    media_type = MEDIA_TYPE


def problem(
    status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> ProblemResponse:
    """Make a problem response."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }
    return ProblemResponse(json.dumps(document, ensure_ascii=False), status, headers)


def from_error(error: PlantError) -> ProblemResponse:
    """Turn one of our errors into a response."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, InvalidInput):
        more["errors"] = [{"field": field, "message": message} for field, message in error.errors]
    if isinstance(error, WateringRefused) and error.until is not None:
        more["until"] = error.until.isoformat().replace("+00:00", "Z")
    if isinstance(error, PreconditionFailed):
        more["current"] = error.current
        headers["etag"] = etag(error.version)
    if isinstance(error, Unavailable | TooManyAttempts):
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, InvalidCredentials):
        headers["www-authenticate"] = "Bearer"
    return problem(status, error.code, error.detail, headers=headers, **more)


def install(app: FastAPI) -> None:
    """Make every error of an application a problem document."""

    @app.exception_handler(PlantError)
    async def plant_error(_: Request, error: PlantError) -> Response:
        return from_error(error)

    @app.exception_handler(RequestValidationError)
    async def validation_error(_: Request, error: RequestValidationError) -> Response:
        if any(item["type"] == "json_invalid" for item in error.errors()):
            return problem(HTTPStatus.BAD_REQUEST, "invalid_json", "The body is not JSON.")
        errors = [FieldError(field=_field(item["loc"]), message=_message(item)) for item in error.errors()[:20]]
        detail = "; ".join(f"{item.field}: {item.message}" for item in errors)
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", detail, errors=[item.model_dump() for item in errors]
        )

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        code = {400: "invalid_json", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}.get(
            error.status_code, "error"
        )
        return problem(error.status_code, code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        if not isinstance(error, ConnectionError):
            log.error("request_failed", method=request.method, path=request.url.path, exc_info=error)
        return problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here; it is in the log."
        )


def _field(location: Sequence[int | str]) -> str:
    """Write ("body", "readings", 3, "value") as readings[3].value."""
    path = ""
    for part in location[1:] if location and location[0] in ("body", "query", "path", "header") else location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or str(location[0] if location else "body")


def _message(item: dict[str, Any]) -> str:
    value = item.get("input")
    if item["type"] == "extra_forbidden":
        return "is not known here"
    if item["type"] == "missing":
        return "is required"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    text: str = item["msg"].removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
