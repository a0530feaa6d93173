"""Stand-ins for Home Assistant's Supervisor: one takes an app's discovery and remembers it, one passes ingress on.

Run as a program it listens on port 80, for the smoke test of the image.
"""

import contextlib
import gzip
import http.client
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


ADDRESS = "127.0.0.7"
"""Where the ingress speaks from: what 172.30.32.2 is in Home Assistant OS."""
_FILTERED = {"content-length", "content-encoding", "transfer-encoding"}


class IngressHandler(BaseHTTPRequestHandler):
    """Passes `/ingress/TOKEN/PATH` on to an app as `/PATH`, and says who the person is."""

    protocol_version = "HTTP/1.1"
    target: str
    person: tuple[str, str]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def _pass_on(self) -> None:
        _, _, _, path = self.path.split("/", 3)
        body = self._body()
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _FILTERED and not name.lower().startswith("x-remote-user-")
        }
        came_by = self.headers.get("x-forwarded-for")
        headers |= {
            "X-Remote-User-Id": self.person[0],
            "X-Remote-User-Name": self.person[1],
            "X-Forwarded-For": f"{came_by}, {self.client_address[0]}",
        }
        app = http.client.HTTPConnection(self.target, timeout=30, source_address=(ADDRESS, 0))
        with contextlib.closing(app), contextlib.suppress(ConnectionError, TimeoutError):
            app.request(self.command, "/" + path, body, headers)
            answer = app.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _FILTERED:
                    self.send_header(name, value)
            self.send_header("connection", "close")
            self.close_connection = True
            if answer.getheader("content-length") is not None:
                # The real one unpacks what an app packs, and so says another length.
                whole = answer.read()
                if answer.getheader("content-encoding") == "gzip":
                    whole = gzip.decompress(whole)
                self.send_header("content-length", str(len(whole)))
                self.end_headers()
                self.wfile.write(whole)
                return
            self.end_headers()
            while chunk := answer.read1(65536):
                self.wfile.write(chunk)
                self.wfile.flush()

    def _body(self) -> bytes | None:
        """Read what was sent whole; Home Assistant sends it in pieces."""
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0)) or None
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - the base's names


@contextmanager
def ingress(target: str, person: tuple[str, str]) -> Iterator[str]:
    """Run the ingress of one app for one person. `target` is the app's host and port. Gives its own."""
    handler = type("OwnHandler", (IngressHandler,), {"target": target, "person": person})
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


if __name__ == "__main__":
    sys.exit(server("0.0.0.0", 80).serve_forever())
