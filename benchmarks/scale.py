"""Several processes: ingest by one, two and four servers over PostgreSQL and Redis, beside the one on SQLite.

10 readings a request over 32 connections, shared out evenly. Servers, worker, PostgreSQL, Redis and the load generator
are all on this machine: with two cores, two servers have no core each, and gain less than they would on more.
CPU time per request is that of the servers alone. Every answer is compared with the database. "Bare" is psycopg that
writes the same rows, 32 in a commit, and does nothing else.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.backend import running_backend
from benchmarks.bare_writes import bare_writes
from benchmarks.installation import NO_CORES, installation
from benchmarks.load import LoadResult, run_load
from benchmarks.servers import Server, scratch_folder
from benchmarks.workload import TEN_CHANNELS, BatchRequests

CONNECTIONS = 32
_SERVERS = {"one": 1, "two": 2, "four": 4}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    rounds: int
    warm_up_s: float
    seconds: float


FULL = Plan(rounds=3, warm_up_s=1.0, seconds=6.0)
SHORT = Plan(rounds=1, warm_up_s=0.5, seconds=1.5)


class BatchesLost(Exception):
    """What was answered with 202 is not in the database."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a number of servers did together."""

    rps: float
    cpu_us: float


def on_sqlite(plan: Plan) -> Figures:
    """Run one turn of one server on SQLite."""
    with scratch_folder() as folder, running_backend(folder, NO_CORES) as backend:
        nodes = [backend.add_node(f"node {number}", TEN_CHANNELS, {}) for number in range(CONNECTIONS)]
        requests = [BatchRequests(node.token, TEN_CHANNELS, number) for number, node in enumerate(nodes)]
        return _together(asyncio.run(_load([backend.server], requests, plan)))


def on_postgresql(plan: Plan, servers: int) -> Figures:
    """Run one turn of so many servers. Raises BatchesLost."""
    with scratch_folder() as folder, installation(folder, servers) as running:
        nodes = [running.backend.add_node(f"node {number}", TEN_CHANNELS, {}) for number in range(CONNECTIONS)]
        requests = [BatchRequests(node.token, TEN_CHANNELS, number) for number, node in enumerate(nodes)]
        results = asyncio.run(_load(running.servers, requests, plan))
        stored = running.stored(nodes)
        shares = [nodes[place::servers] for place in range(servers)]
        order = [nodes.index(node) for share in shares for node in share]
        accepted = [count for result in results for count in result.accepted]
        lost = sum(max(0, count - stored[place]) for place, count in zip(order, accepted, strict=True))
        if lost:
            raise BatchesLost(f"{lost} batches were answered with 202 and are not stored")
        return _together(results)


async def _load(servers: Sequence[Server], requests: list[BatchRequests], plan: Plan) -> list[LoadResult]:
    return list(
        await asyncio.gather(
            *(
                run_load(
                    server.port,
                    server.pid,
                    requests[place :: len(servers)],
                    warm_up_s=plan.warm_up_s,
                    seconds=plan.seconds,
                )
                for place, server in enumerate(servers)
            )
        )
    )


def _together(results: list[LoadResult]) -> Figures:
    requests = sum(result.requests for result in results)
    return Figures(sum(result.rps for result in results), sum(result.cpu_us for result in results) / requests)


def run(plan: Plan) -> dict[str, float]:
    """Run everything, turn by turn, and give the medians."""
    turns: dict[str, list[Figures]] = {name: [] for name in ("sqlite", "bare", *_SERVERS)}
    for _ in range(plan.rounds):
        turns["sqlite"].append(on_sqlite(plan))
        bare = bare_writes(plan.warm_up_s, plan.seconds, CONNECTIONS)
        turns["bare"].append(Figures(bare.rps, bare.cpu_us))
        for name, servers in _SERVERS.items():
            turns[name].append(on_postgresql(plan, servers))
    cpu = {name: median(each.cpu_us for each in found) for name, found in turns.items()}
    rps = {name: median(each.rps for each in found) for name, found in turns.items()}
    for name, found in turns.items():
        print(f"{name:<8} {rps[name]:8.0f} req/s {cpu[name]:8.0f} us of CPU a request ({len(found)} turns)")
    return {
        "cpu_ratio_1": cpu["one"] / cpu["sqlite"],
        "cpu_ratio_2": cpu["two"] / cpu["one"],
        "cpu_ratio_4": cpu["four"] / cpu["one"],
        "rps_scaling_2": rps["two"] / rps["one"],
        "rps_scaling_4": rps["four"] / rps["one"],
        "bare_ratio": rps["one"] / rps["bare"],
        "sqlite_rps": rps["sqlite"],
        "bare_rps": rps["bare"],
        "bare_cpu_us": cpu["bare"],
        **{f"rps_{servers}": rps[name] for name, servers in _SERVERS.items()},
        **{f"cpu_us_{servers}": cpu[name] for name, servers in _SERVERS.items()},
    }


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="one short turn of each")
    figures = run(SHORT if parser.parse_args().short else FULL)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
