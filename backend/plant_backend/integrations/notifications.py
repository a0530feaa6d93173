"""Tells people through Apprise, in a process of its own that lives only while there is something to send."""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from plant_backend.domain.alert import Severity
from plant_backend.domain.errors import InvalidInput, Unavailable
from plant_backend.domain.notification import NotificationService, Text
from plant_backend.domain.notification_form import ServiceForm, form_of
from plant_backend.integrations.notification_services import known_services, recognise
from plant_backend.ports import NotSent

log = structlog.get_logger(__name__)

_AT_ONCE = 4
_AT_ONCE_FOR_WAITING_PEOPLE = 2
_LIMIT_S = 30.0
_IDLE_S = 60.0
_STOP_S = 2.0
_LONGEST_ANSWER = 1 << 20
_MODULE = "plant_backend.integrations.notification_process"
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


class _Ended(Exception):
    """The process is gone, or took too long."""


@dataclass(slots=True, eq=False)
class _Child:
    """One life of the process."""

    process: asyncio.subprocess.Process
    waiting: "dict[int, asyncio.Future[dict[str, Any]]]" = field(default_factory=dict)
    reader: "asyncio.Task[None] | None" = None
    is_retired: bool = False


class AppriseNotifier:
    """Fulfils `ports.Notifier`."""

    def __init__(self, networks: str = "", *, limit_s: float = _LIMIT_S, idle_s: float = _IDLE_S) -> None:
        """`networks` are those that may be notified though they are not the world's, as in the settings."""
        self._networks = networks
        self._limit_s = limit_s
        self.idle_s = idle_s
        self._ids = itertools.count(1)
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._urgent_places = asyncio.Semaphore(_AT_ONCE_FOR_WAITING_PEOPLE)
        self._starting = asyncio.Lock()
        self._child: _Child | None = None
        self._children: set[_Child] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._forms: tuple[ServiceForm, ...] | None = None

    def services(self) -> Sequence[NotificationService]:
        """Give the services that may be notified."""
        return known_services()

    async def forms(self) -> Sequence[ServiceForm]:
        """Give the forms of these services, as Apprise tells them. Raises Unavailable."""
        if self._forms is None:
            known = self.services()
            asked = {"details": [service.schemes[0] for service in known]}
            try:
                told = (await self._ask(asked, self._urgent_places))["details"]
            except (_Ended, KeyError) as error:
                raise Unavailable(f"What the services need could not be found out: {error}", retry_after_s=5) from None
            self._forms = tuple(
                form_of(service.name, service.schemes, one["secure"], one["guide"], one["tokens"], one["templates"])
                for service in known
                if (one := told.get(service.schemes[0])) is not None
            )
        return self._forms

    def process_ids(self) -> list[int]:
        """Give the processes that live."""
        return [child.process.pid for child in self._children]

    async def check(self, url: str) -> tuple[NotificationService, str]:
        """Give the service of a URL, and the URL without its secrets. Raises InvalidInput, Unavailable."""
        known = recognise(url)
        try:
            answer = await self._ask({"url": url, "host": known.host}, self._urgent_places)
        except _Ended as error:
            raise Unavailable(f"The URL could not be checked: {error}", retry_after_s=5) from None
        if answer.get("is_malformed"):
            raise InvalidInput([("url", f"must be complete, and of the form {known.service.example}")])
        if "reason" in answer:
            raise InvalidInput([("url", answer["reason"])])
        return known.service, known.shown

    async def send(self, url: str, text: Text, *, is_urgent: bool = False) -> None:
        """Send a text. Raises NotSent. `is_urgent`: somebody waits for the outcome."""
        kind = "success" if text.is_good_news else "failure" if text.severity is Severity.CRITICAL else "warning"
        try:
            # What was allowed once may not be any more.
            recognise(url)
            request = {"url": url, "title": text.subject, "body": text.body, "type": kind}
            answer = await self._ask(request, self._urgent_places if is_urgent else self._places)
        except InvalidInput as error:
            raise NotSent(f"The URL is not allowed: it {error.errors[0][1]}.") from None
        except _Ended as error:
            raise NotSent(str(error)) from None
        if "reason" in answer:
            raise NotSent(answer["reason"], is_refused=answer.get("is_refused", False))

    async def close(self) -> None:
        """End the process, and with it what is on its way."""
        self._is_closed = True
        if self._idle is not None:
            self._idle.cancel()
        await asyncio.gather(*(self._end(child) for child in tuple(self._children)), *self._endings)

    async def _ask(self, request: dict[str, Any], places: asyncio.Semaphore) -> dict[str, Any]:
        async with places:
            child = await self._living()
            number = next(self._ids)
            future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            child.waiting[number] = future
            try:
                self._write(child, {"id": number, **request})
                async with asyncio.timeout(self._limit_s):
                    return await future
            except TimeoutError:
                # Its thread may hang for ever: no new work for this process, and its end when the others are through.
                child.is_retired = True
                raise _Ended(f"It took longer than {self._limit_s:g} s.") from None
            finally:
                child.waiting.pop(number, None)
                self._tidy(child)

    async def _living(self) -> _Child:
        async with self._starting:
            if self._is_closed:
                raise _Ended("The backend is stopping.")
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
            child = self._child
            if child is None or child.is_retired or child.process.returncode is not None:
                child = self._child = await self._start()
            return child

    async def _start(self) -> _Child:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        try:
            # -P: the folder that the backend was started in is no place to take modules from.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                _MODULE,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LONGEST_ANSWER,
            )
        except OSError as error:
            raise _Ended(f"The process that sends could not be started: {error.strerror}.") from None
        child = _Child(process)
        child.reader = asyncio.get_running_loop().create_task(self._read(child), name="notifications")
        self._children.add(child)
        self._write(child, {"networks": self._networks})
        return child

    def _write(self, child: _Child, document: dict[str, Any]) -> None:
        stdin = child.process.stdin
        if stdin is None or stdin.is_closing():
            raise _Ended("The process that sends has ended.")
        stdin.write(json.dumps(document).encode() + b"\n")

    async def _read(self, child: _Child) -> None:
        stdout = child.process.stdout
        while stdout is not None and (line := await stdout.readline()):
            answer = json.loads(line)
            future = child.waiting.get(answer["id"])
            if future is not None and not future.done():
                future.set_result(answer)
        code = await child.process.wait()
        if child.waiting:
            log.warning("notification_process_ended", code=code)
        child.is_retired = True
        for future in child.waiting.values():
            if not future.done():
                future.set_exception(_Ended("The process that sends has ended."))
        self._children.discard(child)

    def _tidy(self, child: _Child) -> None:
        if child.waiting:
            return
        if child.is_retired:
            self._end_soon(child)
        elif child is self._child and self._idle is None and not self._is_closed:
            self._idle = asyncio.get_running_loop().call_later(self.idle_s, self._end_idle, child)

    def _end_idle(self, child: _Child) -> None:
        self._idle = None
        if not child.waiting:
            child.is_retired = True
            self._end_soon(child)

    def _end_soon(self, child: _Child) -> None:
        task = asyncio.get_running_loop().create_task(self._end(child))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _end(self, child: _Child) -> None:
        child.is_retired = True
        if child.process.stdin is not None:
            child.process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await child.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.process.kill()
        if child.reader is not None:
            await asyncio.gather(child.reader, return_exceptions=True)
