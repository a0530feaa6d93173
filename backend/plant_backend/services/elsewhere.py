"""What other processes did, as far as something is kept here that it changes."""

from collections.abc import Sequence

from plant_backend.domain.ledger import Event, EventType
from plant_backend.domain.telemetry import LoggedBatch
from plant_backend.ports import Bus
from plant_backend.services.directory import Directory

_CHANGES = frozenset({EventType.DEVICE, EventType.DEVICE_DELETED})
_ASKS_FOR_A_LOOK = frozenset({EventType.COMMAND, EventType.AUTOMATION, EventType.DEVICE})


class Elsewhere:
    """Hears of what others committed: drops what is known of devices that changed, and wakes the polls of nodes.

    The database says it all, so this holds without a bus, within the second in which the log is followed.
    """

    def __init__(self, bus: Bus, directory: Directory) -> None:
        self._bus = bus
        self._directory = directory

    def committed(self, batches: Sequence[LoggedBatch], events: Sequence[Event]) -> None:
        for event in events:
            number = self._directory.number_of(event.device_id)
            if event.type in _CHANGES:
                self._directory.forget_id(event.device_id)
            if number is None:
                continue
            if event.type is EventType.COMMAND:
                self._bus.tell_here("commands", number)
            if event.type in _ASKS_FOR_A_LOOK and not self._bus.is_carrying:
                self._bus.tell_here("device", number)
