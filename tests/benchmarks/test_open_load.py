"""The nodes of a fleet: each batch in its turn, again until it is accepted, timed from when it was due."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from benchmarks.load import UnexpectedAnswer
from benchmarks.open_load import run_open_load

EVERY_S = 0.2


class Server(asyncio.Protocol):
    """Answers each line that it hears; who is answered None is hung up on."""

    def __init__(self, answers: Callable[[bytes], bytes | None], open_ones: set[asyncio.Transport]) -> None:
        self._answers = answers
        self._open = open_ones

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(transport)

    def data_received(self, data: bytes) -> None:
        answer = self._answers(data)
        if answer is None:
            self._transport.abort()
        else:
            self._transport.write(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self._transport)


@asynccontextmanager
async def a_server(answers: Callable[[bytes], bytes | None]) -> AsyncIterator[int]:
    """Serve on a free port."""
    open_ones: set[asyncio.Transport] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Server(answers, open_ones), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for transport in open_ones:
            transport.abort()
        await asyncio.sleep(0)


def said(status: int) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\n{}" % status


@pytest.mark.slow
async def test_what_was_refused_or_cut_off_is_sent_again_and_nothing_else() -> None:
    heard: list[bytes] = []

    def answer(body: bytes) -> bytes | None:
        heard.append(body.strip())
        if heard.count(body.strip()) > 1:
            return said(202)
        return {b"1": said(503), b"2": None}.get(body.strip(), said(202))

    async with a_server(answer) as port:
        sent = await run_open_load(
            [port],
            [lambda number: b"%d\n" % number],
            every_s=EVERY_S,
            warm_up_s=0,
            seconds=20 * EVERY_S,
            begin=lambda: None,
        )
    numbers = [int(body) for body in heard]
    assert numbers == sorted(numbers), "one after the other"
    assert [number for number in set(numbers) if numbers.count(number) > 1] == [1, 2]
    assert sent.accepted == [max(numbers)]
    assert sent.retries == 2
    # The first waited for a second, and those behind it were due all the same.
    assert len(sent.latencies_ms) == sent.accepted[0]
    assert sent.latencies_ms[0] >= 900
    assert sent.latencies_ms[2] >= 900


async def test_any_other_answer_ends_it() -> None:
    async with a_server(lambda _: said(422)) as port:
        with pytest.raises(UnexpectedAnswer, match="422"):
            await run_open_load(
                [port], [lambda _: b"x\n"], every_s=EVERY_S, warm_up_s=0, seconds=60, begin=lambda: None
            )
