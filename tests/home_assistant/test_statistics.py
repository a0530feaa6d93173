"""What Home Assistant did not see as it was measured appears in the long-term statistics: right, and once."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from homeassistant.components.recorder.statistics import get_metadata, statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from sqlalchemy.exc import OperationalError

from custom_components.plant_automation import statistics
from custom_components.plant_automation.api import Bucket, Message
from custom_components.plant_automation.const import CONF_IMPORT_STATISTICS, DOMAIN
from custom_components.plant_automation.statistics import hour_rows, late_hours
from tests.home_assistant.field import MANIFEST, READINGS, Field, until

_began = dt_util.utcnow()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for more batches, and an hour that begins in the middle of a test is none of it."""
    monkeypatch.setattr(statistics, "COLLECT_S", 0.05)
    monkeypatch.setattr(statistics, "AGAIN_AFTER_S", 0.05)
    monkeypatch.setattr(sys.modules[__name__], "_began", dt_util.utcnow())


def hour_ago(hours: int) -> datetime:
    """Give the beginning of an hour that was over when the test began."""
    return _began.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)


async def bring(field: Field, hour: datetime, *values: float, sensor: str = "soil", first: int = 1) -> None:
    """Have the node send what it kept: values of one hour, ten minutes apart."""
    age_ms = int((dt_util.utcnow() - hour).total_seconds() * 1000)
    for count, value in enumerate(values, first):
        await field.do(field.node.send, age_ms=age_ms - count * 600_000, **{sensor: value})


async def rows(hass: HomeAssistant, entity_id: str) -> list[tuple[float, Any, Any, Any]]:
    """Give the hours that the statistics have, of those that were over when the test began."""
    await async_wait_recording_done(hass)
    ask: Callable[[], Any] = partial(
        statistics_during_period,
        hass,
        hour_ago(40 * 24),
        hour_ago(0),
        {entity_id},
        "hour",
        None,
        {"mean", "min", "max"},
    )
    found = await get_instance(hass).async_add_executor_job(ask)
    return [(row["start"], row["mean"], row["min"], row["max"]) for row in found.get(entity_id, [])]


async def become(hass: HomeAssistant, entity_id: str, *wanted: tuple[datetime, float, float, float]) -> None:
    """Wait until the statistics have these hours and no others."""
    expected = [(hour.timestamp(), mean, low, high) for hour, mean, low, high in wanted]
    found: list[Any] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = await rows(hass, entity_id)
        if found == expected:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{found} instead of {expected}")


async def stay_empty(hass: HomeAssistant, entity_id: str) -> None:
    """Look for longer than an import takes here."""
    for _ in range(20):
        assert await rows(hass, entity_id) == []
        await asyncio.sleep(0.02)


async def restart(hass: HomeAssistant, field: Field) -> None:
    """Start again after a stop: what was known before is on the disk."""
    assert await hass.config_entries.async_setup(field.entry.entry_id)
    await hass.async_block_till_done()
    await field.is_live()


def long_ago(entry_id: str) -> dict[str, Any]:
    """Give what was stored when Home Assistant went off eight hours ago. The backend does not have that position."""
    heard_at = (hour_ago(8) + timedelta(minutes=20)).isoformat()
    data = {"position": "999999999.1", "heard_at": heard_at, "slots": []}
    return {"version": 1, "minor_version": 1, "key": f"{DOMAIN}.{entry_id}", "data": data}


async def test_what_a_node_kept_is_in_the_statistics(recorder_mock: Any, hass: HomeAssistant, field: Field) -> None:
    """Sent in two parts: each hour is there once, and whole."""
    await field.set_up()
    await bring(field, hour_ago(4), 30, 34)
    await bring(field, hour_ago(3), 20)
    soil = field.entity_id("sensor", "soil")
    await become(hass, soil, (hour_ago(4), 32, 30, 34), (hour_ago(3), 20, 20, 20))
    await bring(field, hour_ago(4), 38, first=3)
    await become(hass, soil, (hour_ago(4), 34, 30, 38), (hour_ago(3), 20, 20, 20))
    assert field.value("sensor", "soil") == "41.5"


async def test_what_came_while_home_assistant_was_off_is_made_up_for(
    recorder_mock: Any, hass: HomeAssistant, field: Field
) -> None:
    """The stream goes on where it was left, also over what the first refresh knows already."""
    entry = await field.set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    await bring(field, hour_ago(5), 50, 60)
    await field.do(field.node.send, tank=77)
    await restart(hass, field)
    await become(hass, field.entity_id("sensor", "soil"), (hour_ago(5), 55, 50, 60))
    assert field.value("sensor", "tank") == "77.0"
    # Once is enough: the next start has nothing to do.
    assert await hass.config_entries.async_unload(entry.entry_id)
    await restart(hass, field)
    await become(hass, field.entity_id("sensor", "soil"), (hour_ago(5), 55, 50, 60))


async def test_a_stream_that_cannot_be_resumed_is_made_up_for_from_the_history(
    recorder_mock: Any, hass: HomeAssistant, hass_storage: dict[str, Any], field: Field
) -> None:
    """Home Assistant was off for longer than the backend keeps its log: all hours since then are looked at."""
    await field.add_node()
    await field.do(field.node.send, **READINGS)
    await bring(field, hour_ago(30), 10)
    await bring(field, hour_ago(6), 50, 60)
    entry = await field.make_entry()
    hass_storage[f"{DOMAIN}.{entry.entry_id}"] = long_ago(entry.entry_id)
    await restart(hass, field)
    # What came before Home Assistant was off is not touched.
    await become(hass, field.entity_id("sensor", "soil"), (hour_ago(6), 55, 50, 60))


async def test_the_hour_under_way_waits_for_the_recorder(
    recorder_mock: Any, hass: HomeAssistant, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is there before the recorder's own would cost everybody's hour. It waits, also over a restart."""
    monkeypatch.setattr(statistics, "COMPILED_AFTER", timedelta(days=1))
    entry = await field.set_up()
    await bring(field, hour_ago(2), 50, 60)
    soil = field.entity_id("sensor", "soil")
    await stay_empty(hass, soil)
    assert await hass.config_entries.async_unload(entry.entry_id)
    monkeypatch.setattr(statistics, "COMPILED_AFTER", timedelta(minutes=10))
    await restart(hass, field)
    await become(hass, soil, (hour_ago(2), 55, 50, 60))


async def test_nothing_is_imported_before_the_recorder_has_caught_up(
    recorder_mock: Any, hass: HomeAssistant, field: Field
) -> None:
    """After a start it makes up for the hours that it slept through."""
    ready = get_instance(hass).async_recorder_ready
    ready.clear()
    await field.set_up()
    await bring(field, hour_ago(4), 30)
    await field.do(field.node.send, tank=66)
    await field.becomes("sensor", "tank", "66.0")
    soil = field.entity_id("sensor", "soil")
    await stay_empty(hass, soil)
    ready.set()
    await become(hass, soil, (hour_ago(4), 30, 30, 30))


async def test_the_statistics_keep_their_unit(recorder_mock: Any, hass: HomeAssistant, field: Field) -> None:
    """Whoever shows °F has statistics in °C all the same: another unit would falsify all that is there."""
    await field.set_up()
    air = field.entity_id("sensor", "air")
    await bring(field, hour_ago(4), 10, 20, sensor="air")
    await become(hass, air, (hour_ago(4), 15, 10, 20))
    er.async_get(hass).async_update_entity_options(air, "sensor", {"unit_of_measurement": "°F"})
    await hass.async_block_till_done()
    await until(lambda: "°F" in str(field.state("sensor", "air")))
    await bring(field, hour_ago(3), 25, sensor="air")
    ask: Callable[[], Any] = partial(get_metadata, hass, statistic_ids={air})
    await become(hass, air, (hour_ago(4), 59, 50, 68), (hour_ago(3), 77, 77, 77))
    known = await get_instance(hass).async_add_executor_job(ask)
    assert known[air][1]["unit_of_measurement"] == "°C"


async def test_a_backend_that_is_away_is_asked_again(recorder_mock: Any, hass: HomeAssistant, own_field: Field) -> None:
    """Nothing is lost by a restart of it at the wrong moment."""
    field = own_field
    entry = await field.set_up()
    client, asked = entry.runtime_data.client, 0
    real = client.buckets

    async def once_in_vain(*given: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            await field.do(field.backend.stop)
            try:
                return await real(*given)
            finally:
                await field.do(field.backend.start)
        return await real(*given)

    client.buckets = once_in_vain
    await bring(field, hour_ago(4), 30)
    await become(hass, field.entity_id("sensor", "soil"), (hour_ago(4), 30, 30, 30))
    assert asked >= 2


async def test_a_recorder_that_fails_is_asked_again(
    recorder_mock: Any, hass: HomeAssistant, field: Field, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """A database that is locked or full for a moment costs no hour."""
    fails = [True, True]

    def metadata(*given: Any, **named: Any) -> Any:
        if fails:
            fails.pop()
            raise OperationalError("SELECT", {}, Exception("database is locked"))
        return get_metadata(*given, **named)

    monkeypatch.setattr(statistics, "get_metadata", metadata)
    await field.set_up()
    await bring(field, hour_ago(4), 30)
    await become(hass, field.entity_id("sensor", "soil"), (hour_ago(4), 30, 30, 30))
    assert not fails
    assert "database is locked" in caplog.text


async def test_an_import_that_a_restart_cut_short_is_done_after_it(
    recorder_mock: Any, hass: HomeAssistant, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way is not done, and is on the disk as such."""
    asked, go_on = threading.Event(), threading.Event()

    def metadata(*given: Any, **named: Any) -> Any:
        asked.set()
        go_on.wait(60)
        return get_metadata(*given, **named)

    entry = await field.set_up()
    monkeypatch.setattr(statistics, "get_metadata", metadata)
    await bring(field, hour_ago(4), 30)
    await until(asked.is_set)
    assert await hass.config_entries.async_unload(entry.entry_id)
    go_on.set()
    assert await rows(hass, field.entity_id("sensor", "soil")) == []
    await restart(hass, field)
    await become(hass, field.entity_id("sensor", "soil"), (hour_ago(4), 30, 30, 30))


async def test_what_nobody_shows_is_not_imported(recorder_mock: Any, hass: HomeAssistant, field: Field) -> None:
    """A disabled entity has no statistics, and an option switches it all off."""
    await field.set_up()
    wifi = field.entity_id("sensor", "wifi")
    await bring(field, hour_ago(4), -70, sensor="wifi")
    await bring(field, hour_ago(4), 30)
    await become(hass, field.entity_id("sensor", "soil"), (hour_ago(4), 30, 30, 30))
    await stay_empty(hass, wifi)
    hass.config_entries.async_update_entry(field.entry, options={CONF_IMPORT_STATISTICS: False})
    assert await hass.config_entries.async_reload(field.entry.entry_id)
    await field.is_live()
    await bring(field, hour_ago(3), 20)
    await field.do(field.node.send, tank=55)
    await field.becomes("sensor", "tank", "55.0")
    await become(hass, field.entity_id("sensor", "soil"), (hour_ago(4), 30, 30, 30))


async def test_raw_values_are_not_imported(
    recorder_mock: Any, hass: HomeAssistant, hass_storage: dict[str, Any], field: Field
) -> None:
    """Volts are no percents, until somebody says what they mean."""
    volts = {**MANIFEST, "sensors": [{"key": "probe", "kind": "soil_moisture", "unit": "V"}, *MANIFEST["sensors"][1:]]}
    await field.add_node("Basil", volts)
    await bring(field, hour_ago(6), 1.5, 2.5, sensor="probe")
    await bring(field, hour_ago(6), 50, 60, sensor="tank")
    entry = await field.make_entry()
    hass_storage[f"{DOMAIN}.{entry.entry_id}"] = long_ago(entry.entry_id)
    await restart(hass, field)
    await become(hass, field.entity_id("sensor", "tank"), (hour_ago(6), 55, 50, 60))
    assert await rows(hass, field.entity_id("sensor", "probe")) == []


async def test_removing_the_integration_leaves_no_file(
    recorder_mock: Any, hass: HomeAssistant, hass_storage: dict[str, Any], field: Field
) -> None:
    """What was kept for the next start goes with it."""
    entry = await field.set_up()
    await field.do(field.node.send, soil=40)
    await field.becomes("sensor", "soil", "40.0")
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["position"]
    await hass.config_entries.async_remove(entry.entry_id)
    assert f"{DOMAIN}.{entry.entry_id}" not in hass_storage


def test_what_is_no_news_any_more_is_late() -> None:
    """Readings of unknown age belong to no hour."""
    now = dt_util.parse_datetime("2026-11-23T12:07:00Z")
    assert now is not None
    times = ["2026-11-23T12:04:00Z", "2026-11-23T12:01:00Z", "2026-11-23T11:59:00Z", "2026-11-23T10:59:00Z", None]
    message = Message(
        "readings", {"device_id": "d", "readings": [{"sensor": "soil", "value": 1, "ts": at} for at in times]}
    )
    assert sorted(hour.hour for _, _, hour in late_hours(message, now)) == [10, 11, 12]


def test_an_hour_is_summed_up_by_weight_and_in_the_unit_of_the_statistics() -> None:
    """Buckets may hold one reading or many."""
    hour = hour_ago(3)
    buckets = [Bucket(hour, 0, 10, 5, 3), Bucket(hour + timedelta(minutes=30), 20, 20, 20, 1)]
    (row,) = hour_rows(buckets, "°C", "°F")
    assert (row["mean"], row["min"], row["max"]) == (pytest.approx(47.75), pytest.approx(32), pytest.approx(68))
    (row,) = hour_rows(buckets, "%", "%")
    assert (row["mean"], row["min"], row["max"]) == (8.75, 0, 20)
