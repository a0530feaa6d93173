"""What the demonstration says to the backend: plain HTTP, as any program would."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class RequestFailed(Exception):
    """The backend refused; the text is its own."""


@dataclass(frozen=True, slots=True)
class Client:
    """Talks to one backend as one person."""

    url: str
    token: str | None = None

    def get(self, path: str) -> Any:
        """Fetch a document."""
        return self._send("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send a document."""
        return self._send("POST", path, body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """Replace a document."""
        return self._send("PUT", path, body)

    def pages(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """Give all items of a list that comes in pages, newest first."""
        before = ""
        while True:
            page = self.get(f"{path}?limit=500{before}")
            yield from page[name]
            if page["next_before"] is None:
                return
            before = f"&before={page['next_before']}"

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give (type, data) of what happens, until the stream ends."""
        request = urllib.request.Request(f"{self.url}/events", headers=self._headers())  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=60) as stream:  # noqa: S310
            kind = ""
            for line in stream:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers(), "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise RequestFailed(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error
