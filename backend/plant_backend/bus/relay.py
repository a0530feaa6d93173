"""Tells the bus what commits made durable."""

from collections.abc import Sequence

from plant_backend.domain.ledger import Event, EventType
from plant_backend.domain.telemetry import LoggedBatch
from plant_backend.ports import Bus


class Relay:
    """Turns the batches that this process accepted into nudges for a worker."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def committed(self, batches: Sequence[LoggedBatch], events: Sequence[Event]) -> None:
        for logged in batches:
            self._bus.publish("device", logged.batch.device_number)
        if batches or events:
            # Whoever follows the log may look now, and need not wait for the second to end.
            self._bus.tell_others("log", 0)
        self._tell_alerts(events)

    def _tell_alerts(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type is EventType.ALERT:
                self._bus.tell_here("alerts", event.owner_id)


class FollowerRelay(Relay):
    """Turns what other processes committed into nudges here: for who tells people of alerts, and for the worker too
    while nobody carries nudges between processes.
    """

    def committed(self, batches: Sequence[LoggedBatch], events: Sequence[Event]) -> None:
        if not self._bus.is_carrying:
            for logged in batches:
                self._bus.tell_here("device", logged.batch.device_number)
        self._tell_alerts(events)
