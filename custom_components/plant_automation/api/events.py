"""The stream of events: reading Server-Sent Events as they come in."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the stream. `id` is what to resume from, where there is something to resume from."""

    type: str
    data: dict[str, Any]
    id: str | None = None


class EventParser:
    """Turns chunks of bytes, cut anywhere, into messages. Lines may be of any length: a snapshot is one line."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._rest = bytearray()
        self._type, self._id = "message", None
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Message]:
        """Give the messages that are complete now."""
        # Looking for the end of a line starts at the new bytes, so that a long line costs no more than its length.
        start = len(self._rest)
        self._rest += chunk
        if self._rest.find(b"\n", start) < 0:
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        messages = []
        for line in lines:
            message = self._line(line.rstrip(b"\r").decode())
            if message is not None:
                messages.append(message)
        return messages

    _id: str | None

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._type = value
        elif name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)
        return None

    def _complete(self) -> Message | None:
        message = None
        if self._data:
            data = json.loads("\n".join(self._data))
            message = Message(self._type, data, self._id)
        self._type, self._id = "message", None
        self._data.clear()
        return message
