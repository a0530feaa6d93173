"""Who does what only one process may do: compact, prune, sweep, and send notifications.

The leader holds an advisory lock on a connection of its own. The server ends a connection on which nothing was heard
for a while, so a leader that was stopped, or whose machine is gone, makes way by itself.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import structlog

from plant_backend.storage.postgres import LEADER_LOCK, connect

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 3.0

_SILENCE_S = 12
"""How long the server waits for a leader's next word."""


class Leadership:
    """Tries to become the leader, and stays it for as long as the server agrees."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[object] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="leadership")
        self._task: asyncio.Task[None] | None = None
        self._agreed_at_s = 0.0
        self._is_leader = False

    @property
    def is_leader(self) -> bool:
        """Tell whether the server agreed so lately that nobody else can lead."""
        return self._is_leader and asyncio.get_running_loop().time() - self._agreed_at_s < _SILENCE_S

    async def start(self) -> None:
        """Look once, then go on looking."""
        await self._look()
        self._task = asyncio.get_running_loop().create_task(self._look_for_ever(), name="leadership")

    async def stop(self) -> None:
        """Make way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._is_leader = False
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        asked_at_s = loop.time()
        is_leader = await loop.run_in_executor(self._thread, self._ask)
        # Counted from before the question: the server's patience began later.
        self._agreed_at_s = asked_at_s
        if is_leader != self._is_leader:
            log.info("leading" if is_leader else "no_longer_leading")
        self._is_leader = is_leader

    def _ask(self) -> bool:
        try:
            if self._connection is not None and self._is_leader:
                self._connection.execute("SELECT 1")
                return True
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._url)
                self._connection.execute(f"SET idle_session_timeout = '{_SILENCE_S}s'")
            row = self._connection.execute(f"SELECT pg_try_advisory_lock({LEADER_LOCK})").fetchone()
            return bool(row and row[0])  # type: ignore[index]
        except Exception as error:
            # Whatever it was, such as no file left to open: who does not ask again never leads, and nobody may be left.
            if not isinstance(error, psycopg.Error):
                log.exception("leadership_not_asked")
            self._close()
            return False

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
