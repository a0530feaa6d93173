"""The processes of the demonstration: started, watched, and ended in the right order."""

import ctypes
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_STOP_WITHIN_S = 30.0
_START_WITHIN_S = 60.0
_PR_SET_PDEATHSIG = 1


class StartFailed(Exception):
    """A process did not come up; the text says what it said."""


class Processes:
    """Child processes that end with this one, the last started first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, module: str, arguments: list[str], environment: dict[str, str]) -> Path:
        """Run `python -m module`. Gives the file that its log goes to."""
        log_file = self._folder / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PLANT_")}
        with log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**inherited, **environment},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for us: we end them in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads yet
            )
        self._running.append((name, process))
        return log_file

    def check(self) -> None:
        """Raises StartFailed where a process has ended by itself."""
        for name, process in self._running:
            if process.poll() is not None:
                text = (self._folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise StartFailed(f"{name} ended by itself with code {process.returncode}:\n{text}")

    def stop(self) -> list[str]:
        """End all. Gives the names of those that had to be killed."""
        killed = []
        while self._running:
            name, process = self._running.pop()
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed.append(name)
        return killed


def start_backend(processes: Processes, host: str, port: int, environment: dict[str, str]) -> str:
    """Start the server and wait until it listens. Gives its address."""
    log_file = processes.start(
        "backend",
        "plant_backend",
        ["serve", "--host", host, "--port", str(port)],
        {**environment, "PLANT_LOG_FORMAT": "json"},
    )
    deadline = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < deadline:
        processes.check()
        for line in log_file.read_text(errors="replace").splitlines():
            if '"listening"' in line:
                return str(json.loads(line)["url"])
        time.sleep(0.05)
    raise StartFailed("The backend does not listen.")


def start_node(processes: Processes, name: str, environment: dict[str, str]) -> None:
    """Start a node's agent."""
    processes.start(name, "plant_node", ["run"], environment)


def has_agent() -> bool:
    """Tell whether the node's agent is installed."""
    return importlib.util.find_spec("plant_node") is not None


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
