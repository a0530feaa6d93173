"""Starts the real backend as a user would, and fills it through its public interfaces: command line and HTTP."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.servers import ROOT, Cores, Server, environment_of, free_port, running
from benchmarks.workload import Channel

_USER, _PASSWORD = "bench", "a password for benchmarks only"
_PROGRAM = str(Path(sys.executable).with_name("plant-backend"))


class Refused(Exception):
    """The backend did not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Node:
    """A device that has signed in."""

    device_id: str
    token: str


class Backend:
    """A running backend and the account that the benchmark has on it."""

    def __init__(self, server: Server, data_dir: Path) -> None:
        self.server = server
        self._database = data_dir / "plant.db"
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        answer = self.call("POST", "/auth/token", {"username": _USER, "password": _PASSWORD, "name": "benchmark"})
        self.user_token: str = answer["token"]

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def call(self, method: str, path: str, body: object = None, token: str = "") -> Any:
        """Make one request of the public API. Raises Refused on anything but a 2xx."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        if not 200 <= response.status < 300:
            raise Refused(f"{method} {path}: {response.status} {text}")
        return json.loads(text) if text else None

    def add_node(self, name: str, channels: Sequence[Channel], profile: Mapping[str, object]) -> Node:
        """Make a device with a pump, set its profile and sign its node in."""
        device = self.call("POST", "/devices", {"name": name}, self.user_token)
        manifest = {
            "firmware": "benchmark",
            "version": "1",
            "sensors": [{"key": channel.key, "kind": channel.kind, "unit": channel.unit} for channel in channels],
            "actuators": [{"key": "pump", "kind": "pump", "limits": {"max_run_ms": 30_000}}],
        }
        pair = self.call(
            "POST", "/auth/device", {"device_id": device["id"], "secret": device["secret"], "manifest": manifest}
        )
        self.call("PUT", f"/devices/{device['id']}/automation", profile, self.user_token)
        return Node(device["id"], pair["access_token"])

    def stored_batches(self, nodes: Sequence[Node]) -> list[set[str]]:
        """Give the ids of the batches that the database holds of each node, compacted or not."""
        found: dict[str, set[str]] = {node.device_id: set() for node in nodes}
        with closing(sqlite3.connect(self._database)) as connection:
            for table in ("batches", "accepted_batches"):
                rows = connection.execute(
                    f"SELECT devices.id, batch_id FROM {table} JOIN devices ON number = device_number"  # noqa: S608
                )
                for device_id, batch_id in rows:
                    found[device_id].add(batch_id)
        return [found[node.device_id] for node in nodes]


@contextmanager
def running_backend(folder: Path, cores: Cores, environment: Mapping[str, str] | None = None) -> Iterator[Backend]:
    """Run `plant-backend serve` with all its parts, as it comes out of the box, on a fresh database or once more."""
    data_dir = folder / "data"
    settings = {"PLANT_DATA_DIR": str(data_dir), "PLANT_LOG_LEVEL": "warning", **(environment or {})}
    if not data_dir.exists():
        subprocess.run(
            [_PROGRAM, "user", "add", _USER, "--password-stdin"],
            input=f"{_PASSWORD}\n",
            text=True,
            cwd=ROOT,
            env=environment_of(settings),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    port = free_port()
    command = [_PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, folder, cores, port=port, environment=settings, ready="/readyz") as server:
        backend = Backend(server, data_dir)
        try:
            yield backend
        finally:
            backend.close()
