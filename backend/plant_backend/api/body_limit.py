"""Refuses a body that announces too much before anything reads it, in the same words as everything else.

FastAPI's own limit, which stays behind it for bodies without a length, would answer in plain text.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from plant_backend.api import problems
from plant_backend.api.telemetry import MAX_BODY
from plant_backend.domain.errors import TooLarge

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyLimit:
    """Stands before an ASGI application."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and _announced(scope) > MAX_BODY:
            refusal = TooLarge("body_too_large", f"The body may have at most {MAX_BODY} bytes.")
            await problems.from_error(refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
