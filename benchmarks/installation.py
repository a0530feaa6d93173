"""Several processes over one PostgreSQL and one Redis, as `docs/scale.md` has them, all on this machine."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.backend import Backend, Node, running_backend
from benchmarks.servers import ROOT, Cores, Server, environment_of, free_port, running
from tests.servers import Postgres, Redis

NO_CORES = Cores(frozenset(), frozenset())
_PROGRAM = str(Path(sys.executable).with_name("plant-backend"))


@dataclass(frozen=True, slots=True)
class Installation:
    """The account that the benchmark has, all servers, and where they keep what they accept."""

    backend: Backend
    servers: Sequence[Server]
    workers: Sequence["subprocess.Popen[bytes]"]
    postgres: Postgres
    redis: Redis
    url: str
    key_path: Path

    def stored(self, nodes: Sequence[Node]) -> list[int]:
        """Count the batches that the database holds of each node, compacted or not."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                """
                SELECT d.id, count(DISTINCT b.batch_id) FROM devices AS d JOIN (
                    SELECT device_number, batch_id FROM batches
                    UNION SELECT device_number, batch_id FROM accepted_batches
                ) AS b ON b.device_number = d.number GROUP BY d.id
                """
            ).fetchall()
        found: dict[str, int] = dict(rows)
        return [found.get(node.device_id, 0) for node in nodes]


@contextmanager
def installation(
    folder: Path, servers: int, workers: int = 1, more: Mapping[str, str] | None = None
) -> Iterator[Installation]:
    """Run so many servers without and so many workers with the rules; `more` are settings for all of them."""
    with ExitStack() as stack:
        postgres, redis = stack.enter_context(Postgres(is_durable=True)), stack.enter_context(Redis())
        url = postgres.make_database()
        settings = {"PLANT_DATABASE_URL": url, "PLANT_REDIS_URL": redis.url, "PLANT_WITH_WORKER": "false"}
        settings |= more or {}
        first = stack.enter_context(running_backend(folder, NO_CORES, settings))
        settings |= {"PLANT_DATA_DIR": str(folder / "data"), "PLANT_LOG_LEVEL": "warning"}
        others = []
        for number in range(1, servers):
            port, home = free_port(), folder / f"server-{number}"
            home.mkdir()
            command = [_PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(port)]
            others.append(
                stack.enter_context(running(command, home, NO_CORES, port=port, environment=settings, ready="/readyz"))
            )
        hands = []
        for _ in range(workers):
            process = subprocess.Popen([_PROGRAM, "worker"], cwd=ROOT, env=environment_of(settings))
            stack.callback(process.wait)
            stack.callback(process.terminate)
            hands.append(process)
        key_path = folder / "data" / "signing.key"
        yield Installation(first, [first.server, *others], hands, postgres, redis, url, key_path)
