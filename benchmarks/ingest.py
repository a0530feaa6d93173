"""Durable ingest: 10 readings a request over 32 connections, beside a plain reference and a server that does nothing.

All three run one after the other, several times, each time from an empty database. The server has one core, the load
generator another. Every answer is checked, and after each turn the server is killed (SIGKILL) and its database compared
with what it had answered. CPU time per request is the figure to trust: disk and neighbours move it least.
"""

import argparse
import asyncio
import json
import signal
from dataclasses import dataclass
from statistics import median

from benchmarks.contenders import Start, backend, bare, plain_reference
from benchmarks.load import LoadResult, run_load
from benchmarks.servers import Cores, scratch_folder, separate_cores
from benchmarks.workload import TEN_CHANNELS, batch_id

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    rounds: int
    warm_up_s: float
    seconds: float


FULL = Plan(rounds=5, warm_up_s=1.0, seconds=6.0)
SHORT = Plan(rounds=1, warm_up_s=0.5, seconds=1.5)


class ReadingsLost(Exception):
    """What was answered with 202 is not in the database."""


def measure(start: Start, plan: Plan, cores: Cores, *, is_storing: bool) -> LoadResult:
    """Run one turn of one server. Raises ReadingsLost."""
    with scratch_folder() as folder, start(folder, cores, TEN_CHANNELS, CONNECTIONS) as contender:
        server = contender.server
        result = asyncio.run(
            run_load(server.port, server.pid, contender.nodes, warm_up_s=plan.warm_up_s, seconds=plan.seconds)
        )
        server.stop(signal.SIGKILL)
        if is_storing:
            _check(result, contender.stored())
        return result


def _check(result: LoadResult, stored: list[set[str]]) -> None:
    """Compare batch by batch. The database may hold no more than was sent and no less than was answered."""
    for node, (accepted, held) in enumerate(zip(result.accepted, stored, strict=True)):
        missing = {batch_id(number) for number in range(1, accepted + 1)} - held
        if missing or len(held) != accepted:
            raise ReadingsLost(
                f"node {node}: {accepted} batches were answered with 202, {len(held)} are stored, "
                f"{len(missing)} missing, the first {min(missing, default='-')}"
            )


def _say(name: str, result: LoadResult) -> None:
    print(
        f"  {name:<10} {result.rps:>8,.0f} req/s  {result.cpu_us_per_request:>7,.0f} µs CPU/req  "
        f"p50 {result.percentile_ms(50):>7.1f} ms  p99 {result.percentile_ms(99):>7.1f} ms",
        flush=True,
    )


def run(plan: Plan) -> dict[str, float]:
    """Run all rounds and give the figures: medians, and medians of the ratios of each round."""
    cores = separate_cores()
    if not cores.are_separate:
        print("Only one core here: server and generator share it, and the figures say little.")
    ours, references, floors = [], [], []
    for number in range(plan.rounds):
        print(f"Round {number + 1} of {plan.rounds}", flush=True)
        floors.append(measure(bare, plan, cores, is_storing=False))
        _say("bare", floors[-1])
        ours.append(measure(backend, plan, cores, is_storing=True))
        _say("backend", ours[-1])
        references.append(measure(plain_reference, plan, cores, is_storing=True))
        _say("reference", references[-1])
    pairs = list(zip(ours, references, strict=True))
    return {
        "cpu_ratio": round(median(other.cpu_us_per_request / own.cpu_us_per_request for own, other in pairs), 2),
        "rps_ratio": round(median(own.rps / other.rps for own, other in pairs), 2),
        "cpu_us": round(median(result.cpu_us_per_request for result in ours), 1),
        "rps": round(median(result.rps for result in ours)),
        "p99_ms": round(median(result.percentile_ms(99) for result in ours), 2),
        "reference_cpu_us": round(median(result.cpu_us_per_request for result in references), 1),
        "reference_rps": round(median(result.rps for result in references), 1),
        "reference_p99_ms": round(median(result.percentile_ms(99) for result in references), 2),
        "floor_cpu_us": round(median(result.cpu_us_per_request for result in floors), 1),
        "floor_rps": round(median(result.rps for result in floors)),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench ingest", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="one round of a moment: to see that it works")
    figures = run(SHORT if parser.parse_args().short else FULL)
    print(f"No accepted batch was lost. The backend needs {figures['cpu_ratio']:g} times less CPU per request than the")
    print(f"reference and takes {figures['rps_ratio']:g} times as many; {figures['floor_cpu_us']:g} µs are HTTP alone.")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
