"""Memory of the idle backend with 20 devices, after some traffic: its resident set, in MB of 10^6 bytes.

20 nodes with ten sensors each send a batch a minute's worth at a time, as fast as it goes, with the rules on; each then
asks for commands, and a person looks at devices, history and events as a dashboard does. After a pause the resident set
of the one process is read: code, libraries, caches, everything.
"""

import argparse
import asyncio
import json
import time
from dataclasses import dataclass

from benchmarks.backend import Backend, Node, running_backend
from benchmarks.load import OneByOne
from benchmarks.procfs import resident_bytes_of
from benchmarks.servers import scratch_folder, separate_cores
from benchmarks.workload import TEN_CHANNELS, BatchRequests


@dataclass(frozen=True, slots=True)
class Plan:
    """How many devices send how many batches each, and how long the backend rests before it is looked at."""

    devices: int
    batches: int
    rest_s: float


FULL = Plan(devices=20, batches=600, rest_s=20.0)
SHORT = Plan(devices=20, batches=5, rest_s=1.0)


async def _send(port: int, nodes: list[BatchRequests], batches: int) -> None:
    async with OneByOne(port) as connection:
        for _ in range(batches):
            for node in nodes:
                await connection.send(node.next())


def _look(backend: Backend, nodes: list[Node]) -> None:
    """Ask for what a dashboard shows."""
    backend.call("GET", "/devices", token=backend.user_token)
    backend.call("GET", "/alerts", token=backend.user_token)
    for node in nodes:
        for path in ("readings?sensor=soil&points=1000", "readings?sensor=air", "decisions", "commands"):
            backend.call("GET", f"/devices/{node.device_id}/{path}", token=backend.user_token)
        backend.call("GET", "/commands?wait=0", token=node.token)


def run(plan: Plan) -> dict[str, float]:
    """Run it and give the figures."""
    with scratch_folder() as folder, running_backend(folder, separate_cores()) as backend:
        started_mb = resident_bytes_of(backend.server.pid) / 1e6
        nodes = [backend.add_node(f"Plant {number}", TEN_CHANNELS, {"mode": "on"}) for number in range(plan.devices)]
        requests = [BatchRequests(node.token, TEN_CHANNELS, seed) for seed, node in enumerate(nodes)]
        asyncio.run(_send(backend.server.port, requests, plan.batches))
        _look(backend, nodes)
        busy_mb = resident_bytes_of(backend.server.pid) / 1e6
        time.sleep(plan.rest_s)
        rss_mb = resident_bytes_of(backend.server.pid) / 1e6
    print(f"  just started {started_mb:.1f} MB, after the traffic {busy_mb:.1f} MB, at rest {rss_mb:.1f} MB")
    return {
        "rss_mb": round(rss_mb, 1),
        "started_rss_mb": round(started_mb, 1),
        "batches": plan.devices * plan.batches,
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench footprint", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a little traffic and a short rest: to see that it works")
    print(json.dumps(run(SHORT if parser.parse_args().short else FULL)))


if __name__ == "__main__":
    main()
