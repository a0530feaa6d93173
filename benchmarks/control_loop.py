"""Control loop: from a dry reading, or a person's command, to the command in the node's hands, at 200 devices.

200 nodes hold a long poll. One at a time sends a batch with two agreeing dry samples; the time runs from the first byte
of that request to the last byte of the answer to the node's poll. In between lie a durable commit of the batch, the
rules, a durable commit of the command and one of its delivery. Then each device gets a command from a person, through
`POST /devices/{id}/commands`, timed in the same way. Each plant is watered once by each, and acknowledges each run.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks.backend import Node, running_backend
from benchmarks.load import OneByOne, UnexpectedAnswer, percentile
from benchmarks.servers import scratch_folder, separate_cores
from benchmarks.workload import Channel, get, post

CHANNELS = (Channel("soil", "soil_moisture", "%", 10, 10),)
PROFILE = {"mode": "on", "dose_ms": 1000, "cooldown_s": 60, "soak_s": 0}
_TIMEOUT_S = 10.0
_SETTLE_S = 1.5


@dataclass(frozen=True, slots=True)
class Plan:
    """How many devices there are, and the longest pause between two measurements."""

    devices: int
    pause_s: float


FULL = Plan(devices=200, pause_s=0.2)
SHORT = Plan(devices=20, pause_s=0.02)


@dataclass(slots=True)
class Plant:
    """A node at work: one connection for its polls, one for what it sends."""

    node: Node
    polls: OneByOne
    sends: OneByOne
    last_seq: int = 0
    arrived_at: "asyncio.Queue[float]" = field(default_factory=asyncio.Queue)

    async def poll_for_ever(self) -> None:
        """Hold a poll, and carry out what comes."""
        while True:
            request = get(f"/commands?wait=25&after={self.last_seq}", self.node.token)
            status, body, at = await self.polls.exchange(request)
            if status == 204:
                continue
            commands = json.loads(body).get("commands", []) if status == 200 else []
            if len(commands) != 1:
                raise UnexpectedAnswer(f"{status}: {body[:500].decode(errors='replace')}")
            self.last_seq = commands[0]["seq"]
            await self._acknowledge(commands[0])
            self.arrived_at.put_nowait(at)

    async def send_dry_samples(self) -> None:
        """Tell that the soil is dry, twice: the rules believe no single value."""
        readings = [{"sensor": "soil", "value": 10.0, "age_ms": age_ms} for age_ms in (10_000, 0)]
        body = json.dumps({"batch_id": "dry-1", "boot_id": "dry", "readings": readings}).encode()
        await self.sends.send(post("/telemetry", self.node.token, body))

    async def _acknowledge(self, command: dict[str, int]) -> None:
        ack = {"id": command["id"], "seq": command["seq"], "status": "succeeded", "ran_ms": 1000}
        body = json.dumps({"acks": [ack]}).encode()
        status, answer, _ = await self.sends.exchange(post("/commands/ack", self.node.token, body))
        if status != 200:
            raise UnexpectedAnswer(f"{status}: {answer[:500].decode(errors='replace')}")


async def _time_each(plants: list[Plant], act: Callable[[Plant], Awaitable[None]], pause_s: float) -> list[float]:
    """Let one plant after the other act, and give how many ms its command took to arrive."""
    latencies = []
    for plant in plants:
        await asyncio.sleep(random.uniform(0, pause_s))
        started = time.perf_counter()
        acted = asyncio.ensure_future(act(plant))
        async with asyncio.timeout(_TIMEOUT_S):
            arrived_at = await plant.arrived_at.get()
        await acted
        latencies.append((arrived_at - started) * 1000)
    return latencies


async def _measure(port: int, user_token: str, nodes: list[Node], plan: Plan) -> tuple[list[float], list[float]]:
    """Connect all nodes, and give the latencies of the rules and of a person's commands."""
    async with AsyncExitStack() as stack:
        person = await stack.enter_async_context(OneByOne(port))
        plants = [
            Plant(
                node,
                polls=await stack.enter_async_context(OneByOne(port)),
                sends=await stack.enter_async_context(OneByOne(port)),
            )
            for node in nodes
        ]
        polls = asyncio.gather(*(plant.poll_for_ever() for plant in plants))

        async def water(plant: Plant) -> None:
            order = {"actuator": "pump", "action": "on", "duration_ms": 1000, "force": True}
            request = post(f"/devices/{plant.node.device_id}/commands", user_token, json.dumps(order).encode())
            status, body, _ = await person.exchange(request)
            if status != 201:
                raise UnexpectedAnswer(f"{status}: {body[:500].decode(errors='replace')}")

        async def measure() -> tuple[list[float], list[float]]:
            await asyncio.sleep(_SETTLE_S)
            by_rule = await _time_each(plants, Plant.send_dry_samples, plan.pause_s)
            return by_rule, await _time_each(plants, water, plan.pause_s)

        measured = asyncio.ensure_future(measure())
        try:
            await asyncio.wait((measured, polls), return_when=asyncio.FIRST_COMPLETED)
            if polls.done():
                polls.result()
            return await measured
        finally:
            measured.cancel()
            polls.cancel()
            await asyncio.gather(measured, polls, return_exceptions=True)


def run(plan: Plan) -> dict[str, float]:
    """Run everything and give the figures."""
    with scratch_folder() as folder, running_backend(folder, separate_cores()) as backend:
        nodes = [backend.add_node(f"Plant {number}", CHANNELS, PROFILE) for number in range(plan.devices)]
        by_rule, by_person = asyncio.run(_measure(backend.server.port, backend.user_token, nodes, plan))
    for name, latencies in (("rule", by_rule), ("person", by_person)):
        print(
            f"  {name:<8} p50 {median(latencies):>6.1f} ms  p99 {percentile(latencies, 99):>6.1f} ms  "
            f"worst {max(latencies):>6.1f} ms  of {len(latencies)}",
            flush=True,
        )
    return {
        "p50_ms": round(median(by_rule), 2),
        "p99_ms": round(percentile(by_rule, 99), 2),
        "manual_p50_ms": round(median(by_person), 2),
        "manual_p99_ms": round(percentile(by_person, 99), 2),
        "measured": len(by_rule),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench control-loop", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="20 devices and short pauses: to see that it works")
    print(json.dumps(run(SHORT if parser.parse_args().short else FULL)))


if __name__ == "__main__":
    main()
