"""A stand-in for Home Assistant's Supervisor: takes an app's discovery, as the real one does, and remembers it.

Run as a program it listens on port 80, for the smoke test of the image.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "token-of-the-app"


class Handler(BaseHTTPRequestHandler):
    """Answers `POST /discovery`; counts down `failures` with a 502 first."""

    told: list[dict[str, Any]]
    failures: list[int]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def do_GET(self) -> None:
        """Show what was told."""
        self._answer(200, self.told)

    def do_POST(self) -> None:
        """Take a discovery."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.failures:
            self.failures.pop()
            return self._answer(502, {"result": "error"})
        if self.path != "/discovery":
            return self._answer(404, {"result": "error"})
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._answer(401, {"result": "error"})
        message = json.loads(body)
        if set(message) != {"service", "config"} or not isinstance(message["config"], dict):
            return self._answer(400, {"result": "error"})
        self.told.append(message)
        return self._answer(200, {"result": "ok", "data": {"uuid": "4f1c"}})

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def server(host: str, port: int, failures: int = 0) -> ThreadingHTTPServer:
    """Make one; its handler's class holds what was told."""
    handler = type("OwnHandler", (Handler,), {"told": [], "failures": [1] * failures})
    return ThreadingHTTPServer((host, port), handler)


@contextmanager
def supervisor(failures: int = 0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Run one on a free port. Gives its address and what it was told."""
    running = server("127.0.0.1", 0, failures)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", running.RequestHandlerClass.told  # type: ignore[attr-defined]
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


if __name__ == "__main__":
    sys.exit(server("0.0.0.0", 80).serve_forever())
