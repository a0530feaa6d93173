"""Takes HTTP/1.1 answers apart as they come in, and no further than the benchmarks need."""


class AnswerReader:
    """Collects the bytes of one answer at a time from a keep-alive connection."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> tuple[int, bytes] | None:
        """Take in bytes. Gives (status, body) once an answer is complete, else None."""
        buffer = self._buffer = self._buffer + data if self._buffer else data
        head_end = buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        status = int(buffer[9:12])
        end = head_end + 4 + (0 if status == 204 else _content_length(buffer[:head_end]))
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        return status, buffer[head_end + 4 : end]


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError(f"an answer without Content-Length: {head!r}")
    return int(head[at + 17 :].split(b"\r\n", 1)[0])
