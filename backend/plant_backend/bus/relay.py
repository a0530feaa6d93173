"""Tells the bus what commits made durable."""

from collections.abc import Sequence

from plant_backend.domain.ledger import Event, EventType
from plant_backend.domain.telemetry import LoggedBatch
from plant_backend.ports import Bus


class Relay:
    """Turns accepted batches into nudges for the worker, and alerts into nudges for whoever tells people."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def committed(self, batches: Sequence[LoggedBatch], events: Sequence[Event]) -> None:
        for logged in batches:
            self._bus.publish("device", logged.batch.device_number)
        for event in events:
            if event.type is EventType.ALERT:
                self._bus.publish("alerts", event.owner_id)
