"""The outbox: written in the transaction that it tells of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from plant_backend.domain.ledger import Event, EventType
from plant_backend.domain.model import Device
from plant_backend.storage.json_codec import dump
from plant_backend.storage.tables import events
from plant_backend.storage.times import from_ms, to_ms

_ADD = insert(events)


class SqlEvents:
    """Fulfils `ports.Events`."""

    def __init__(self, connection: Connection, emitted: list[Event]) -> None:
        self._connection = connection
        self._emitted = emitted

    def add(self, device: Device, event_type: EventType, data: dict[str, Any], at: datetime) -> None:
        result = self._connection.execute(
            _ADD,
            {
                "at": to_ms(at),
                "owner_id": device.owner_id,
                "device_id": device.id,
                "type": event_type,
                "data": dump(data),
            },
        )
        (event_id,) = result.inserted_primary_key or (0,)
        self._emitted.append(Event(event_id, at, device.owner_id, device.id, event_type, data))

    def after(self, event_id: int, limit: int) -> Sequence[Event]:
        rows = self._connection.execute(select(events).where(events.c.id > event_id).order_by(events.c.id).limit(limit))
        return [
            Event(
                row.id, from_ms(row.at), row.owner_id, row.device_id, EventType(row.type), msgspec.json.decode(row.data)
            )
            for row in rows
        ]

    def forget(self, owner_id: int) -> None:
        self._connection.execute(delete(events).where(events.c.owner_id == owner_id))
