"""A fleet: 10,000 devices at a batch a minute over PostgreSQL and Redis: how long they wait, and what is lost.

Two servers and two workers, and two cores for all of it: PostgreSQL (fsync on), Redis and the nodes as well. Each
device has a connection of its own and sends four readings a minute, at its own second, for ten minutes after one that
does not count. A latency runs from the moment at which the batch was due to the last byte of its 202. Every value is
sent once: afterwards the database is asked for each that was acknowledged.
"""

import argparse
import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from plant_backend.storage.batch_codec import decode

from benchmarks.fleet_accounts import Fleet, add_fleet
from benchmarks.installation import Installation, installation
from benchmarks.load import percentile
from benchmarks.open_load import Sent, run_open_load
from benchmarks.procfs import family_cpu_us
from benchmarks.servers import scratch_folder
from benchmarks.workload import BOOT_ID, FOUR_CHANNELS, post

_SERVERS = _WORKERS = 2
_LOWEST = {"soil": 55, "tank": 75, "air": 19, "humidity": 40}
"""Moist soil and a full reservoir: the rules look at each batch and find nothing to do. A step is a hundredth."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many devices there are, how often each sends, and for how long."""

    devices: int
    every_s: float
    warm_up_s: float
    seconds: float


FULL = Plan(devices=10_000, every_s=60, warm_up_s=60, seconds=600)
SHORT = Plan(devices=500, every_s=5, warm_up_s=5, seconds=10)


def run(plan: Plan, settings: dict[str, str]) -> dict[str, float]:
    """Let the fleet send. Gives the figures."""
    with scratch_folder() as folder, installation(folder, _SERVERS, _WORKERS, settings) as running:
        fleet = add_fleet(running.url, running.key_path, plan.devices, FOUR_CHANNELS)
        before: dict[str, float] = {}
        ports = [server.port for server in running.servers]
        sent = asyncio.run(
            run_open_load(
                ports,
                [_requests(node.token) for node in fleet.nodes],
                every_s=plan.every_s,
                warm_up_s=plan.warm_up_s,
                seconds=plan.seconds,
                begin=lambda: before.update(_cpu_us(running)),
            )
        )
        cpu = {name: used - before[name] for name, used in _cpu_us(running).items()}
        lost = _lost(running.url, fleet, sent)
    batches = len(sent.latencies_ms)
    for name, used_us in cpu.items():
        print(f"{name:<10} {used_us / batches:6.0f} us of CPU a batch, {used_us / plan.seconds / 1e6:5.2f} cores")
    return {
        "p50_ms": percentile(sent.latencies_ms, 50),
        "p99_ms": percentile(sent.latencies_ms, 99),
        "slowest_ms": max(sent.latencies_ms),
        "generator_p99_ms": percentile(sent.lateness_ms, 99),
        "batches": batches,
        "rps": batches / plan.seconds,
        "retries": sent.retries,
        "lost": lost,
        **{f"{name}_cpu_us": used_us / batches for name, used_us in cpu.items()},
    }


def _requests(token: str) -> Callable[[int], bytes]:
    """Make the n-th request of a node, whose values are those of no other."""

    def request(number: int) -> bytes:
        values = [f"{_LOWEST[channel.key] + number / 100:.2f}" for channel in FOUR_CHANNELS]
        readings = ",".join(
            f'{{"sensor":"{channel.key}","value":{value},"age_ms":{360 - 90 * place}}}'
            for place, (channel, value) in enumerate(zip(FOUR_CHANNELS, values, strict=True))
        )
        body = f'{{"batch_id":"b1-{number:08d}","boot_id":"{BOOT_ID}","readings":[{readings}]}}'
        return post("/telemetry", token, body.encode())

    return request


def _cpu_us(running: Installation) -> dict[str, float]:
    return {
        "servers": sum(family_cpu_us(server.pid) for server in running.servers),
        "workers": sum(family_cpu_us(worker.pid) for worker in running.workers),
        "postgresql": family_cpu_us(running.postgres.pid),
        "redis": family_cpu_us(running.redis.pid),
    }


def _lost(url: str, fleet: Fleet, sent: Sent) -> int:
    """Count the readings that were acknowledged and are neither compacted nor in the log's tail."""
    stored: set[tuple[int, int]] = set()
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for sensor_id, value in connection.execute("SELECT sensor_id, value FROM readings"):
            stored.add((sensor_id, round(value * 100)))
        tail = connection.execute(
            "SELECT content, offsets FROM batches"
            " WHERE id > coalesce((SELECT value FROM log_state WHERE key = 'compacted_through'), 0)"
        )
        for content, offsets in tail:
            batch = decode(0, "", 0, content, offsets)
            stored.update(
                (sensor_id, round(value * 100)) for sensor_id, value in zip(batch.sensor_ids, batch.values, strict=True)
            )
    lowest = [_LOWEST[channel.key] * 100 for channel in FOUR_CHANNELS]
    return sum(
        (sensor_id, first + number) not in stored
        for ids, accepted in zip(fleet.sensor_ids, sent.accepted, strict=True)
        for sensor_id, first in zip(ids, lowest, strict=True)
        for number in range(1, accepted + 1)
    )


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="500 devices for some seconds")
    parser.add_argument("--seconds", type=float, help="how long to measure, other than ten minutes")
    parser.add_argument("--devices", type=int, help="how many devices, other than 10,000")
    given = parser.parse_args()
    plan = SHORT if given.short else FULL
    plan = Plan(given.devices or plan.devices, plan.every_s, plan.warm_up_s, given.seconds or plan.seconds)
    print(json.dumps({name: round(value, 3) for name, value in run(plan, {}).items()}))


if __name__ == "__main__":
    main()
