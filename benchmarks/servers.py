"""Starts the servers to be measured, each as a process of its own on a free port with its files in a fresh folder."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).parents[1]
_READY_WITHIN_S = 120.0
_STOPPED_WITHIN_S = 20.0


class ServerFailed(Exception):
    """A server did not start."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the server and the load generator run on; empty where there is only one."""

    server: frozenset[int]
    generator: frozenset[int]

    @property
    def are_separate(self) -> bool:
        """Tell whether the two have a core each."""
        return bool(self.server)


@dataclass(slots=True)
class Server:
    """A running server."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(_STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def said(self) -> str:
        """Give the end of what it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


def separate_cores() -> Cores:
    """Give the server one core and the generator (this process) another, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return Cores(frozenset(), frozenset())
    return Cores(frozenset(cores[:1]), frozenset(cores[1:2]))


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder that goes away again, inside the repository: /tmp may be memory, where a flush costs nothing."""
    base = ROOT / ".cache" / "benchmarks"
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    command: Sequence[str], folder: Path, cores: Cores, *, port: int, environment: Mapping[str, str], ready: str
) -> Iterator[Server]:
    """Run a server until the block ends. `ready` is the path that answers 2xx once it serves."""
    log = folder / "server.log"
    with log.open("wb") as output:
        # The affinity is inherited: set before the start it holds for every thread.
        if cores.are_separate:
            os.sched_setaffinity(0, cores.server)
        try:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment_of(environment), stdout=output, stderr=subprocess.STDOUT
            )
        finally:
            if cores.are_separate:
                os.sched_setaffinity(0, cores.generator)
    server = Server(process, port, log)
    try:
        _wait_until_ready(server, ready)
        yield server
    finally:
        server.stop()


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Give a server's environment: this one, without the settings of whatever else runs here, and with its own."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PLANT_")}, **settings}


def free_port() -> int:
    """Give a port that nobody else is given while this process lives.

    A socket that is bound and does not listen keeps it; a server with SO_REUSEADDR may bind it beside.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", 0))
    port: int = place.getsockname()[1]
    place.detach()
    return port


def uvicorn_command(application: str, port: int) -> list[str]:
    """Give the command that serves an ASGI application as the backend is served: uvloop, httptools, no access log."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    return [sys.executable, "-m", "uvicorn", application, *options, "--no-access-log", "--log-level", "warning"]


def _wait_until_ready(server: Server, path: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise ServerFailed(f"the server ended with {server.process.returncode}:\n{server.said()}")
        if _answers(server.port, path):
            return
        time.sleep(0.05)
    raise ServerFailed(f"the server was not ready within {_READY_WITHIN_S:g} s:\n{server.said()}")


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
