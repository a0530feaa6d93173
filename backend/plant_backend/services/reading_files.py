"""Readings as the lines of files that other programs read: CSV with a column a sensor, or a JSON document a reading."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from plant_backend.domain.model import Sensor
from plant_backend.services.history import Instant


async def csv_text(
    sensors: Sequence[Sensor], pages: AsyncIterator[Sequence[Instant]], *, is_raw: bool = False
) -> AsyncIterator[str]:
    """Give CSV, piece by piece: a header with units, then a row per instant, empty where a sensor said nothing."""
    yield ",".join(["ts", *(f"{sensor.key} ({shown_unit(sensor, is_raw=is_raw)})" for sensor in sensors)]) + "\r\n"
    async for page in pages:
        yield "".join(
            f"{iso(ts)},{','.join('' if value is None else repr(value) for value in values)}\r\n" for ts, values in page
        )


async def ndjson_text(
    sensors: Sequence[Sensor], pages: AsyncIterator[Sequence[Instant]], *, is_raw: bool = False
) -> AsyncIterator[str]:
    """Give a JSON document a line for each reading, piece by piece."""
    heads = [f'"sensor":{_json(sensor.key)},"unit":{_json(shown_unit(sensor, is_raw=is_raw))}' for sensor in sensors]
    async for page in pages:
        yield "".join(
            f'{{"ts":"{iso(ts)}",{head},"value":{value!r}}}\n'
            for ts, values in page
            for head, value in zip(heads, values, strict=True)
            if value is not None
        )


def shown_unit(sensor: Sensor, *, is_raw: bool) -> str:
    """Give the unit of what is shown of a sensor."""
    return sensor.raw_unit or sensor.unit if is_raw else sensor.shown_unit


def iso(moment: datetime) -> str:
    """Give a time as RFC 3339, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()
