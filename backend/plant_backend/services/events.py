"""The stream of what happens, for Home Assistant and the dashboard: resumable, bounded, never silent about a gap.

A position is `L.E`: all batches up to log id L and all events up to id E were seen. Both grow with the commits.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from plant_backend.domain.account import Principal
from plant_backend.domain.alert import AlertState
from plant_backend.domain.ledger import Event, EventType
from plant_backend.domain.telemetry import LoggedBatch
from plant_backend.ports import Storage, Transaction
from plant_backend.services.devices import DeviceService, DeviceStatus
from plant_backend.services.directory import Directory
from plant_backend.services.documents import alert_document, command_document, device_document, profile_document

_KEPT = 2_000
_KEPT_READINGS = 20_000
"""How much is at hand for listeners, while there are any; who falls further behind is disconnected and resumes."""

_PAGE = 500

HEARTBEAT_S = 15.0
"""How long a stream may be silent."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a listener. `id` is None where there is nothing to resume from."""

    type: str
    data: dict[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    log_id: int
    event_id: int
    what: LoggedBatch | Event


class SlowListener(Exception):
    """The listener fell too far behind and has to resume."""


class EventFeed:
    """Hears of every commit and tells the listeners."""

    def __init__(self, storage: Storage, directory: Directory, devices: DeviceService) -> None:
        self._storage = storage
        self._directory = directory
        self._devices = devices
        self._entries: deque[_Entry] = deque()
        self._readings = 0
        self._count = 0
        self._log_id, self._event_id = 0, 0
        self._listeners: set[asyncio.Event] = set()
        self._is_closing = False

    def start(self) -> None:
        """Begin at the end of what is stored."""
        self._log_id, self._event_id = self._storage.log_bounds()[1], self._storage.event_bounds()[1]

    @property
    def position(self) -> str:
        """Where the stream is: who looks at what is stored from here on, and resumes at it, misses nothing."""
        return _id(self._log_id, self._event_id)

    def close(self) -> None:
        """End all streams: the server stops."""
        self._is_closing = True
        self._wake()

    def committed(self, batches: Sequence[LoggedBatch], events: Sequence[Event]) -> None:
        """Take in what a commit made durable."""
        if not self._listeners:
            # Whoever comes begins at the end, or reads from the log what was missed.
            self._entries.clear()
            self._readings = 0
            self._log_id = batches[-1].log_id if batches else self._log_id
            self._event_id = events[-1].id if events else self._event_id
            self._count += len(batches) + len(events)
            return
        for logged in batches:
            self._log_id = logged.log_id
            self._keep(logged, len(logged.batch.values))
        for event in events:
            self._event_id = event.id
            self._keep(event, 0)
        self._wake()

    def _keep(self, what: LoggedBatch | Event, readings: int) -> None:
        self._entries.append(_Entry(self._log_id, self._event_id, what))
        self._count += 1
        self._readings += readings
        while len(self._entries) > _KEPT or self._readings > _KEPT_READINGS:
            oldest = self._entries.popleft().what
            self._readings -= len(oldest.batch.values) if isinstance(oldest, LoggedBatch) else 0

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.set()

    async def listen(self, who: Principal, last_id: str | None) -> AsyncIterator[Message | None]:
        """Give a snapshot, or what was missed since `last_id`, then what happens; None when nothing does for long.

        Raises SlowListener.
        """
        news = asyncio.Event()
        self._listeners.add(news)
        time_s = asyncio.get_running_loop().time
        try:
            if self._is_ahead(last_id):
                # Another process told of what this one has not read yet.
                await self._storage.catch_up()
            seen, position = self._count, (self._log_id, self._event_id)
            start = self._resumable(last_id, position)
            if start is None:
                yield Message("snapshot", await self._snapshot(who), _id(*position))
            else:
                async for missed in self._missed(who, start, position):
                    yield missed
            spoke_at = time_s()
            while not self._is_closing:
                while seen < self._count:
                    behind = self._count - seen
                    if behind > len(self._entries):
                        raise SlowListener
                    entry = self._entries[len(self._entries) - behind]
                    seen += 1
                    message = await self._message(who, entry)
                    if message is not None:
                        yield message
                        spoke_at = time_s()
                news.clear()
                if seen < self._count or self._is_closing:
                    continue
                try:
                    # News of other people's devices is no sign of life to this listener.
                    async with asyncio.timeout(spoke_at + HEARTBEAT_S - time_s()):
                        await news.wait()
                except TimeoutError:
                    yield None
                    spoke_at = time_s()
        finally:
            self._listeners.discard(news)

    def _is_ahead(self, last_id: str | None) -> bool:
        try:
            log_id, event_id = (int(part) for part in (last_id or "").split("."))
        except ValueError:
            return False
        return log_id > self._log_id or event_id > self._event_id

    def _resumable(self, last_id: str | None, position: tuple[int, int]) -> tuple[int, int] | None:
        """Give the position to resume from, or None where it is unknown, too old, or not of this database."""
        try:
            log_id, event_id = (int(part) for part in (last_id or "").split("."))
        except ValueError:
            return None
        if log_id > position[0] or event_id > position[1]:
            return None
        is_kept = log_id >= self._storage.log_bounds()[0] and event_id >= self._storage.event_bounds()[0]
        return (log_id, event_id) if is_kept else None

    async def _missed(self, who: Principal, start: tuple[int, int], end: tuple[int, int]) -> AsyncIterator[Message]:
        log_id, event_id = start
        while log_id < end[0]:
            page = await self._storage.batches_after(log_id, _PAGE)
            for logged in page:
                if logged.log_id > end[0]:
                    break
                message = await self._message(who, _Entry(logged.log_id, event_id, logged))
                if message is not None:
                    yield message
            log_id = page[-1].log_id if page else end[0]
        while event_id < end[1]:
            events = await self._storage.read(partial(_events_after, event_id))
            for event in events:
                if event.id > end[1]:
                    break
                message = await self._message(who, _Entry(end[0], event.id, event))
                if message is not None:
                    yield message
            event_id = events[-1].id if events else end[1]

    async def _message(self, who: Principal, entry: _Entry) -> Message | None:
        what = entry.what
        if isinstance(what, Event):
            if what.owner_id != who.user_id:
                return None
            document = {"device_id": what.device_id, "at": msgspec.to_builtins(what.at), what.type.value: what.data}
            return Message(what.type.value, document, _id(entry.log_id, entry.event_id))
        batch = what.batch
        device = await self._directory.entry(batch.device_number)
        if device is None or device.device.owner_id != who.user_id:
            return None
        readings = [
            {
                "sensor": sensor.key,
                "value": value,
                "ts": None if offset_ms is None else iso_ms(batch.received_at_ms - offset_ms),
            }
            for sensor_id, raw, offset_ms in zip(batch.sensor_ids, batch.values, batch.offsets_ms, strict=True)
            # What means nothing yet is not told as if it did.
            if (sensor := device.sensor_by_id.get(sensor_id)) and (value := sensor.value_of(raw)) is not None
        ]
        data = {"device_id": device.device.id, "received_at": iso_ms(batch.received_at_ms), "readings": readings}
        return Message(EventType.READINGS.value, data, _id(entry.log_id, entry.event_id))

    async def _snapshot(self, who: Principal) -> dict[str, Any]:
        def work(tx: Transaction) -> list[dict[str, Any]]:
            alerts = tx.alerts.all(who, AlertState.OPEN, None, 1000)
            return [
                {
                    **status_document(self._devices.status(tx, device)),
                    "automation": profile_document(*tx.automation.profile(device.number)),
                    "commands": [command_document(command) for command in tx.commands.live(device.number)],
                    "alerts": [alert_document(alert) for alert in alerts if alert.device_id == device.id],
                }
                for device in tx.devices.all(who)
            ]

        return {"devices": await self._storage.read(work)}


def status_document(status: DeviceStatus) -> dict[str, Any]:
    """Give a device with its latest values, as the API shows it."""
    document = device_document(status.device)
    document["last_seen_at"] = msgspec.to_builtins(status.last_seen_at)
    for sensor in document["sensors"]:
        sensor["latest"] = msgspec.to_builtins(status.latest.get(sensor["key"]))
        sensor["raw"] = msgspec.to_builtins(status.raw.get(sensor["key"]))
    document["derived"] = msgspec.to_builtins(status.derived)
    return document


def iso_ms(ms: int) -> str:
    """Give Unix milliseconds as RFC 3339."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _events_after(event_id: int, tx: Transaction) -> Sequence[Event]:
    return tx.events.after(event_id, _PAGE)


def _id(log_id: int, event_id: int) -> str:
    return f"{log_id}.{event_id}"
