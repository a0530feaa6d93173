"""A small backend that speaks docs/protocol.md and can be made to misbehave in every way that a network does."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FINAL = {"succeeded", "failed", "rejected", "expired", "interrupted"}
Fault = Callable[["Handler"], bool]
"""Answers a request in a wrong way; True when it did, False to let the request through."""


class FakeBackend:
    """One device's backend on a port of its own."""

    def __init__(self, *, speed: float = 1.0) -> None:
        self.speed = speed
        self.secret = "pds_" + secrets.token_hex(8)
        self.device_id = "0b8f6a62-5a0e-4c3e-9a0e-0f5b7a3a1c55"
        self.change = threading.Condition()
        self.expires_in = 900.0
        self.used_ms: dict[str, int] = {}
        self.access: set[str] = set()
        self.refresh: set[str] = set()
        self.sign_ins: list[dict[str, Any]] = []
        self.refreshes = 0
        self.batches: dict[str, dict[str, Any]] = {}
        self.duplicates = 0
        self.commands: list[dict[str, Any]] = []
        self.acks: list[dict[str, Any]] = []
        self.polls: list[dict[str, str]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.faults: list[tuple[str, Fault]] = []
        self.is_down = False
        self._poll_turn = 0
        backend = self

        class Bound(Handler):
            owner = backend

        self._server = Server(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self.change:
            self.is_down = True
            self.change.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def order(
        self, action: str, duration_ms: int | None = None, *, actuator: str = "pump", ttl_ms: int = 120_000
    ) -> int:
        """Queue a command; returns its seq."""
        with self.change:
            seq = len(self.commands) + 1
            self.commands.append(
                {
                    "id": 4000 + seq,
                    "seq": seq,
                    "actuator": actuator,
                    "action": action,
                    "duration_ms": duration_ms,
                    "ends_s": time.monotonic() + ttl_ms / 1000 / self.speed,
                }
            )
            self.change.notify_all()
        return seq

    def on(self, path: str, fault: Fault) -> None:
        """Let the next request to that path go wrong; faults are used once, in order."""
        with self.change:
            self.faults.append((path, fault))

    def wait_for(self, what: Callable[[], Any], timeout_s: float = 45.0) -> Any:
        """Wait until something is true and return it."""
        end_s = time.monotonic() + timeout_s
        with self.change:
            while not (value := what()):
                left_s = end_s - time.monotonic()
                assert left_s > 0, f"did not happen in {timeout_s} s; acks {self.acks[-5:]}, polls {self.polls[-3:]}"
                self.change.wait(min(left_s, 0.05))
        return value

    def outcome(self, seq: int) -> dict[str, Any] | None:
        """The final ack of a command."""
        return next((ack for ack in self.acks if ack["seq"] == seq and ack["status"] in FINAL), None)

    def wait_for_outcome(self, seq: int, timeout_s: float = 45.0) -> dict[str, Any]:
        outcome: dict[str, Any] = self.wait_for(lambda: self.outcome(seq), timeout_s)
        return outcome

    def readings(self) -> list[dict[str, Any]]:
        """Everything accepted."""
        return [reading for batch in self.batches.values() for reading in batch["readings"]]

    def waiting_commands(self, after: int) -> list[dict[str, Any]]:
        now_s = time.monotonic()
        return [
            {
                **{key: command[key] for key in ("id", "seq", "actuator", "action", "duration_ms")},
                "ttl_ms": int((command["ends_s"] - now_s) * 1000 * self.speed),
            }
            for command in self.commands
            if command["seq"] > after and command["ends_s"] > now_s and self.outcome(command["seq"]) is None
        ][:8]

    def next_poll_turn(self) -> int:
        self._poll_turn += 1
        self.change.notify_all()
        return self._poll_turn

    def is_turn(self, turn: int) -> bool:
        return turn == self._poll_turn and not self.is_down


class Server(ThreadingHTTPServer):
    """Clients that are killed in mid-request are what this is for."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


class Handler(BaseHTTPRequestHandler):
    """The routes."""

    owner: FakeBackend
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return

    def do_GET(self) -> None:
        self._dispatch(None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._dispatch(json.loads(raw))

    def answer(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
        self.wfile.flush()

    def problem(self, status: int, code: str, detail: str = "", **more: Any) -> None:
        self.answer(status, {"type": "about:blank", "status": status, "code": code, "detail": detail, **more})

    def hang_up(self) -> None:
        """The answer is lost on the way."""
        self.close_connection = True
        self.connection.shutdown(2)

    def _dispatch(self, body: Any) -> None:
        owner = self.owner
        parts = urlsplit(self.path)
        self.body, self.lose_answer = body, False
        try:
            with owner.change:
                owner.requests.append((self.command, parts.path, body))
                fault = next((each for each in owner.faults if each[0] == parts.path), None)
                if fault is not None:
                    owner.faults.remove(fault)
                is_down = owner.is_down
                owner.change.notify_all()
            if is_down:
                self.hang_up()
                return
            if fault is not None and fault[1](self):
                return
            self._route(parts.path, body, {key: values[0] for key, values in parse_qs(parts.query).items()})
        except (BrokenPipeError, ConnectionResetError, OSError):
            self.close_connection = True

    def _route(self, path: str, body: Any, query: dict[str, str]) -> None:
        owner = self.owner
        if path == "/auth/device":
            with owner.change:
                owner.sign_ins.append(body)
                if body["secret"] != owner.secret or body["device_id"] != owner.device_id:
                    self.problem(401, "invalid_credentials")
                    return
                owner.next_poll_turn()
                self._give_tokens(pumps=[{"key": key, "used_ms": ms} for key, ms in owner.used_ms.items()])
            return
        if path == "/auth/device/refresh":
            with owner.change:
                owner.refreshes += 1
                if body["refresh_token"] not in owner.refresh:
                    self.problem(401, "refresh_token_reused")
                    return
                owner.refresh.discard(body["refresh_token"])
                self._give_tokens()
            return
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in owner.access:
            self.problem(401, "invalid_token")
            return
        {"/telemetry": self._telemetry, "/commands": self._poll, "/commands/ack": self._ack}[path](body, query)

    def _give_tokens(self, **more: Any) -> None:
        access, refresh = "jwt-" + secrets.token_hex(8), "prt-" + secrets.token_hex(8)
        self.owner.access.add(access)
        self.owner.refresh.add(refresh)
        self.owner.change.notify_all()
        expires_in = self.owner.expires_in
        if self.lose_answer:
            self.hang_up()
            return
        self.answer(200, {"access_token": access, "refresh_token": refresh, "expires_in": expires_in, **more})

    def _telemetry(self, body: Any, _: Any) -> None:
        owner = self.owner
        with owner.change:
            known = owner.batches.get(body["batch_id"])
            if known is not None:
                owner.duplicates += 1
                if content_of(known) != content_of(body):
                    self.problem(409, "batch_conflict")
                    return
            else:
                owner.batches[body["batch_id"]] = body
            owner.change.notify_all()
        if self.lose_answer:
            self.hang_up()
            return
        self.answer(202, {"accepted": len(body["readings"]), "duplicate": known is not None})

    def _poll(self, _: Any, query: dict[str, str]) -> None:
        owner = self.owner
        asked_s = time.monotonic()
        end_s = asked_s + float(query["wait"])
        with owner.change:
            owner.polls.append(query)
            turn = owner.next_poll_turn()
            commands: list[dict[str, Any]] = []
            held_ms = 0
            while owner.is_turn(turn):
                held_ms = int((time.monotonic() - asked_s) * 1000 * owner.speed)
                commands = owner.waiting_commands(int(query.get("after", 0)))
                left_s = end_s - time.monotonic()
                if commands or left_s <= 0:
                    break
                owner.change.wait(left_s)
            else:
                commands = []
            if owner.is_down:
                self.hang_up()
                return
        if self.lose_answer:
            self.hang_up()
        elif commands:
            self.answer(200, {"commands": commands, "held_ms": held_ms})
        else:
            self.answer(204)

    def _ack(self, body: Any, _: Any) -> None:
        owner = self.owner
        results, worst = [], 200
        with owner.change:
            for ack in body["acks"]:
                recorded = owner.outcome(ack["seq"])
                if ack["seq"] > len(owner.commands):
                    worst = 404
                    continue
                if recorded is not None and ack["status"] in FINAL and recorded != ack:
                    worst = 409
                else:
                    owner.acks.append(ack)
                state = recorded["status"] if recorded else ack["status"]
                results.append({"id": ack["id"], "state": state})
            owner.change.notify_all()
        if self.lose_answer:
            self.hang_up()
        elif worst == 200:
            self.answer(200, {"results": results})
        else:
            self.problem(worst, "ack_conflict" if worst == 409 else "command_not_found", results=results)


def content_of(batch: dict[str, Any]) -> Any:
    """What makes two batches the same."""
    return batch["boot_id"], [(reading["sensor"], reading["value"]) for reading in batch["readings"]]


def lost(handler: Handler) -> bool:
    """Do the work and lose the answer."""
    handler.lose_answer = True
    return False


def busy(retry_after: str) -> Fault:
    """503."""

    def fault(handler: Handler) -> bool:
        handler.answer(503, {"code": "overloaded"}, {"Retry-After": retry_after})
        return True

    return fault


def refusing(status: int, code: str) -> Fault:
    """A problem document."""

    def fault(handler: Handler) -> bool:
        handler.problem(status, code, "told so")
        return True

    return fault


def page_of_a_proxy(status: int) -> Fault:
    """An answer that something between the node and the backend gives."""

    def fault(handler: Handler) -> bool:
        handler.answer(status, b"<html>Bad Request</html>")
        return True

    return fault
