"""Simulated nodes beside the plants: they speak the wire protocol and run what they are told."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp

from tests.live_backend import JSON, Node


class SimulatedNode:
    """A node at work: it polls, acknowledges, and sends what it is given."""

    def __init__(self, node: Node, session: aiohttp.ClientSession) -> None:
        """Take the place of a node that signed in."""
        self.node = node
        self._session = session
        self._batches = itertools.count(1)
        self._seq = 0
        self.ran: list[JSON] = []
        self.arrived: asyncio.Queue[tuple[float, JSON]] = asyncio.Queue()
        self._polling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to fetch commands."""
        self._polling = asyncio.create_task(self.poll_for_ever())

    async def stop(self) -> None:
        """Lose power: nothing is fetched any more. What was written down stays."""
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling

    async def restart(self, manifest: JSON) -> None:
        """Have power again, and sign in."""
        await asyncio.to_thread(self.node.sign_in, manifest)
        self.start()

    async def send(self, *, age_ms: int = 0, **values: float) -> float:
        """Send readings; gives when they were accepted."""
        readings = [{"sensor": key, "value": value, "age_ms": age_ms} for key, value in values.items()]
        body = {"batch_id": f"sim-{next(self._batches):08d}", "readings": readings}
        await self._request("POST", "/telemetry", json=body)
        return time.perf_counter()

    async def bring(self, readings: Sequence[JSON]) -> None:
        """Send readings that were kept, each with its own age."""
        for start in range(0, len(readings), 500):
            body = {"batch_id": f"sim-{next(self._batches):08d}", "readings": list(readings[start : start + 500])}
            await self._request("POST", "/telemetry", json=body)

    async def poll_for_ever(self) -> None:
        """Fetch commands, run them in no time, and say so."""
        while True:
            try:
                answer = await self._request("GET", "/commands", params={"wait": "20", "after": str(self._seq)})
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
                continue
            at = time.perf_counter()
            for command in (answer or {}).get("commands", []):
                self._seq = command["seq"]
                self.ran.append(command)
                self.arrived.put_nowait((at, command))
                ack = {"id": command["id"], "seq": command["seq"], "ran_ms": command["duration_ms"] or 0}
                await self._request("POST", "/commands/ack", json={"acks": [{**ack, "status": "succeeded"}]})

    async def _request(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.node.access_token}"}
        async with self._session.request(method, self.node.backend.url + path, headers=headers, **more) as answer:
            if answer.status == 204:
                return None
            assert answer.status < 300, await answer.text()
            return await answer.json()
