"""The backend's memory is that of its plants, not of how long it has run or of who has listened."""

import asyncio
import contextlib
import itertools
import socket
import time
from pathlib import Path

import pytest
from plant_backend.server import STALLED_MS

from benchmarks.load import OneByOne
from benchmarks.procfs import resident_bytes_of
from benchmarks.workload import BatchRequests, Channel
from tests.live_backend import MANIFEST, Backend, Node, Person, eventually

CHANNELS = tuple(Channel(sensor["key"], sensor["kind"], sensor["unit"], 40, 60) for sensor in MANIFEST["sensors"])
NODES = 8
STRETCHES = 20
GROWTH_MB = 6.0
FULL_AFTER = 400


async def send(port: int, nodes: list[BatchRequests], each: int) -> None:
    """Let each node send so many batches, one after the other."""

    async def one(node: BatchRequests) -> None:
        async with OneByOne(port) as connection:
            for _ in range(each):
                await connection.send(node.next())

    await asyncio.gather(*(one(node) for node in nodes))


async def listen(backend: Backend, person: Person, times: int) -> None:
    """Open the event stream, take the snapshot and go, again and again."""
    host, port = backend.url.removeprefix("http://").split(":")
    head = f"GET /events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {person.token}\r\n\r\n".encode()
    for _ in range(times):
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
        writer.write(head)
        await reader.readuntil(b"event: snapshot")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("batches", "reconnects"),
    [(4_000, 40), pytest.param(100_000, 1_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)
def test_memory_stays_flat(tmp_path: Path, batches: int, reconnects: int) -> None:
    """Over batches, listeners, and devices that come and go: the second half takes no more than the first."""
    # Compactions come as often in the short form, seen from the batches.
    settings = {"compact_at_batches": batches // 20}
    with Backend(tmp_path, **settings) as backend:
        ada = backend.add_person("ada")
        port = int(backend.url.rpartition(":")[2])
        nodes = [BatchRequests(ada.add_device().access_token, CHANNELS, seed) for seed in range(NODES)]
        assert backend.process is not None
        sizes_mb = []
        for _ in range(STRETCHES):
            asyncio.run(send(port, nodes, batches // NODES // STRETCHES))
            asyncio.run(listen(backend, ada, reconnects // STRETCHES))
            passing: Node = ada.add_device("Passing")
            passing.send(soil=40)
            assert ada.request("DELETE", passing.path).status_code == 204
            sizes_mb.append(resident_bytes_of(backend.process.pid) / 1e6)
        # What runs in first is what a server needs: caches, pages, code that is used for the first time.
        first, second = max(sizes_mb[2 : STRETCHES // 2]), max(sizes_mb[STRETCHES // 2 :])
        assert second - first < GROWTH_MB, [round(size, 1) for size in sizes_mb]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_listener_that_takes_nothing_is_cut_off(tmp_path: Path) -> None:
    """A slow client is disconnected, never buffered without bound; one that stalls does not even fall behind."""
    with Backend(tmp_path) as backend:
        ada = backend.add_person("ada")
        node = ada.add_device()
        port = int(backend.url.rpartition(":")[2])
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            stalled.connect(("127.0.0.1", port))
            stalled.sendall(
                f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ada.token}\r\n\r\n".encode()
            )
            ours = stalled.getsockname()[1]
            assert eventually(lambda: is_open(port, ours))
            began = time.monotonic()
            for number in itertools.count():
                if not is_open(port, ours):
                    break
                node.try_send([{"sensor": "soil", "value": value, "age_ms": value} for value in range(500)])
                # All buffers on the way are full: from here on there only has to be something that is not taken.
                time.sleep(0.05 if number > FULL_AFTER else 0)
                assert time.monotonic() - began < STALLED_MS / 1000 + 300, "it is still there"
        # The others hear on.
        with ada.listen() as stream:
            assert [event.type for event in stream.take(2)] == ["info", "snapshot"]


def is_open(port: int, peer: int) -> bool:
    """Tell whether the server has an established connection with a peer's port on this machine."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        if int(local.partition(":")[2], 16) == port and int(remote.partition(":")[2], 16) == peer:
            return state == "01"
    return False
