"""Proxies with a prefix of their own, which they take off and name in a header: any, and Home Assistant's."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SUPERVISOR = "127.0.0.7"
PREFIX = "/api/hassio_ingress/9Vb3xT_token-1"
_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}
HOUSE = """<!doctype html><html lang="en"><title>House</title><link rel="icon" href="data:,">
<style>body { margin: 0 } iframe { border: 0; display: block; width: 100vw; height: 100vh }</style>
<iframe title="Plants"></iframe>"""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: str
    outside: list[str]
    person: tuple[str, str] | None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def _pass_on(self) -> None:
        if self.path == "/":
            return self._answer(200, [("content-type", "text/html")], HOUSE.encode())
        if not self.path.startswith(PREFIX + "/"):
            self.outside.append(self.path)
            return self._answer(404, [], b"")
        source = None if self.person is None else (SUPERVISOR, 0)
        upstream = http.client.HTTPConnection(urlsplit(self.target).netloc, timeout=30, source_address=source)
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "connection") and not name.lower().startswith("x-remote-user-")
        }
        headers |= {"X-Forwarded-Host": self.headers["host"], "X-Forwarded-Proto": "http"}
        if self.person is None:
            headers |= {"Host": urlsplit(self.target).netloc, "X-Forwarded-Prefix": PREFIX}
        else:
            # Home Assistant and its Supervisor leave the host as the browser named it.
            headers |= {
                "Host": self.headers["host"],
                "X-Hass-Source": "core.ingress",
                "X-Ingress-Path": PREFIX,
                "X-Forwarded-For": f"{self.client_address[0]}, 172.30.32.1",
                "X-Remote-User-Id": self.person[0],
                "X-Remote-User-Name": self.person[1],
                "X-Remote-User-Display-Name": self.person[1].title(),
            }
        body = self.rfile.read(int(self.headers.get("content-length") or 0)) or None
        with contextlib.closing(upstream), contextlib.suppress(ConnectionError, TimeoutError):
            try:
                upstream.request(self.command, self.path.removeprefix(PREFIX), body, headers)
                answer = upstream.getresponse()
            except ConnectionError:
                return self._answer(502, [], b"")
            # Location and Set-Cookie go through as they are.
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
            self.send_response(answer.status)
            for name, value in [*kept, ("connection", "close")]:
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = True
            while chunk := answer.read1(65536):
                self.wfile.write(chunk)
                self.wfile.flush()
        return None

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in [*headers, ("content-length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - the base's names


@contextmanager
def prefix_proxy(target: str, person: tuple[str, str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """Run the proxy; with the id and name of a person, as Home Assistant for that person.

    Gives its address, and what was asked of it outside the prefix.
    """
    outside: list[str] = []
    handler = type("Handler", (_Handler,), {"target": target, "outside": outside, "person": person})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", outside
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
