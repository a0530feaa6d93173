"""The open load: each node sends at its own times, whether or not the server keeps up, and never gives a batch up.

Every latency runs from the moment at which the batch was due, so that a server that is slow is not asked less often for
it. A node keeps its connection, sends a refused batch again when it is told to, and one that was cut off at once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from benchmarks.http_answers import AnswerReader
from benchmarks.load import UnexpectedAnswer

_RETRY_S = 1.0
_ANSWER_WITHIN_S = 60.0


@dataclass(slots=True)
class Sent:
    """What became of all batches. A latency of the warm-up is not among the latencies; lateness is the generator's."""

    accepted: list[int]
    latencies_ms: list[float] = field(default_factory=list)
    lateness_ms: list[float] = field(default_factory=list)
    retries: int = 0


class _Node(asyncio.Protocol):
    """One node with one connection, which sends a batch when it is told to and remembers how many were accepted."""

    def __init__(self, port: int, request: Callable[[int], bytes], load: "_Load", place: int) -> None:
        self._port = port
        self._request = request
        self._load = load
        self._place = place
        self._transport: asyncio.Transport | None = None
        self._reader = AnswerReader()
        self._due_at = 0.0
        self._is_waiting = False
        self._missed = 0
        self._number = 1

    def send(self, due_at: float) -> None:
        """Send the next batch, or remember that it is due when the one before is not answered yet."""
        if self._is_waiting:
            self._missed += 1
            return
        self._due_at, self._is_waiting = due_at, True
        self._try()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._reader = transport, AnswerReader()
        transport.write(self._request(self._number))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._is_waiting and not self._load.is_over:
            self._try_again()

    def data_received(self, data: bytes) -> None:
        answer = self._reader.feed(data)
        if answer is None:
            return
        status, body = answer
        if status == 202:
            self._accepted()
        elif status == 503:
            self._try_again()
        else:
            self._load.fail(UnexpectedAnswer(f"{status}: {body[:500].decode(errors='replace')}"))

    def _accepted(self) -> None:
        load = self._load
        load.sent.accepted[self._place] = self._number
        load.note(self._due_at)
        self._number += 1
        self._is_waiting = False
        if self._missed:
            self._missed -= 1
            self.send(self._due_at + load.every_s)

    def _try(self) -> None:
        if self._transport is None or self._transport.is_closing():
            self._load.connect(self, self._port)
        else:
            self._transport.write(self._request(self._number))

    def _try_again(self) -> None:
        self._load.sent.retries += 1
        asyncio.get_running_loop().call_later(_RETRY_S, self._try)


class _Load:
    """Goes round all nodes, again and again."""

    def __init__(self, nodes: int, every_s: float) -> None:
        self.every_s = every_s
        self.sent = Sent([0] * nodes)
        self.is_over = False
        self.counts_from = 0.0
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connecting: set[asyncio.Task[None]] = set()

    def note(self, due_at: float) -> None:
        """Take note of a batch that was accepted."""
        if due_at >= self.counts_from:
            self.sent.latencies_ms.append((time.perf_counter() - due_at) * 1000)

    def fail(self, error: Exception) -> None:
        """End everything."""
        if not self._failed.done():
            self._failed.set_exception(error)

    def connect(self, node: _Node, port: int) -> None:
        """Open a connection of a node; what waits is sent when it is there."""
        task = asyncio.get_running_loop().create_task(self._connect(node, port))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, node: _Node, port: int) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: node, "127.0.0.1", port)
        except OSError:
            node.connection_lost(None)

    async def run(self, nodes: Sequence[_Node], warm_up_s: float, seconds: float, begin: Callable[[], None]) -> None:
        """Send for so long, then wait for what is under way. `begin` is called when the warm-up is over."""
        start = time.perf_counter()
        self.counts_from, until = start + warm_up_s, start + warm_up_s + seconds
        begin_in = asyncio.get_running_loop().call_later(warm_up_s, begin)
        due = [(start + place * self.every_s / len(nodes), place) for place in range(len(nodes))]
        heapify(due)
        try:
            while due[0][0] < until:
                at, place = due[0]
                now = time.perf_counter()
                if at > now:
                    await asyncio.wait([self._failed], timeout=at - now)
                    if self._failed.done():
                        break
                    continue
                heappop(due)
                heappush(due, (at + self.every_s, place))
                if at >= self.counts_from:
                    self.sent.lateness_ms.append((now - at) * 1000)
                nodes[place].send(at)
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                while not self._failed.done() and any(node._is_waiting for node in nodes):
                    await asyncio.wait([self._failed], timeout=0.1)
            if self._failed.done():
                self._failed.result()
        finally:
            begin_in.cancel()
            self.is_over = True
            for node in nodes:
                node.close()
            await asyncio.sleep(0)


async def run_open_load(
    ports: Sequence[int],
    requests: Sequence[Callable[[int], bytes]],
    *,
    every_s: float,
    warm_up_s: float,
    seconds: float,
    begin: Callable[[], None],
) -> Sent:
    """Let each node send a batch every so many seconds, evenly spread. `requests` make the n-th batch of each, from 1.

    The nodes are shared out to the ports. Raises UnexpectedAnswer, TimeoutError.
    """
    load = _Load(len(requests), every_s)
    nodes = [_Node(ports[place % len(ports)], request, load, place) for place, request in enumerate(requests)]
    await load.run(nodes, warm_up_s, seconds, begin)
    return load.sent
