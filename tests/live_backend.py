"""The real backend as a process of its own, and the people and nodes that speak to it over loopback."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from tests.ports import reserve_a_port

PASSWORD = "correct horse battery"
PYTHON = sys.executable
"""What runs the backend. The tests of the Home Assistant integration live in an environment without it and set this."""
START_WITHIN_S = 90.0
STOP_WITHIN_S = 60.0

JSON = dict[str, Any]

MANIFEST: JSON = {
    "firmware": "plant-node",
    "version": "0.1.0",
    "sensors": [
        {"key": "soil", "kind": "soil_moisture", "unit": "%"},
        {"key": "tank", "kind": "reservoir_level", "unit": "%"},
        {"key": "air", "kind": "air_temperature", "unit": "°C"},
    ],
    "actuators": [
        {"key": "pump", "kind": "pump", "limits": {"max_run_ms": 30_000, "max_day_ms": 300_000}},
        {"key": "lamp", "kind": "lamp"},
    ],
}


class StartFailed(Exception):
    """The backend ended, or did not listen in time; the text is what it said."""


class Backend:
    """One `plant-backend serve` on a data folder. It may be ended in any way and started again on the same port."""

    def __init__(self, folder: Path, **settings: object) -> None:
        """Settings are named as in `settings.py`: `command_ttl_s=1` becomes PLANT_COMMAND_TTL_S=1."""
        self.data_dir = folder / "data"
        self.log_path = folder / "backend.log"
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.on_answer: Callable[[httpx.Response], None] = lambda _: None
        self._folder = folder
        self._port = reserve_a_port(self)
        self._was_set_up = False
        self._settings = settings
        self._http = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=None, max_keepalive_connections=64))
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """What the process and the command line see: nothing of ours but the settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PLANT_")}
        settings = {"data_dir": self.data_dir, "log_format": "json", "zeroconf": 0, **self._settings}
        return inherited | {f"PLANT_{name.upper()}": str(value) for name, value in settings.items()}

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it and wait until it listens. Raises StartFailed."""
        already_logged = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "plant_backend", "serve", "--host", "127.0.0.1", "--port", str(self._port)],
                env=self.environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.url = self._wait_until_it_listens(self.process, already_logged)

    def stop(self) -> None:
        """End it by SIGTERM, as a system does."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it by SIGKILL, as a power cut would end the process."""
        self._signal(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and let everything go."""
        self._http.close()
        if self.is_running:
            self.stop()

    def log(self) -> str:
        """Give all that the process has written, over all its lives."""
        return self.log_path.read_text(errors="replace")

    def log_events(self) -> list[JSON]:
        """Give the structured log, one document a line; what is still being written comes later."""
        lines = self.log().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def request(self, method: str, path: str, *, token: str | None = None, **more: Any) -> httpx.Response:
        """Send one request. `json`, `content`, `params`, `headers` and `timeout` are httpx's."""
        headers = httpx.Headers(more.pop("headers", None))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        try:
            answer = self._http.request(method, self.url + path, headers=headers, **more)
        finally:
            # Many people share this client: none gets another one's session.
            self._http.cookies.clear()
        self.on_answer(answer)
        return answer

    def command_line(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `plant-backend …` on the same data."""
        return subprocess.run(
            [PYTHON, "-m", "plant_backend", *arguments],
            env=self.environment,
            cwd=self._folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def add_person(self, username: str = "ada", password: str = PASSWORD) -> "Person":
        """Make an account and sign in with its password."""
        if not self._is_set_up_by_link(username, password):
            made = self.command_line("user", "add", username, "--password-stdin", stdin=password + "\n")
            assert made.returncode == 0, made.stderr
        return self.sign_in(username, password)

    def sign_in(self, username: str = "ada", password: str = PASSWORD) -> "Person":
        """Exchange a password for an API token."""
        body = {"username": username, "password": password, "name": "tests"}
        return Person(self, username, expect(201, self.request("POST", "/auth/token", json=body))["token"])

    def _is_set_up_by_link(self, username: str, password: str) -> bool:
        """Make the first account as a browser does: a request, where the command line is a process that starts."""
        links = re.findall(r"/web/setup#(pst_[\w-]+)", self.log()) if self.is_running else []
        if not links or self._was_set_up:
            return False
        self._was_set_up = True
        body = {"token": links[-1], "username": username, "password": password}
        return self.request("POST", "/setup", json=body).status_code == 201

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes], already_logged: int) -> str:
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            said = self.log_path.read_bytes()[already_logged:].decode(errors="replace")
            for line in said.splitlines(keepends=True):
                if '"listening"' in line and line.endswith("\n"):
                    return str(json.loads(line)["url"])
            if process.poll() is not None:
                raise StartFailed(f"The backend ended with code {process.returncode}:\n{said[-3000:]}")
            time.sleep(0.01)
        process.kill()
        process.wait()
        raise StartFailed(f"The backend did not listen within {START_WITHIN_S:g} s:\n{self.log()[-3000:]}")

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "it was never started"
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"The backend did not end within {STOP_WITHIN_S:g} s of {number.name}.") from None


class Person:
    """Somebody with an API token."""

    def __init__(self, backend: Backend, username: str, token: str) -> None:
        self.backend = backend
        self.username = username
        self.token = token

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request as this person."""
        return self.backend.request(method, path, token=self.token, **more)

    def get(self, path: str, **params: Any) -> Any:
        """Fetch a document."""
        return expect(200, self.request("GET", path, params=params))

    def add_device(self, name: str = "Tomatoes", manifest: JSON | None = MANIFEST) -> "Node":
        """Make a device and sign its node in; `manifest=None` leaves it signed out and without channels."""
        made = expect(201, self.request("POST", "/devices", json={"name": name}))
        node = Node(self.backend, made["id"], made["secret"], self)
        if manifest is not None:
            node.sign_in(manifest)
        return node

    @contextmanager
    def listen(self, last_event_id: str | None = None) -> "Iterator[EventStream]":
        """Open `GET /events`."""
        headers = {"authorization": f"Bearer {self.token}"}
        if last_event_id is not None:
            headers["last-event-id"] = last_event_id
        with (
            httpx.Client(timeout=60) as client,
            client.stream("GET", self.backend.url + "/events", headers=headers) as response,
        ):
            assert response.status_code == 200, response.read()
            yield EventStream(response)


@dataclass(frozen=True, slots=True)
class Event:
    """One message of the stream."""

    type: str
    data: JSON
    id: str | None


class EventStream:
    """The messages of one open stream, as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def __iter__(self) -> Iterator[Event]:
        fields: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id"))
                fields = {}

    def heartbeat(self) -> None:
        """Wait for a sign of life that is no message."""
        for line in self._lines:
            if line.startswith(":"):
                return
        raise AssertionError("The stream ended without a heartbeat.")

    def take(self, count: int) -> list[Event]:
        """Wait for so many messages."""
        return list(itertools.islice(self, count))

    def until(self, event_type: str, **fields: object) -> list[Event]:
        """Wait for the first message of a type whose document has these fields. Gives all up to it."""
        heard: list[Event] = []
        for event in self:
            heard.append(event)
            inner = event.data.get(event_type)
            document = inner if isinstance(inner, dict) else event.data
            if event.type == event_type and fields.items() <= document.items():
                return heard
        raise AssertionError(f"The stream ended without {event_type} {fields}; it said {heard}")


@dataclass
class Node:
    """A node that speaks the wire protocol as one with a perfect memory would."""

    backend: Backend
    device_id: str
    secret: str
    owner: Person
    access_token: str = ""
    refresh_token: str = ""
    _batches: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def path(self) -> str:
        """Where its owner finds it."""
        return f"/devices/{self.device_id}"

    def wait_for_first_look(self) -> None:
        """Wait until the rules have looked at it once: were that late, it would find what is sent next and say more."""
        eventually(lambda: self.owner.get(f"{self.path}/decisions")["decisions"])

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request with the access token."""
        return self.backend.request(method, path, token=self.access_token, **more)

    def try_sign_in(self, manifest: JSON | None = None, secret: str | None = None) -> httpx.Response:
        """Ask for tokens, whatever the answer."""
        body: JSON = {"device_id": self.device_id, "secret": secret or self.secret}
        if manifest is not None:
            body["manifest"] = manifest
        return self.backend.request("POST", "/auth/device", json=body)

    def sign_in(self, manifest: JSON | None = None) -> JSON:
        """Sign in and keep the tokens."""
        return self._keep(expect(200, self.try_sign_in(manifest)))

    def try_refresh(self, refresh_token: str | None = None) -> httpx.Response:
        """Ask for new tokens, whatever the answer."""
        body = {"refresh_token": refresh_token or self.refresh_token}
        return self.backend.request("POST", "/auth/device/refresh", json=body)

    def refresh(self) -> JSON:
        """Rotate the refresh token and keep the new one."""
        return self._keep(expect(200, self.try_refresh()))

    def next_batch_id(self) -> str:
        """Give an id that sorts after the last."""
        return f"boot-{next(self._batches):08d}"

    def try_send(self, readings: Sequence[JSON], batch_id: str | None = None, **more: Any) -> httpx.Response:
        """Send readings, whatever the answer."""
        body = {"batch_id": batch_id or self.next_batch_id(), "readings": list(readings), **more}
        # History holds one reading of a sensor a millisecond, and the last answer may have come within one.
        time.sleep(0.001)
        return self.request("POST", "/telemetry", json=body)

    def send(self, *, age_ms: int = 0, **values: float | Sequence[float]) -> JSON:
        """Send values that were measured `age_ms` ago: `send(soil=12)`, or several a minute apart, the newest last."""
        readings = []
        for sensor, given in values.items():
            series = [given] if isinstance(given, int | float) else list(given)
            for place, value in enumerate(reversed(series)):
                readings.append({"sensor": sensor, "value": value, "age_ms": age_ms + place * 60_000})
        answer: JSON = expect(202, self.try_send(readings))
        return answer

    def try_poll(self, after: int | None = None, wait: float = 0) -> httpx.Response:
        """Ask for commands, whatever the answer."""
        params: dict[str, float] = {"wait": wait}
        if after is not None:
            params["after"] = after
        return self.request("GET", "/commands", params=params)

    def poll(self, after: int | None = None, wait: float = 0) -> list[JSON]:
        """Ask for commands."""
        answer = self.try_poll(after, wait)
        if answer.status_code == 204:
            return []
        commands: list[JSON] = expect(200, answer)["commands"]
        return commands

    @contextmanager
    def long_poll(self, after: int | None = 0, wait: float = 20) -> "Iterator[Future[httpx.Response]]":
        """Have a poll wait in the background. The block begins when the backend has it."""
        is_sent = threading.Event()

        def trace(event: str, _: JSON) -> None:
            if event == "http11.send_request_body.complete":
                is_sent.set()

        params = {"wait": wait} if after is None else {"wait": wait, "after": after}
        # A token that was seen is known: nothing is read any more between the poll's coming and its waiting.
        assert self.try_ack().status_code == 422
        with ThreadPoolExecutor(1) as thread:
            poll = thread.submit(self.request, "GET", "/commands", params=params, extensions={"trace": trace})
            assert is_sent.wait(40), "the poll was not sent"
            # It lies in the backend's hands; whoever asks twice after that is answered after it was taken up.
            for _ in range(2):
                expect(200, self.backend.request("GET", "/readyz"))
            yield poll

    def try_ack(self, *acks: JSON) -> httpx.Response:
        """Report outcomes, whatever the answer."""
        return self.request("POST", "/commands/ack", json={"acks": list(acks)})

    def ack(self, command: JSON, status: str, ran_ms: int | None = None, reason: str | None = None) -> str:
        """Report one outcome. Gives the state that is recorded then."""
        answer: JSON = expect(200, self.try_ack(an_ack(command, status, ran_ms, reason)))
        return str(answer["results"][0]["state"])

    def _keep(self, answer: JSON) -> JSON:
        self.access_token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        return answer


def an_ack(command: JSON, status: str, ran_ms: int | None = None, reason: str | None = None) -> JSON:
    """Give what a node says of a command."""
    return {"id": command["id"], "seq": command["seq"], "status": status, "ran_ms": ran_ms, "reason": reason}


def expect(status: int, response: httpx.Response) -> Any:
    """Give the document of an answer that has this status, and show any other."""
    assert response.status_code == status, f"{response.request.method} {response.url}: {response.text}"
    return response.json() if response.content else None


def eventually(look: Any, *, within_s: float = 60.0) -> Any:
    """Look again and again until there is something (true) to see, and give it: for what happens by itself.

    The last look begins after the time is over, however long looks take on a busy machine.
    """
    deadline = time.monotonic() + within_s
    while True:
        is_last = time.monotonic() > deadline
        if seen := look():
            return seen
        if is_last:
            raise AssertionError(f"Not within {within_s:g} s; last seen: {seen!r}")
        time.sleep(0.01)
