"""What a node kept during an outage appears in the long-term statistics: right, and once."""

from datetime import timedelta
from typing import Any

import pytest
from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.plant_automation.api import Message, Sample
from custom_components.plant_automation.statistics import hour_row, late_hours
from tests.home_assistant.field import Field, until


async def rows(hass: HomeAssistant, entity_id: str) -> list[Any]:
    """Give the hours that the statistics have."""
    await async_wait_recording_done(hass)
    since = dt_util.utcnow() - timedelta(hours=12)
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period, hass, since, None, {entity_id}, "hour", None, {"mean", "min", "max"}
    )
    return list(found.get(entity_id, []))


async def test_late_readings_are_in_the_statistics(recorder_mock: Any, hass: HomeAssistant, field: Field) -> None:
    """Sent twice, counted once; the hour under way is left to the recorder."""
    await field.set_up()
    now = dt_util.utcnow()
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=4)
    age_ms = int((now - hour).total_seconds() * 1000)
    for value, minutes in ((30, 5), (34, 25), (38, 45)):
        await field.do(field.node.send, soil=value, age_ms=age_ms - minutes * 60_000)
    await until(lambda: field.entry.runtime_data.data.plants)
    for _ in range(2):
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=30))
        await hass.async_block_till_done()
    entity_id = field.entity_id("sensor", "soil")

    async def imported() -> list[Any]:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=30))
        await hass.async_block_till_done()
        return await rows(hass, entity_id)

    found = await imported()
    for _ in range(20):
        if found and found[0]["max"] == 38:
            break
        found = await imported()
    assert [(row["mean"], row["min"], row["max"]) for row in found] == [(34, 30, 38)]
    assert found[0]["start"] == hour.timestamp()


def test_only_hours_that_the_recorder_has_behind_it_are_late() -> None:
    """The hour under way, and the one just over, are its own."""
    now = dt_util.parse_datetime("2026-11-23T12:05:00Z")
    assert now is not None
    times = ["2026-11-23T12:01:00Z", "2026-11-23T11:59:00Z", "2026-11-23T10:59:00Z", None]
    message = Message(
        "readings", {"device_id": "d", "readings": [{"sensor": "soil", "value": 1, "ts": at} for at in times]}
    )
    assert [hour.hour for _, _, hour in late_hours(message, now)] == [10]


def test_an_hour_is_summed_up_in_the_unit_of_the_statistics() -> None:
    """Somebody may have chosen °F."""
    hour = dt_util.utcnow()
    row = hour_row(hour, [Sample(hour, 0), Sample(hour, 20)], "°C", "°F")
    assert (row["mean"], row["min"], row["max"]) == (pytest.approx(50), pytest.approx(32), pytest.approx(68))
