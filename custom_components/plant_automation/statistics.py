"""Readings that Home Assistant did not see as they were measured, brought into its long-term statistics.

A node kept them in an outage, or Home Assistant was off. States cannot be back-dated, so the history graph of such a
time stays empty; its hours in the statistics do not.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import (
    STATISTIC_UNIT_TO_UNIT_CONVERTER,
    async_import_statistics,
    get_metadata,
)
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from sqlalchemy.exc import SQLAlchemyError

from .api import Bucket, Message, PlantApiError
from .const import CONF_IMPORT_STATISTICS, DOMAIN, LOGGER
from .coordinator import PlantConfigEntry
from .entity import channel_unique_id

RECORDER_DOMAIN = "recorder"

HOUR = timedelta(hours=1)

LATE_AFTER = timedelta(minutes=5)
"""What is older when it comes is in no state of its time. The recorder's finest statistics are as long."""

COMPILED_AFTER = timedelta(minutes=10)
"""The recorder writes an hour's row minutes after it is over, and would fail on one that is there before."""

COLLECT_S = 5.0
"""A node sends what it kept in many batches: they are imported once they have come in."""

AGAIN_AFTER_S = 60.0
SAVE_AFTER_S = 600.0

BUCKETS_PER_HOUR = 12
"""None may be longer than the 5 minutes of the backend's finest level: longer ones need not begin with an hour."""

LONGEST_GAP = timedelta(days=31)
"""The backend takes readings up to this age."""

type Slot = tuple[str, str, datetime]
"""A device, a sensor, and the beginning of an hour."""


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, 1, f"{DOMAIN}.{entry_id}")


async def async_setup_backfill(hass: HomeAssistant, entry: PlantConfigEntry) -> str | None:
    """Watch for late readings, unless the person does not want that or nothing records.

    Gives the position in the stream of events up to which that was done before: what came since is to be heard.
    """
    if not entry.options.get(CONF_IMPORT_STATISTICS, True) or RECORDER_DOMAIN not in hass.config.components:
        return None
    backfill = Backfill(hass, entry, await _store(hass, entry.entry_id).async_load() or {})
    backfill.async_start()
    return backfill.position


async def async_remove_backfill(hass: HomeAssistant, entry_id: str) -> None:
    """Forget what was done."""
    await _store(hass, entry_id).async_remove()


class Backfill:
    """Collects the hours that late readings belong to, and imports them when the recorder has them behind it.

    What is still to be imported, and how far the stream was heard, outlive a restart.
    """

    def __init__(self, hass: HomeAssistant, entry: PlantConfigEntry, known: Mapping[str, Any]) -> None:
        """Begin where the last one ended."""
        self._hass = hass
        self._entry = entry
        self._store = _store(hass, entry.entry_id)
        self._news = asyncio.Event()
        self._slots: set[Slot] = {
            (device_id, sensor, datetime.fromisoformat(hour)) for device_id, sensor, hour in known.get("slots", ())
        }
        self._under_way: set[Slot] = set()
        heard_at = known.get("heard_at")
        self._heard_at = dt_util.utcnow() if heard_at is None else datetime.fromisoformat(heard_at)
        self.position: str | None = known.get("position") or entry.runtime_data.data.position

    @callback
    def async_start(self) -> None:
        """Listen and work until the entry is unloaded."""
        entry = self._entry
        entry.async_on_unload(entry.runtime_data.async_subscribe_readings(self._async_take))
        entry.async_on_unload(lambda: self._store.async_save(self._document()))
        entry.async_create_background_task(self._hass, self._async_work(), f"{DOMAIN} late readings of {entry.title}")

    @callback
    def _async_take(self, message: Message) -> None:
        now = dt_util.utcnow()
        # A snapshot: the stream could not go on where it broke off, and what came since then may have been missed.
        found = self._hours_missed(now) if message.type == "snapshot" else late_hours(message, now)
        self._heard_at = now
        self.position = message.id or self.position
        self._store.async_delay_save(self._document, SAVE_AFTER_S)
        if found:
            self._slots |= found
            self._news.set()

    def _hours_missed(self, now: datetime) -> set[Slot]:
        first = _hour_of(max(self._heard_at, now - LONGEST_GAP))
        hours = [first + count * HOUR for count in range((now - first) // HOUR + 1)]
        plants = self._entry.runtime_data.data.plants.values()
        return {
            (plant.device.id, sensor.key, hour) for plant in plants for sensor in plant.device.sensors for hour in hours
        }

    def _document(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "heard_at": self._heard_at.isoformat(),
            "slots": sorted(
                [device_id, sensor, hour.isoformat()] for device_id, sensor, hour in self._slots | self._under_way
            ),
        }

    async def _async_work(self) -> None:
        # After a start the recorder first makes up for the hours that it slept through. That is queued when it says
        # that it is ready, and what is imported from then on comes after it.
        await get_instance(self._hass).async_recorder_ready.wait()
        while True:
            try:
                async with asyncio.timeout(self._due_in_s()):
                    await self._news.wait()
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(COLLECT_S)
                self._news.clear()
            try:
                await self._async_import_due()
            except PlantApiError as error:
                LOGGER.debug("Late readings are imported later: %s", error)
                await asyncio.sleep(AGAIN_AFTER_S)
            except SQLAlchemyError as error:
                LOGGER.warning("The recorder's database fails; late readings are imported later: %s", error)
                await asyncio.sleep(AGAIN_AFTER_S)

    def _due_in_s(self) -> float | None:
        if not self._slots:
            return None
        due = min(hour for _, _, hour in self._slots) + HOUR + COMPILED_AFTER
        return max((due - dt_util.utcnow()).total_seconds(), 0)

    async def _async_import_due(self) -> None:
        now = dt_util.utcnow()
        by_channel: dict[tuple[str, str], set[datetime]] = {}
        for device_id, sensor, hour in self._slots:
            if hour + HOUR + COMPILED_AFTER <= now:
                by_channel.setdefault((device_id, sensor), set()).add(hour)
        for (device_id, sensor), hours in by_channel.items():
            # What comes late for the same hours in the meantime is to be imported again.
            taken = {(device_id, sensor, hour) for hour in hours}
            self._slots -= taken
            self._under_way = taken
            try:
                await self._async_import_channel(device_id, sensor, hours)
            except BaseException:
                # Also where Home Assistant stops in the middle: the next start does it.
                self._slots |= taken
                raise
            finally:
                self._under_way = set()
            self._store.async_delay_save(self._document, SAVE_AFTER_S)

    async def _async_import_channel(self, device_id: str, key: str, hours: set[datetime]) -> None:
        coordinator = self._entry.runtime_data
        plant = coordinator.data.plants.get(device_id)
        channel = None if plant is None else plant.device.sensor(key)
        registry = er.async_get(self._hass)
        entity_id = registry.async_get_entity_id(Platform.SENSOR, DOMAIN, channel_unique_id(device_id, key))
        entity = None if entity_id is None else registry.async_get(entity_id)
        if channel is None or entity is None or entity.disabled:
            return
        first, last = min(hours), max(hours)
        points = ((last - first) // HOUR + 1) * BUCKETS_PER_HOUR
        measured_in, buckets = await coordinator.client.buckets(device_id, key, first, last + HOUR, points)
        if measured_in != channel.unit:
            # Raw values of a probe that was never calibrated mean nothing yet.
            return
        unit = await self._async_unit(entity.entity_id, channel.unit)
        rows = [row for row in hour_rows(buckets, channel.unit, unit) if row["start"] in hours]
        if rows:
            converter = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(unit)
            metadata = StatisticMetaData(
                mean_type=StatisticMeanType.ARITHMETIC,
                has_sum=False,
                name=None,
                source=RECORDER_DOMAIN,
                statistic_id=entity.entity_id,
                unit_class=None if converter is None else converter.UNIT_CLASS,
                unit_of_measurement=unit,
            )
            async_import_statistics(self._hass, metadata, rows)
            LOGGER.debug("Imported %s late hours of %s", len(rows), entity.entity_id)

    async def _async_unit(self, entity_id: str, own_unit: str) -> str:
        """Give the unit that the statistics are kept in: it does not change with the one that is shown."""
        ask: Callable[[], Any] = partial(get_metadata, self._hass, statistic_ids={entity_id})
        known = await get_instance(self._hass).async_add_executor_job(ask)
        if entity_id in known:
            return str(known[entity_id][1]["unit_of_measurement"])
        state = self._hass.states.get(entity_id)
        return own_unit if state is None else str(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, own_unit))


def late_hours(message: Message, now: datetime) -> set[Slot]:
    """Give the hours of readings that are no news any more."""
    found: set[Slot] = set()
    for item in message.data["readings"]:
        ts = dt_util.parse_datetime(item["ts"]) if item["ts"] else None
        if ts is not None and ts + LATE_AFTER <= now:
            found.add((message.data["device_id"], item["sensor"], _hour_of(ts)))
    return found


def hour_rows(buckets: Iterable[Bucket], unit: str, wanted_unit: str) -> list[StatisticData]:
    """Sum up buckets by hour, in the unit that the statistics are kept in."""
    by_hour: dict[datetime, list[Bucket]] = {}
    for bucket in buckets:
        by_hour.setdefault(_hour_of(bucket.ts), []).append(bucket)
    converter: Any = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(unit)
    is_other = unit != wanted_unit and converter is not None and wanted_unit in converter.VALID_UNITS

    def converted(value: float) -> float:
        return float(converter.convert(value, unit, wanted_unit)) if is_other else value

    return [
        StatisticData(
            start=hour,
            mean=converted(sum(bucket.mean * bucket.count for bucket in found) / sum(bucket.count for bucket in found)),
            min=converted(min(bucket.min for bucket in found)),
            max=converted(max(bucket.max for bucket in found)),
        )
        for hour, found in sorted(by_hour.items())
    ]


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(dt_util.UTC).replace(minute=0, second=0, microsecond=0)
