"""An installation of several processes: `serve` and `plant-backend worker` over one PostgreSQL and one Redis."""

import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from tests.live_backend import PYTHON, START_WITHIN_S, Backend, Node, Person, StartFailed


class WorkerProcess(Backend):
    """One `plant-backend worker`. It answers nobody; what it does is seen elsewhere."""

    def start(self) -> None:
        already_logged = len(self.log()) if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "plant_backend", "worker"],
                env=self.environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_WITHIN_S
        while '"working"' not in self.log()[already_logged:]:
            if self.process.poll() is not None:
                raise StartFailed(self.log()[-3000:])
            assert time.monotonic() < deadline, self.log()[-3000:]
            time.sleep(0.02)


class Installation:
    """So many servers and workers that share everything."""

    def __init__(self, folder: Path, database_url: str, redis_url: str = "", *, workers: int = 2, **more: Any) -> None:
        settings: dict[str, Any] = {
            "data_dir": folder / "shared",
            "database_url": database_url,
            "redis_url": redis_url,
            "evaluation_interval_ms": 0,
            **more,
        }
        self.a, self.b = (Backend(folder / name, **{**settings, "with_worker": 0}) for name in ("a", "b"))
        self.workers = [WorkerProcess(folder / f"worker-{number}", **settings) for number in range(workers)]
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for process in (self.a, self.b, *self.workers):
                stack.enter_context(process)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def at(backend: Backend, who: Person) -> Person:
    """Give the same person, speaking to another server."""
    return Person(backend, who.username, who.token)


def node_at(backend: Backend, node: Node) -> Node:
    """Give the same node, speaking to another server."""
    return replace(node, backend=backend, owner=at(backend, node.owner))


AUTOMATION = {"mode": "on", "cooldown_s": 600, "soak_s": 60}
