"""`POST /telemetry`, straight on ASGI: the one route where a framework's microseconds count.

It does what the other routes do, in the same words: who is asking, a bounded body, a checked document, an answer or
a problem.
"""

import contextlib
import json
import math
import re
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import structlog

from plant_backend.api import problems
from plant_backend.api.gate import SECURITY_HEADERS
from plant_backend.domain.errors import InvalidCredentials, InvalidInput, Malformed, PlantError, TooLarge
from plant_backend.services.registry import Services

log = structlog.get_logger(__name__)

MAX_BODY = 256 * 1024

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Reading(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One reading of the body."""

    sensor: str | int
    value: float
    age_ms: int | None = None
    measured_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class BatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body."""

    batch_id: str
    readings: list[Reading]
    boot_id: str = ""


_decode = msgspec.json.Decoder(BatchBody).decode
_HEADERS = [(b"content-type", b"application/json"), *SECURITY_HEADERS]


class TelemetryEndpoint:
    """Takes batches of readings."""

    def __init__(self, services: Services, count: Callable[[int], None]) -> None:
        self._services = services
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._accept(scope, receive)
        except PlantError as error:
            await self._refuse(send, problems.from_error(error))
            return
        except _Disconnected:
            return
        except Exception:
            log.exception("telemetry_failed")
            await self._refuse(
                send, problems.problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here.")
            )
            return
        self._count(202)
        headers = [*_HEADERS, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _refuse(self, send: Send, response: problems.ProblemResponse) -> None:
        self._count(response.status_code)
        headers = [*response.raw_headers, *SECURITY_HEADERS]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _accept(self, scope: Scope, receive: Receive) -> bytes:
        token = ""
        for name, value in scope["headers"]:
            if name == b"authorization":
                token = value.decode("latin-1")
            elif name == b"content-length" and (not value.isdigit() or int(value) > MAX_BODY):
                raise TooLarge("body_too_large", f"The body may have at most {MAX_BODY} bytes.")
        if token[:7].lower() != "bearer ":
            raise InvalidCredentials("missing_token", "An access token is required: sign in at /auth/device.")
        token = token[7:].strip()
        entry = self._services.tokens.known(token) or await self._services.tokens.check(token)
        body = await _body(receive)
        try:
            batch = _decode(body)
        except msgspec.ValidationError as error:
            raise _invalid(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _unreadable(body, error) from None
        try:
            receipt = await self._services.telemetry.accept(entry, batch.batch_id, batch.boot_id, batch.readings)
        except InvalidInput:
            await self._services.telemetry.look_elsewhere()
            if entry.is_current:
                raise
            entry = await self._services.tokens.check(token)
            receipt = await self._services.telemetry.accept(entry, batch.batch_id, batch.boot_id, batch.readings)
        return b'{"accepted":%d,"duplicate":%s}' % (receipt.accepted, b"true" if receipt.is_duplicate else b"false")


class _Disconnected(Exception):
    """The node went away before its request was complete."""


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= MAX_BODY:
        return body
    chunks, size = [body], len(body)
    while True:
        if message["type"] == "http.disconnect":
            raise _Disconnected
        if size > MAX_BODY:
            raise TooLarge("body_too_large", f"The body may have at most {MAX_BODY} bytes.")
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])


def _unreadable(body: bytes, error: Exception) -> PlantError:
    """Tell a body that is not JSON from one whose only fault is a NaN or an infinity, as Python writes them.

    The second can never succeed, so it is a 422, on which a node drops its batch.
    """
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(body)
        readings = found.get("readings") if isinstance(found, dict) else None
        fields = [
            (f"readings[{index}].{name}", "must be a finite number")
            for index, reading in enumerate(readings if isinstance(readings, list) else ())
            if isinstance(reading, dict)
            for name in ("value", "age_ms")
            if isinstance(number := reading.get(name), float) and not math.isfinite(number)
        ]
        if fields:
            return InvalidInput(fields[:20], "invalid_reading")
    return Malformed(f"The body is not JSON: {error}.")


_PATH = re.compile(r"^(.*) - at `\$\.?(.*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`$")
_MISSING = re.compile(r"^Object missing required field `(.*)`$")


def _invalid(error: msgspec.ValidationError) -> PlantError:
    """Name the field, as the other routes do."""
    text, field = str(error), "body"
    if found := _PATH.match(text):
        text, field = found[1], found[2]
    for pattern, message in ((_UNKNOWN, "is not known here"), (_MISSING, "is required")):
        if found := pattern.match(text):
            inner = found[1]
            field = inner if field == "body" else f"{field}.{inner}"
            text = message
    if text.lower() == "number out of range":
        text = "must be a finite number"
    return InvalidInput([(field or "body", text[:1].lower() + text[1:])])
