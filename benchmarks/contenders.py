"""The servers that a benchmark compares, ready to be loaded: the bare floor and the plain reference."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import reference
from benchmarks.backend import running_backend
from benchmarks.servers import Cores, Server, free_port, running, uvicorn_command
from benchmarks.workload import BatchRequests, Channel


@dataclass(slots=True)
class Contender:
    """A running server with the nodes that it knows. `stored` gives the batch ids that it holds of each node."""

    server: Server
    nodes: list[BatchRequests]
    stored: Callable[[], list[set[str]]]


Start = Callable[[Path, Cores, Sequence[Channel], int], AbstractContextManager[Contender]]
"""Starts a server on a fresh folder, for so many nodes with these channels."""


@contextmanager
def backend(
    folder: Path, cores: Cores, channels: Sequence[Channel], devices: int, settings: Mapping[str, str] | None = None
) -> Iterator[Contender]:
    """Run the real backend. The rules are on: each batch is looked at, and finds a moist plant."""
    with running_backend(folder, cores, settings) as running_one:
        nodes = [running_one.add_node(f"Plant {number}", channels, {"mode": "on"}) for number in range(devices)]
        yield Contender(
            running_one.server,
            [BatchRequests(node.token, channels, seed) for seed, node in enumerate(nodes)],
            lambda: running_one.stored_batches(nodes),
        )


@contextmanager
def plain_reference(folder: Path, cores: Cores, channels: Sequence[Channel], devices: int) -> Iterator[Contender]:
    """Run the plain reference."""
    database = folder / "reference.sqlite"
    environment = {
        "REFERENCE_DATABASE": str(database),
        "REFERENCE_DEVICES": str(devices),
        "REFERENCE_SENSORS": ",".join(channel.key for channel in channels),
    }
    port = free_port()
    command = uvicorn_command("benchmarks.reference:app", port)
    with running(command, folder, cores, port=port, environment=environment, ready="/readyz") as server:
        yield Contender(
            server,
            [BatchRequests(reference.token(number), channels, number) for number in range(devices)],
            lambda: _stored_in_reference(database, devices),
        )


@contextmanager
def bare(folder: Path, cores: Cores, channels: Sequence[Channel], devices: int) -> Iterator[Contender]:
    """Run the bare ASGI application, which stores nothing."""
    port = free_port()
    command = uvicorn_command("benchmarks.bare:app", port)
    with running(command, folder, cores, port=port, environment={}, ready="/") as server:
        yield Contender(server, [BatchRequests("none", channels, seed) for seed in range(devices)], list)


def _stored_in_reference(database: Path, devices: int) -> list[set[str]]:
    found: dict[str, set[str]] = {reference.device_id(number): set() for number in range(devices)}
    with closing(sqlite3.connect(database)) as connection:
        for device, batch_id in connection.execute("SELECT device_id, batch_id FROM accepted_batches"):
            found[device].add(batch_id)
    return list(found.values())
