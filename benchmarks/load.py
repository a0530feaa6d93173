"""The load generator: keep-alive connections that each send the next request as soon as the last one is answered."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from benchmarks.http_answers import AnswerReader
from benchmarks.procfs import Usage, usage_of
from benchmarks.workload import BatchRequests

_ANSWER_WITHIN_S = 60.0


class UnexpectedAnswer(Exception):
    """The server answered something other than 202, or hung up."""


@dataclass(slots=True)
class LoadResult:
    """What one stretch of load came to. Figures are of the measured part, `accepted` counts the warm-up too."""

    requests: int
    seconds: float
    cpu_us: float
    latencies_ms: list[float]
    accepted: list[int]

    @property
    def rps(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds

    @property
    def cpu_us_per_request(self) -> float:
        """CPU time of the server for one request."""
        return self.cpu_us / self.requests

    def percentile_ms(self, percent: int) -> float:
        """Give a percentile of the time from the first byte sent to the last byte received."""
        return percentile(self.latencies_ms, percent)


def percentile(values: Sequence[float], percent: int) -> float:
    """Give a percentile of two or more values."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


@dataclass(slots=True)
class _Shared:
    is_stopping: bool = False
    answered: int = 0
    latencies: list[float] = field(default_factory=list)


class _Connection(asyncio.Protocol):
    """One node that never rests."""

    def __init__(self, requests: BatchRequests, shared: _Shared) -> None:
        self._next = requests.next
        self._shared = shared
        self._reader = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self._sent_at = 0.0
        self.accepted = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        answer = self._reader.feed(data)
        if answer is None:
            return
        status, body = answer
        if status != 202:
            self._end(UnexpectedAnswer(f"{status}: {body[:500].decode(errors='replace')}"))
            return
        shared = self._shared
        shared.latencies.append(time.perf_counter() - self._sent_at)
        shared.answered += 1
        self.accepted += 1
        if shared.is_stopping:
            self._end(None)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(UnexpectedAnswer(f"the server hung up: {exc}"))

    def _send(self) -> None:
        assert self._transport is not None
        request = self._next()
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _end(self, error: Exception | None) -> None:
        if self.finished.done():
            return
        if error is None:
            self.finished.set_result(None)
        else:
            self.finished.set_exception(error)
        assert self._transport is not None
        self._transport.close()


async def run_load(
    port: int, pid: int, nodes: Sequence[BatchRequests], *, warm_up_s: float, seconds: float
) -> LoadResult:
    """Load the server for a while, all nodes at once. Raises UnexpectedAnswer."""
    shared = _Shared()
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(_factory(node, shared), "127.0.0.1", port))[1] for node in nodes]
    ended = asyncio.gather(*(connection.finished for connection in connections))
    await _pass(warm_up_s, ended)
    first, before, started = shared.answered, usage_of(pid), time.perf_counter()
    await _pass(seconds, ended)
    last, after, stopped = shared.answered, usage_of(pid), time.perf_counter()
    shared.is_stopping = True
    async with asyncio.timeout(_ANSWER_WITHIN_S):
        await ended
    return LoadResult(
        requests=last - first,
        seconds=stopped - started,
        cpu_us=_cpu_us(before, after),
        latencies_ms=[latency * 1000 for latency in shared.latencies[first:last]],
        accepted=[connection.accepted for connection in connections],
    )


def _factory(node: BatchRequests, shared: _Shared) -> Callable[[], _Connection]:
    return lambda: _Connection(node, shared)


async def _pass(seconds: float, ended: "asyncio.Future[list[None]]") -> None:
    """Let time pass, unless a connection breaks."""
    await asyncio.wait([ended], timeout=seconds)
    if ended.done():
        ended.result()
        raise UnexpectedAnswer("all connections ended early")


def _cpu_us(before: Usage, after: Usage) -> float:
    return after.cpu_us - before.cpu_us


class OneByOne(asyncio.Protocol):
    """One keep-alive connection on which a request is sent when the one before is answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes, float]] | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> "OneByOne":
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._transport is not None
        self._transport.close()
        # The loop closes the socket in its next turn, and may have none if nobody waits.
        await asyncio.sleep(0)

    async def exchange(self, request: bytes) -> tuple[int, bytes, float]:
        """Send a request and give the status, the body, and when (`perf_counter`) its last byte came."""
        async with self._turn:
            assert self._transport is not None
            self._answer = asyncio.get_running_loop().create_future()
            self._transport.write(request)
            return await self._answer

    async def send(self, request: bytes) -> None:
        """Send a batch. Raises UnexpectedAnswer unless it is accepted."""
        status, body, _ = await self.exchange(request)
        if status != 202:
            raise UnexpectedAnswer(f"{status}: {body[:500].decode(errors='replace')}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        answer = self._reader.feed(data)
        if answer is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result((*answer, time.perf_counter()))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(UnexpectedAnswer(f"the server hung up: {exc}"))
