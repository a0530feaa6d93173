"""Accepting readings: the hottest path of the backend."""

import math
import re
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Protocol

from plant_backend.domain.errors import InvalidInput, TooLarge
from plant_backend.domain.telemetry import AGE_UNKNOWN, Batch, Receipt
from plant_backend.ports import Clock, Storage
from plant_backend.services.clock_watch import ClockWatch
from plant_backend.services.directory import DeviceEntry

MAX_READINGS = 500
MAX_AGE_MS = 31 * 24 * 3600 * 1000
MAX_AHEAD_MS = 60_000
_CLOCKS_DIFFER_MS = 50
"""How far the clocks of processes that share a database may lie apart: each asked for the time by itself."""

_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}").fullmatch
_NAME_RULE = "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -"


class ReadingIn(Protocol):
    """One reading as it came in."""

    sensor: str | int
    value: float
    age_ms: int | None
    measured_at: datetime | None


class Telemetry:
    """Checks a batch, fixes the times of its readings and makes it durable."""

    def __init__(self, storage: Storage, clock: Clock, watch: ClockWatch) -> None:
        self._storage = storage
        self._clock = clock
        self._watch = watch

    def accept(
        self, entry: DeviceEntry, batch_id: str, boot_id: str, readings: Sequence[ReadingIn]
    ) -> "Awaitable[Receipt]":
        """Check a batch and hand it to the log; the receipt comes when it is on the disk.

        Raises InvalidInput, TooLarge and Unavailable at once, Conflict when awaited. A batch is taken whole or not.
        """
        if len(readings) > MAX_READINGS:
            raise TooLarge("too_many_readings", f"A batch holds at most {MAX_READINGS} readings; {len(readings)} came.")
        if not _NAME(batch_id):
            raise InvalidInput([("batch_id", _NAME_RULE)])
        if boot_id and not _NAME(boot_id):
            raise InvalidInput([("boot_id", _NAME_RULE)])
        known = entry.sensor_id_by_key
        self._watch.look()
        received_at_ms = self._clock.now_ms()
        sensor_ids: list[int] = []
        values: list[float] = []
        offsets_ms: list[int | None] = []
        for reading in readings:
            sensor_id = known.get(reading.sensor)
            offset_ms = reading.age_ms
            if reading.measured_at is not None and offset_ms is None:
                offset_ms = received_at_ms - round(reading.measured_at.timestamp() * 1000)
            if (
                sensor_id is None
                or not math.isfinite(reading.value)
                or (offset_ms is not None and not -MAX_AHEAD_MS <= offset_ms <= MAX_AGE_MS)
                or (reading.age_ms is not None and (reading.age_ms < 0 or reading.measured_at is not None))
            ):
                raise _refusal(entry, readings, received_at_ms)
            sensor_ids.append(sensor_id)
            values.append(reading.value)
            offsets_ms.append(offset_ms)
        batch = Batch(entry.device.number, batch_id, boot_id, received_at_ms, sensor_ids, values, offsets_ms)
        receipt = self._storage.append(batch)
        return self._when_over(len(readings), receipt) if AGE_UNKNOWN in offsets_ms else receipt

    async def _when_over(self, count: int, receipt: Awaitable[Receipt]) -> Receipt:
        """Let a node that has more of unknown age wait with the next batch, whose values would hide this one's."""
        said = await receipt
        await self._clock.sleep((count + 1 + (_CLOCKS_DIFFER_MS if self._storage.is_shared else 0)) / 1000)
        return said

    async def look_elsewhere(self) -> None:
        """Take in what other processes did: a batch that is refused for good is dropped by its node.

        The node may have named its channels to another process a moment ago.
        """
        await self._storage.catch_up_if_shared()


def _refusal(entry: DeviceEntry, readings: Sequence[ReadingIn], received_at_ms: int) -> InvalidInput:
    """Say all that is wrong with a batch, field by field."""
    errors: list[tuple[str, str]] = []
    code = "invalid_reading"
    for index, reading in enumerate(readings):
        where = f"readings[{index}]"
        if reading.sensor not in entry.sensor_id_by_key:
            code = "unknown_sensor"
            errors.append((f"{where}.sensor", f"this device has no sensor {str(reading.sensor)[:64]!r}"))
        if not math.isfinite(reading.value):
            errors.append((f"{where}.value", "must be a finite number"))
        if reading.age_ms is not None and reading.measured_at is not None:
            errors.append((f"{where}.age_ms", "give age_ms or measured_at, not both"))
        elif reading.age_ms is not None and not 0 <= reading.age_ms <= MAX_AGE_MS:
            errors.append((f"{where}.age_ms", f"must be 0 to {MAX_AGE_MS} (31 days)"))
        elif reading.measured_at is not None:
            offset_ms = received_at_ms - round(reading.measured_at.timestamp() * 1000)
            if offset_ms < -MAX_AHEAD_MS:
                errors.append((f"{where}.measured_at", "lies in the future; check the node's clock, or send age_ms"))
            elif offset_ms > MAX_AGE_MS:
                errors.append((f"{where}.measured_at", "is more than 31 days ago"))
    return InvalidInput(errors[:20], code)
