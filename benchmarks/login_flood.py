"""Telemetry while somebody floods the login: its p99 beside that of quiet minutes in between, as a ratio.

Nodes send a batch every 50 ms. In every other window 32 connections guess passwords as fast as they are answered, each
guess for another account and from another (claimed) address, so that no limit stops it before the hashing. The flood
comes from a process of its own, at the lowest priority of the generator's core: it is the server that is measured.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks.backend import running_backend
from benchmarks.http_answers import AnswerReader
from benchmarks.load import OneByOne, percentile
from benchmarks.procfs import main_thread_cpu_us
from benchmarks.servers import scratch_folder, separate_cores
from benchmarks.workload import FOUR_CHANNELS, BatchRequests

_NODES = 10
_EVERY_S = 0.05
ATTACKERS = 32
_SETTLE_S = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """How many windows of each kind there are, and how long each lasts."""

    rounds: int
    window_s: float


FULL = Plan(rounds=10, window_s=4.0)
SHORT = Plan(rounds=2, window_s=1.0)


@dataclass(frozen=True, slots=True)
class Result:
    """Of each window the p99 in ms and the event loop's CPU time; and what the flood was answered, by status."""

    idle_ms: list[float]
    flood_ms: list[float]
    idle_cpu_us: list[float]
    flood_cpu_us: list[float]
    answers: Counter[int]

    @property
    def ratio(self) -> float:
        """The median of the flooded windows' p99 over that of the idle ones'."""
        return median(self.flood_ms) / median(self.idle_ms)

    @property
    def cpu_ratio(self) -> float:
        """The same of the event loop's CPU time, which a busy machine does not disturb."""
        return median(self.flood_cpu_us) / median(self.idle_cpu_us)


async def attack(port: int, seconds: float) -> Counter[int]:
    """Guess passwords on many connections."""
    answers: Counter[int] = Counter()
    numbers = itertools.count(random.Random().randrange(2**31))
    ends_at = time.monotonic() + seconds

    async def guess_for_ever() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = AnswerReader()
        # Each at least once, however late it begins.
        while True:
            number = next(numbers)
            body = json.dumps({"username": f"user-{number}", "password": "a wrong password", "name": "x"}).encode()
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            head = f"POST /auth/token HTTP/1.1\r\nHost: plants.local\r\nX-Forwarded-For: {address}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            while (found := answer.feed(await reader.read(65_536))) is None:
                pass
            answers[found[0]] += 1
            if time.monotonic() >= ends_at:
                break
        writer.close()

    await asyncio.gather(*(guess_for_ever() for _ in range(ATTACKERS)))
    return answers


async def _send(connections: Sequence[OneByOne], nodes: Sequence[BatchRequests], seconds: float) -> list[float]:
    """Send batches at a steady pace, and give how many ms each took."""
    latencies: list[float] = []
    ends_at = time.perf_counter() + seconds

    async def send(place: int) -> None:
        at = time.perf_counter() + _EVERY_S * place / len(nodes)
        while at < ends_at:
            await asyncio.sleep(at - time.perf_counter())
            # From when it was due: what waits behind a slow one counts as slow.
            await connections[place].send(nodes[place].next())
            latencies.append((time.perf_counter() - at) * 1000)
            at += _EVERY_S

    await asyncio.gather(*(send(place) for place in range(len(nodes))))
    return latencies


async def _measure(port: int, pid: int, nodes: Sequence[BatchRequests], plan: Plan) -> Result:
    result = Result([], [], [], [], Counter())
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(OneByOne(port)) for _ in nodes]

        async def window(latencies_ms: list[float], cpu_us: list[float]) -> None:
            before = main_thread_cpu_us(pid)
            latencies_ms.append(percentile(await _send(connections, nodes, plan.window_s), 99))
            cpu_us.append(main_thread_cpu_us(pid) - before)

        await _send(connections, nodes, plan.window_s)
        for _ in range(plan.rounds):
            await window(result.idle_ms, result.idle_cpu_us)
            lasts_s = plan.window_s + 2 * _SETTLE_S
            flood = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.login_flood", "--attack", str(port), str(lasts_s)),
                stdout=asyncio.subprocess.PIPE,
                preexec_fn=lambda: os.nice(19),
            )
            assert flood.stdout is not None
            await flood.stdout.readline()
            await asyncio.sleep(_SETTLE_S)
            await window(result.flood_ms, result.flood_cpu_us)
            said, _ = await flood.communicate()
            result.answers.update({int(status): count for status, count in json.loads(said).items()})
            await asyncio.sleep(_SETTLE_S)
    return result


def run(plan: Plan) -> Result:
    """Run it and give the figures."""
    settings = {"PLANT_TRUSTED_PROXIES": "127.0.0.1"}
    with scratch_folder() as folder, running_backend(folder, separate_cores(), settings) as backend:
        nodes = [backend.add_node(f"Plant {number}", FOUR_CHANNELS, {"mode": "on"}) for number in range(_NODES)]
        requests = [BatchRequests(node.token, FOUR_CHANNELS, seed) for seed, node in enumerate(nodes)]
        return asyncio.run(_measure(backend.server.port, backend.server.pid, requests, plan))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench login-flood", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="two short windows of each kind: to see that it works")
    parser.add_argument("--attack", nargs=2, metavar=("PORT", "SECONDS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.attack:
        print("begun", flush=True)
        print(json.dumps(asyncio.run(attack(int(arguments.attack[0]), float(arguments.attack[1])))))
        return
    result = run(SHORT if arguments.short else FULL)
    print(f"  p99 in ms, idle: {[round(ms, 1) for ms in result.idle_ms]}")
    print(f"  p99 in ms, flooded: {[round(ms, 1) for ms in result.flood_ms]}")
    print(f"  guesses by answer: {dict(result.answers)}")
    figures = {
        "p99_ratio": float(f"{result.ratio:.3g}"),
        "loop_cpu_ratio": round(result.cpu_ratio, 2),
        "idle_p99_ms": round(median(result.idle_ms), 1),
        "flood_p99_ms": round(median(result.flood_ms), 1),
        "guesses": result.answers.total(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
