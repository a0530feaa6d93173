"""A proxy between a node and the backend. It writes all that is said down, and does to it what Wi-Fi, routers and
restarts do: loses answers, holds them back, repeats them, or cuts the link.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.live_backend import eventually

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What the node asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def route(self) -> str:
        """Method and path, as the protocol names them."""
        return f"{self.method} {self.path}"

    @property
    def json(self) -> Any:
        """The body as a document; None where there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the backend said, or what we say in its place."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def json(self) -> Any:
        """The body as a document; None where there is none."""
        return json.loads(self.body) if self.body else None

    @classmethod
    def of(cls, status: int, document: JSON | None = None, **headers: str) -> Self:
        """Make an answer. `retry_after="1"` becomes Retry-After."""
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return cls(status, b"" if document is None else json.dumps(document).encode(), named)


@dataclass(slots=True)
class Exchange:
    """One request, what the backend answered, and whether the node got to hear of it."""

    request: Request
    began_at: float
    answer: Answer | None = None
    answered_at: float = 0.0
    reached_backend: bool = False
    is_delivered: bool = False


class LinkLost(Exception):
    """This exchange ends here: the connection is closed without a word."""


@dataclass(slots=True)
class _Fault:
    """What to do with a request, before it goes on; or with an answer of some status (0: any), before it goes back."""

    route: str
    times: float
    to_request: Callable[[Exchange], Coroutine[Any, Any, Answer]] | None = None
    to_answer: Callable[[Answer], Coroutine[Any, Any, Answer]] | None = None
    status: int = 0


@dataclass(slots=True)
class _State:
    """What the network is like now; touched in the proxy's loop only."""

    is_cut: bool = False
    is_silent: bool = False
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Proxy:
    """Listens on a port of its own, in a thread of its own.

    A fault is for one route (`POST /telemetry`), is used `times` times, and faults of a route come in the order in
    which they were asked for.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.exchanges: list[Exchange] = []
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []
        self._at_backend: list[Exchange] = []
        self._state = _State()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """End all connections and the thread."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # What can go wrong

    def lose_requests(self, route: str, times: float = 1) -> None:
        """Let requests get lost before the backend hears of them."""

        async def lose(_: Exchange) -> Answer:
            raise LinkLost

        self._add(_Fault(route, times, to_request=lose))

    def answer(self, route: str, answer: Answer, times: float = 1) -> None:
        """Answer in the backend's place."""

        async def say(_: Exchange) -> Answer:
            return answer

        self._add(_Fault(route, times, to_request=say))

    def repeat_answer(self, route: str, times: float = 1) -> None:
        """Give the last 200 of a route again."""
        last = self.answered(route, HTTPStatus.OK)[-1].answer
        assert last is not None
        self.answer(route, last, times)

    def edit_requests(self, route: str, edit: Callable[[JSON], JSON], times: float = 1) -> None:
        """Change documents on their way to the backend."""

        async def change(exchange: Exchange) -> Answer:
            body = json.dumps(edit(exchange.request.json)).encode()
            return await self._ask_backend(exchange, replace(exchange.request, body=body))

        self._add(_Fault(route, times, to_request=change))

    def lose_answers(self, route: str, times: float = 1, *, status: int = 0) -> None:
        """Let the backend do its work, and the node never hear of it. The poll that waits now is meant too."""

        async def lose(_: Answer) -> Answer:
            raise LinkLost

        self._add(_Fault(route, times, to_answer=lose, status=status))

    def delay_answers(self, route: str, seconds: float, times: float = 1, *, status: int = 0) -> None:
        """Hold answers back."""

        async def hold(answer: Answer) -> Answer:
            await asyncio.sleep(seconds)
            return answer

        self._add(_Fault(route, times, to_answer=hold, status=status))

    def edit_answers(self, route: str, edit: Callable[[JSON], JSON], times: float = 1) -> None:
        """Change documents (of a 200) on their way to the node."""

        async def change(answer: Answer) -> Answer:
            return replace(answer, body=json.dumps(edit(answer.json)).encode())

        self._add(_Fault(route, times, to_answer=change, status=HTTPStatus.OK))

    def cut(self) -> None:
        """Unplug the router: connections end at once, also those to the backend; new ones are refused with a reset."""
        self._call(self._set(is_cut=True))

    def fall_silent(self) -> None:
        """Lose every packet: connections stay open, and nothing comes through any more."""
        self._call(self._set(is_silent=True))

    def mend(self) -> None:
        """Let the link work again. Connections of the time without it end."""
        self._call(self._set())

    def forget_faults(self) -> None:
        """Let everything pass from now on."""
        with self._lock:
            self._faults.clear()

    # What was said

    def said(self, route: str, *, status: int = 0, delivered: bool | None = None) -> list[Exchange]:
        """Give the exchanges of a route that the backend (or we) had an answer to, of that status if one is given."""
        with self._lock:
            return [
                each
                for each in self.exchanges
                if each.request.route == route
                and each.answer is not None
                and status in (0, each.answer.status)
                and (delivered is None or each.is_delivered is delivered)
            ]

    def answered(self, route: str, status: int) -> list[Exchange]:
        """Give the exchanges of a route that the node got this answer to."""
        return self.said(route, status=status, delivered=True)

    def unanswered(self, route: str) -> list[Exchange]:
        """Give the exchanges of a route that the backend may have acted upon, without a node to hear of it."""
        with self._lock:
            return [
                each
                for each in self.exchanges
                if each.request.route == route and each.reached_backend and each.answer is None
            ]

    def acks(self, command_id: int) -> list[JSON]:
        """Give all that the node told the backend of a command, in order, whether or not it heard the answer.

        Whoever has seen at the backend what an ack did finds it here, also where its answer is still on its way back.
        """
        eventually(lambda: not self._is_at_backend("POST /commands/ack"))
        with self._lock:
            told = [
                each
                for each in (*self.exchanges, *self._at_backend)
                if each.request.route == "POST /commands/ack" and each.reached_backend and each.answer is not None
            ]
        return [ack for each in told for ack in each.request.json["acks"] if ack["id"] == command_id]

    # How it works

    async def _converse(self, exchange: Exchange) -> Answer:
        fault = self._take(lambda each: each.to_request is not None, exchange)
        if fault is not None and fault.to_request is not None:
            answer = await fault.to_request(exchange)
        else:
            answer = await self._ask_backend(exchange, exchange.request)
        fault = self._take(lambda each: each.to_answer is not None and each.status in (0, answer.status), exchange)
        return await fault.to_answer(answer) if fault is not None and fault.to_answer is not None else answer

    async def _ask_backend(self, exchange: Exchange, request: Request) -> Answer:
        """Hand a request on and give the backend's answer. Raises LinkLost where there is none."""
        where = urlsplit(self.upstream)
        try:
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
        except OSError:
            raise LinkLost from None
        # Noted before it is sent: whoever sees what the backend does next sees what made it do so.
        exchange.reached_backend = True
        with self._lock:
            self._at_backend.append(exchange)
        try:
            writer.write(_request_bytes(request, where.netloc))
            await writer.drain()
            exchange.answer = await _read_answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            raise LinkLost from None
        finally:
            writer.transport.abort()
        return exchange.answer

    def _is_at_backend(self, route: str) -> bool:
        """Tell whether the backend has a request that it may have acted upon, and has not answered yet."""
        with self._lock:
            return any(each.request.route == route and each.answer is None for each in self._at_backend)

    def _add(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def _take(self, fits: Callable[[_Fault], bool], exchange: Exchange) -> _Fault | None:
        with self._lock:
            route = exchange.request.route
            fault = next((each for each in self._faults if each.route == route and fits(each)), None)
            if fault is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _set(self, *, is_cut: bool = False, is_silent: bool = False) -> None:
        was_silent, self._state.is_silent = self._state.is_silent, is_silent
        self._state.is_cut = is_cut
        if is_cut or (was_silent and not is_silent):
            ending = list(self._state.tasks)
            for writer in list(self._state.writers):
                writer.transport.abort()
            # A poll that still waited at the backend would be given the next command.
            if ending:
                await asyncio.wait(ending)

    async def _end(self) -> None:
        self._state.is_cut = True
        # A connection that was accepted a moment ago begins, finds the link cut and closes; asyncio leaves its socket
        # open where the server is closed before that.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for writer in list(self._state.writers):
                writer.transport.abort()
            for task in list(self._state.tasks):
                task.cancel()
            await asyncio.wait(others)
        self._server.close()
        # What was aborted is let go of in the loop's next turn.
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._state.tasks.add(task)
        self._state.writers.add(writer)
        try:
            while not self._state.is_cut:
                request = await _read_request(reader)
                await self._exchange(Exchange(request, time.time()), reader, writer)
        except (LinkLost, OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            # The test is over.
            pass
        finally:
            writer.transport.abort()
            self._state.writers.discard(writer)
            self._state.tasks.discard(task)

    async def _exchange(self, exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        working = asyncio.ensure_future(self._converse(exchange))
        hung_up = asyncio.ensure_future(reader.read(1))
        try:
            if self._state.is_silent:
                working.cancel()
                await hung_up
                raise LinkLost
            await asyncio.wait((working, hung_up), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise LinkLost
            answer = working.result()
            if self._state.is_silent:
                await hung_up
            if self._state.is_silent or self._state.is_cut:
                raise LinkLost
            exchange.answer = answer
            exchange.answered_at = time.time()
            # Noted before it is sent: whoever sees what the node does next sees what made it do so.
            exchange.is_delivered = True
            self._note(exchange)
            writer.write(_answer_bytes(answer))
            await writer.drain()
        except LinkLost:
            self._note(exchange)
            raise
        finally:
            for task in (working, hung_up):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, LinkLost, OSError):
                    await task
            with self._lock:
                self._leave_backend(exchange)

    def _note(self, exchange: Exchange) -> None:
        with self._lock:
            self.exchanges.append(exchange)
            self._leave_backend(exchange)

    def _leave_backend(self, exchange: Exchange) -> None:
        self._at_backend = [each for each in self._at_backend if each is not exchange]


_HOP_BY_HOP = ("connection", "content-length", "host", "transfer-encoding")


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, list[tuple[str, str]]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return first, headers


async def _read_request(reader: asyncio.StreamReader) -> Request:
    first, headers = await _read_head(reader)
    method, target, _ = first.split(" ")
    parts = urlsplit(target)
    named = dict(headers)
    body = await reader.readexactly(int(named.get("content-length", 0)))
    return Request(method, parts.path, dict(parse_qsl(parts.query)), named, body)


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    first, headers = await _read_head(reader)
    body = await reader.readexactly(int(dict(headers).get("content-length", 0)))
    kept = tuple((name, value) for name, value in headers if name not in _HOP_BY_HOP)
    return Answer(int(first.split(" ")[1]), body, kept)


def _request_bytes(request: Request, host: str) -> bytes:
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    lines = [f"{request.method} {request.path}{'?' + query if query else ''} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name not in _HOP_BY_HOP]
    if request.body:
        lines.append(f"content-length: {len(request.body)}")
    return "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1") + request.body


def _answer_bytes(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.status != HTTPStatus.NO_CONTENT:
        lines.append(f"content-length: {len(answer.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body
