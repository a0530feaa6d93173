"""Readings as the lines of files that other programs read: CSV with a column a sensor, or a JSON document a reading."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from plant_backend.domain.model import Sensor
from plant_backend.services.history import Instant


async def csv_text(sensors: Sequence[Sensor], pages: AsyncIterator[Sequence[Instant]]) -> AsyncIterator[str]:
    """Give CSV, piece by piece: a header with units, then a row per instant, empty where a sensor said nothing."""
    yield ",".join(["ts", *(f"{sensor.key} ({sensor.unit})" for sensor in sensors)]) + "\r\n"
    async for page in pages:
        yield "".join(
            f"{iso(ts)},{','.join('' if value is None else repr(value) for value in values)}\r\n" for ts, values in page
        )


async def ndjson_text(sensors: Sequence[Sensor], pages: AsyncIterator[Sequence[Instant]]) -> AsyncIterator[str]:
    """Give a JSON document a line for each reading, piece by piece."""
    heads = [
        f'"sensor":{msgspec.json.encode(sensor.key).decode()},"unit":{msgspec.json.encode(sensor.unit).decode()}'
        for sensor in sensors
    ]
    async for page in pages:
        yield "".join(
            f'{{"ts":"{iso(ts)}",{head},"value":{value!r}}}\n'
            for ts, values in page
            for head, value in zip(heads, values, strict=True)
            if value is not None
        )


def iso(moment: datetime) -> str:
    """Give a time as RFC 3339, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
