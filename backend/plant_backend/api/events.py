"""`GET /events`: what happens, as Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from plant_backend.api.dependencies import CurrentIdentity, Identity, ServicesDep
from plant_backend.api.system import info_of
from plant_backend.domain.errors import Forbidden, InvalidCredentials
from plant_backend.services.events import Message, SlowListener
from plant_backend.services.registry import Services

router = APIRouter(tags=["events"])


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"example": "event: info\ndata: {…}\n\n"}}}},
)
async def stream_events(
    asking: CurrentIdentity,
    services: ServicesDep,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> StreamingResponse:
    """Stream what happens to your devices: server info, a snapshot or what you missed, then events.

    Last-Event-ID says what you saw last.
    """
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_frames(services, asking, last_event_id), media_type="text/event-stream", headers=headers)


async def _frames(services: Services, asking: Identity, last_id: str | None) -> AsyncIterator[bytes]:
    yield _frame(Message("info", info_of(services).model_dump(mode="json")))
    try:
        async for message in services.events.listen(asking.who, last_id):
            await asking.still_holds()
            yield b": still here\n\n" if message is None else _frame(message)
    except (InvalidCredentials, Forbidden):
        # The token was revoked, or the account ended: what it opened ends with it.
        return
    except SlowListener:
        yield _frame(Message("too_slow", {"detail": "You fell too far behind; connect again with Last-Event-ID."}))


def _frame(message: Message) -> bytes:
    head = f"event: {message.type}\n" + (f"id: {message.id}\n" if message.id else "")
    return head.encode() + b"data: " + msgspec.json.encode(message.data) + b"\n\n"
