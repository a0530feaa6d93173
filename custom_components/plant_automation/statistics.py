"""Readings that a node kept during an outage, brought into Home Assistant's long-term statistics.

States cannot be back-dated, so the history graph of an outage stays empty; its hours in the statistics do not.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import (
    STATISTIC_UNIT_TO_UNIT_CONVERTER,
    async_import_statistics,
)
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .api import Message, PlantApiError, Sample
from .const import CONF_IMPORT_STATISTICS, DOMAIN, LOGGER
from .coordinator import PlantConfigEntry

RECORDER_DOMAIN = "recorder"

COMPILED_AFTER = timedelta(minutes=10)
"""The recorder writes an hour's row minutes after it is over, and would fail on one that is there before."""

COLLECT_S = 5.0
"""A node sends what it kept in many batches: each hour is imported once they have come in."""

HOUR = timedelta(hours=1)

type Slot = tuple[str, str, datetime]


@callback
def async_setup_backfill(hass: HomeAssistant, entry: PlantConfigEntry) -> None:
    """Watch for late readings, unless the person does not want that or nothing records."""
    if entry.options.get(CONF_IMPORT_STATISTICS, True) and RECORDER_DOMAIN in hass.config.components:
        entry.async_on_unload(Backfill(hass, entry).async_start())


class Backfill:
    """Collects the hours that late readings belong to, and imports them."""

    def __init__(self, hass: HomeAssistant, entry: PlantConfigEntry) -> None:
        """Begin with nothing to import."""
        self._hass = hass
        self._entry = entry
        self._slots: set[Slot] = set()
        self._timer: CALLBACK_TYPE | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Listen; gives what ends it."""
        unsubscribe = self._entry.runtime_data.async_subscribe_readings(self._take)

        @callback
        def stop() -> None:
            unsubscribe()
            if self._timer is not None:
                self._timer()

        return stop

    @callback
    def _take(self, message: Message) -> None:
        found = late_hours(message, dt_util.utcnow())
        if not found:
            return
        self._slots |= found
        if self._timer is None:
            self._timer = async_call_later(self._hass, COLLECT_S, self._async_import)

    async def _async_import(self, _now: datetime) -> None:
        self._timer = None
        slots, self._slots = self._slots, set()
        by_channel: dict[tuple[str, str], list[datetime]] = {}
        for device_id, sensor, hour in slots:
            by_channel.setdefault((device_id, sensor), []).append(hour)
        for (device_id, sensor), hours in by_channel.items():
            entity_id = er.async_get(self._hass).async_get_entity_id(Platform.SENSOR, DOMAIN, f"{device_id}_{sensor}")
            if entity_id is None:
                continue
            try:
                await self._async_import_channel(entity_id, device_id, sensor, sorted(hours))
            except PlantApiError as error:
                LOGGER.debug("Late readings of %s are imported later: %s", entity_id, error)
                self._slots |= {(device_id, sensor, hour) for hour in hours}
        if self._slots and self._timer is None:
            self._timer = async_call_later(self._hass, 60, self._async_import)

    async def _async_import_channel(
        self, entity_id: str, device_id: str, sensor: str, hours: Sequence[datetime]
    ) -> None:
        coordinator = self._entry.runtime_data
        channel = (
            coordinator.data.plants[device_id].device.sensor(sensor) if device_id in coordinator.data.plants else None
        )
        if channel is None:
            return
        state = self._hass.states.get(entity_id)
        unit = channel.unit if state is None else state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, channel.unit)
        rows: list[StatisticData] = []
        for hour in hours:
            samples = await coordinator.client.readings(device_id, sensor, hour, hour + HOUR)
            if samples:
                rows.append(hour_row(hour, samples, channel.unit, unit))
        if rows:
            converter = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(unit)
            metadata = StatisticMetaData(
                mean_type=StatisticMeanType.ARITHMETIC,
                has_sum=False,
                name=None,
                source=RECORDER_DOMAIN,
                statistic_id=entity_id,
                unit_class=None if converter is None else converter.UNIT_CLASS,
                unit_of_measurement=unit,
            )
            async_import_statistics(self._hass, metadata, rows)
            LOGGER.debug("Imported %s late hours of %s", len(rows), entity_id)


def late_hours(message: Message, now: datetime) -> set[Slot]:
    """Give the hours of a message that the recorder has behind it."""
    found: set[Slot] = set()
    for item in message.data["readings"]:
        ts = dt_util.parse_datetime(item["ts"]) if item["ts"] else None
        if ts is None:
            continue
        hour = ts.astimezone(dt_util.UTC).replace(minute=0, second=0, microsecond=0)
        if hour + HOUR + COMPILED_AFTER <= now:
            found.add((message.data["device_id"], item["sensor"], hour))
    return found


def hour_row(hour: datetime, samples: Sequence[Sample], unit: str, wanted_unit: str) -> StatisticData:
    """Sum up the readings of one hour, in the unit that the statistics are kept in."""
    values = [sample.value for sample in samples]
    converter: Any = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(unit)
    if unit != wanted_unit and converter is not None and wanted_unit in converter.VALID_UNITS:
        values = [converter.convert(value, unit, wanted_unit) for value in values]
    return StatisticData(start=hour, mean=sum(values) / len(values), min=min(values), max=max(values))
