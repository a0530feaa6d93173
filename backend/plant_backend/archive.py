"""Writes all that a person may want to keep or read elsewhere into a folder: files that any program reads."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from plant_backend.domain.account import Principal
from plant_backend.domain.model import Device
from plant_backend.ports import Storage, Transaction
from plant_backend.services.documents import alert_document, command_document, decision_document, device_document
from plant_backend.services.history import HistoryService
from plant_backend.services.reading_files import csv_text, iso

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_PAGE = 500


class FolderNotEmpty(Exception):
    """The folder holds something already."""


async def write_archive(storage: Storage, history: HistoryService, folder: Path) -> int:
    """Write a folder for each device. Gives the number of devices. Raises FolderNotEmpty, OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FolderNotEmpty(f"{folder} is not empty; an export never overwrites.")
    numbers = await storage.read(lambda tx: tx.devices.numbers())
    written = 0
    for number in numbers:
        device = await storage.read(partial(_device, number))
        if device is not None:
            await _write_device(storage, history, device, folder / _folder_name(device))
            written += 1
    return written


def _device(number: int, tx: Transaction) -> Device | None:
    return tx.devices.by_number(number)


async def _write_device(storage: Storage, history: HistoryService, device: Device, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "device.json").write_bytes(msgspec.json.format(msgspec.json.encode(device_document(device))) + b"\n")
    pages = history.instants(device.sensors, _EPOCH, _LATEST)
    with (folder / "readings.csv").open("w", encoding="utf-8", newline="") as file:
        async for text in csv_text(device.sensors, pages):
            file.write(text)
    await _write_hours(storage, device, folder / "hours.csv")

    def decisions(before: int | None, tx: Transaction) -> Sequence[Any]:
        return tx.automation.decisions(device.number, before, _PAGE)

    def commands(before: int | None, tx: Transaction) -> Sequence[Any]:
        return tx.commands.all(device.number, before, _PAGE)

    owner = Principal(device.owner_id, "")
    alerts = await storage.read(lambda tx: tx.alerts.all(owner, None, device.id, 1_000_000))
    with (folder / "decisions.ndjson").open("wb") as lines:
        async for decision in _newest_first(storage, decisions):
            lines.write(msgspec.json.encode(decision_document(decision)) + b"\n")
    _write_rows(folder / "commands.csv", [command_document(one) async for one in _newest_first(storage, commands)])
    _write_rows(folder / "alerts.csv", [alert_document(alert) for alert in alerts])


async def _newest_first(storage: Storage, page_before: Callable[[int | None, Transaction], Sequence[Any]]) -> Any:
    before: int | None = None
    while page := await storage.read(partial(page_before, before)):
        for one in page:
            yield one
        before = page[-1].id


async def _write_hours(storage: Storage, device: Device, path: Path) -> None:
    """Write what is left of readings that have expired: the hours, as far as they are compacted."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ts", "sensor", "unit", "min", "max", "mean", "count", "last"])
        for sensor in device.sensors:
            since = _EPOCH
            while hours := await storage.read(
                lambda tx, sensor=sensor, since=since: tx.history.hours(sensor.id, since, _PAGE)  # type: ignore[misc]
            ):
                since = hours[-1].ts.replace(microsecond=1_000)
                if sensor.calibration is not None:
                    hours = [sensor.calibration.bucket_of(sensor.kind, hour) for hour in hours]
                rows.writerows(
                    [iso(hour.ts), sensor.key, sensor.shown_unit, hour.min, hour.max, hour.mean, hour.count, hour.last]
                    for hour in hours
                )


def _write_rows(path: Path, documents: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(documents[0] if documents else [])
        rows.writerows(_cells(document.values()) for document in documents)


def _cells(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        # A spreadsheet would take these for formulas.
        yield f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def _folder_name(device: Device) -> str:
    name = re.sub(r"[^A-Za-z0-9]+", "-", device.name).strip("-").lower() or "plant"
    return f"{name[:40]}-{device.id[:8]}"
