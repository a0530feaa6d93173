"""Bytes sent to the disk in a day: 5 devices of 4 sensors, one batch a minute each, beside a plain reference.

A day is 7,200 requests, sent one after the other, so that each has a commit of its own as at home. The backend's clock
runs faster (the setting that the demonstration uses), so that its rules look at each batch; it compacts 96 times a day.
A first day fills the database, the second is measured: then the log also drops what it took in the day before.

Counted is `write_bytes` of /proc/PID/io: what the process made the kernel send to the disk, in whole pages of 4 KiB,
each time a clean page becomes dirty. The backend flushes each commit, so that all of its writes count. The reference
leaves flushing to the kernel, and here, where a day takes a minute, commits share pages that at home would be sent one
by one: its figure is too low rather than too high. What the file system adds (journal, metadata) counts for neither.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Contender, backend, plain_reference
from benchmarks.load import OneByOne
from benchmarks.procfs import usage_of
from benchmarks.servers import Cores, scratch_folder, separate_cores
from benchmarks.workload import FOUR_CHANNELS, BatchRequests

DEVICES = 5
BATCHES_A_DAY = DEVICES * 24 * 60
COMPACTIONS_A_DAY = 96
DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Plan:
    """fill: batches before measuring, measured: batches measured, day_takes_s: how long a simulated day takes."""

    fill: int
    measured: int
    day_takes_s: float = 60.0


FULL = Plan(fill=BATCHES_A_DAY, measured=BATCHES_A_DAY)
SHORT = Plan(fill=75, measured=BATCHES_A_DAY // 24)


class CannotMeasure(Exception):
    """The kernel does not count, or the files are not on a disk."""


async def _send(port: int, nodes: list[BatchRequests], count: int, interval_s: float) -> None:
    """Send batches in turn, each when its time has come and the one before is answered."""
    async with OneByOne(port) as connection:
        started = time.monotonic()
        for number in range(count):
            wait_s = started + number * interval_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await connection.send(nodes[number % len(nodes)].next())


def _written_bytes(pid: int) -> int:
    written = usage_of(pid).written_bytes
    if written is None:
        raise CannotMeasure(
            f"/proc/{pid}/io cannot be read: this kernel, or this container, does not count what a process writes."
        )
    return written


def measure(contender: Contender, plan: Plan) -> float:
    """Give the MB (10^6 bytes) that a server writes in a day. Raises CannotMeasure."""
    pid, port = contender.server.pid, contender.server.port
    interval_s = plan.day_takes_s / BATCHES_A_DAY
    asyncio.run(_send(port, contender.nodes, plan.fill, interval_s))
    before = _written_bytes(pid)
    asyncio.run(_send(port, contender.nodes, plan.measured, interval_s))
    written = _written_bytes(pid) - before
    if written == 0:
        raise CannotMeasure("Nothing was written to a disk: the repository lies in memory (tmpfs).")
    stored = sum(len(batches) for batches in contender.stored())
    if stored != plan.fill + plan.measured:
        raise AssertionError(f"{plan.fill + plan.measured} batches were accepted, {stored} are stored")
    return written / 1e6 * BATCHES_A_DAY / plan.measured


def _backend(folder: Path, cores: Cores, plan: Plan) -> AbstractContextManager[Contender]:
    settings = {
        "PLANT_CLOCK_SPEED": f"{DAY_S / plan.day_takes_s:g}",
        "PLANT_CLOCK_ORIGIN_MS": str(time.time_ns() // 1_000_000),
        "PLANT_COMPACT_AT_BATCHES": str(BATCHES_A_DAY // COMPACTIONS_A_DAY),
    }
    return backend(folder, cores, FOUR_CHANNELS, DEVICES, settings)


def _reference(folder: Path, cores: Cores, _: Plan) -> AbstractContextManager[Contender]:
    return plain_reference(folder, cores, FOUR_CHANNELS, DEVICES)


def run(plan: Plan) -> dict[str, float]:
    """Run both and give the figures."""
    written: list[float] = []
    starts: list[tuple[str, Callable[[Path, Cores, Plan], AbstractContextManager[Contender]]]] = [
        ("backend", _backend),
        ("reference", _reference),
    ]
    for name, start in starts:
        with scratch_folder() as folder, start(folder, separate_cores(), plan) as contender:
            written.append(measure(contender, plan))
        print(f"  {name:<10} {written[-1]:>8.1f} MB a day", flush=True)
    ours, other = written
    return {
        "written_ratio": round(other / ours, 2),
        "written_mb_day": round(ours, 1),
        "reference_written_mb_day": round(other, 1),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench wear", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="an hour of a first day, times 24")
    figures = run(SHORT if parser.parse_args().short else FULL)
    print(f"The backend sends {figures['written_ratio']:g} times fewer bytes to the disk than the reference.")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
