"""Alerts, devices, events, profiles and the ledger as they are kept."""

import asyncio
from typing import Any

import pytest
from plant_backend.domain.account import Principal
from plant_backend.domain.alert import AlertKind, AlertState, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.calibration import Point
from plant_backend.domain.errors import Conflict, NotFound
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.ledger import DecisionOutcome, EventType
from plant_backend.domain.model import ActuatorClaim, Manifest, Mode, Profile, PumpLimits, SensorClaim
from plant_backend.domain.notification import TargetSettings
from plant_backend.domain.rules import decide
from plant_backend.storage.driver import raw
from plant_backend.storage.store import SqlStorage
from plant_backend.storage.tables import metadata

from tests.backend.storage.conftest import Opened, SetClock, a_device
from tests.backend.storage.test_command_queue import claim
from tests.builders import DAY, HOUR, MINUTE, NOW, a_batch, a_manifest, a_plant

ADA = Principal(1, "ada")
LOW = RaiseAlert(AlertKind.RESERVOIR_LOW, Severity.WARNING, "low", "tank")
WORSE = RaiseAlert(AlertKind.RESERVOIR_LOW, Severity.CRITICAL, "empty", "tank")
REFILLED = ClearAlert(AlertKind.RESERVOIR_LOW, "tank")


async def test_at_most_one_alert_is_open_for_one_thing(storage: SqlStorage) -> None:
    """Alerts flap and repeat: Olen #352. What lasts is one alert with a count."""
    device = await a_device(storage)
    told = await asyncio.gather(
        *(storage.write(lambda tx: tx.alerts.apply(device.number, LOW, NOW)) for _ in range(20))
    )
    assert len([alert for alert in told if alert]) == 1
    (alert,) = await storage.read(lambda tx: tx.alerts.all(ADA, AlertState.OPEN, None, 10))
    assert (alert.count, alert.kind, alert.channel) == (1, AlertKind.RESERVOIR_LOW, "tank")


async def test_the_database_itself_refuses_a_second_open_alert(storage: SqlStorage) -> None:
    device = await a_device(storage)
    await storage.write(lambda tx: tx.alerts.apply(device.number, LOW, NOW))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await storage.write(lambda tx: tx.alerts._open(device.number, LOW, NOW))


async def test_an_alert_is_told_when_it_opens_and_when_it_gets_worse(storage: SqlStorage) -> None:
    device = await a_device(storage)

    async def apply(change: Any, minutes: int) -> Any:
        return await storage.write(lambda tx: tx.alerts.apply(device.number, change, NOW + minutes * MINUTE))

    assert (await apply(LOW, 0)).severity is Severity.WARNING
    assert await apply(LOW, 5) is None
    assert (await apply(WORSE, 10)).severity is Severity.CRITICAL
    assert await apply(LOW, 75) is None
    assert await apply(WORSE, 80) is None
    (alert,) = await storage.read(lambda tx: tx.alerts.all(ADA, None, None, 10))
    assert (alert.severity, alert.count, alert.last_seen_at) == (Severity.CRITICAL, 3, NOW + 75 * MINUTE)

    resolved = await apply(REFILLED, 90)
    assert (resolved.state, resolved.resolved_by, resolved.resolved_at) == ("resolved", "rule", NOW + 90 * MINUTE)
    assert await apply(REFILLED, 91) is None
    again = await apply(LOW, 95)
    assert (again.id != alert.id, again.count, again.first_seen_at) == (True, 1, NOW + 95 * MINUTE)


async def test_an_alert_of_another_channel_is_another_alert(storage: SqlStorage) -> None:
    device = await a_device(storage)
    other = RaiseAlert(LOW.kind, LOW.severity, "low", "barrel")
    for change in (LOW, other):
        assert await storage.write(lambda tx, change=change: tx.alerts.apply(device.number, change, NOW))
    keys = await storage.read(lambda tx: tx.alerts.open_keys(device.number))
    assert keys == {("reservoir_low", "tank"), ("reservoir_low", "barrel")}


async def test_only_its_owner_sees_and_closes_an_alert(storage: SqlStorage) -> None:
    await a_device(storage)
    other = await a_device(storage, "d-2", "bob")
    bob = Principal(other.owner_id, "bob")
    alert = await storage.write(lambda tx: tx.alerts.apply(1, LOW, NOW))
    assert await storage.read(lambda tx: tx.alerts.all(bob, None, None, 10)) == []
    with pytest.raises(NotFound):
        await storage.write(lambda tx: tx.alerts.snooze(bob, alert.id, NOW + HOUR))
    for act in ("resolve", "acknowledge"):
        with pytest.raises(NotFound):
            await storage.write(lambda tx, act=act: getattr(tx.alerts, act)(bob, alert.id, NOW))
    seen = await storage.write(lambda tx: tx.alerts.acknowledge(ADA, alert.id, NOW))
    assert (seen.state, seen.acknowledged_at) == (AlertState.OPEN, NOW)
    closed = await storage.write(lambda tx: tx.alerts.resolve(ADA, alert.id, NOW + HOUR))
    assert (closed.resolved_by, closed.acknowledged_at) == ("ada", NOW)
    assert await storage.write(lambda tx: tx.alerts.resolve(ADA, alert.id, NOW + DAY)) == closed


async def test_deleting_a_device_removes_everything_of_it_and_nothing_else(opened: Opened) -> None:
    async with opened() as storage:
        gone, kept = await a_device(storage), await a_device(storage, "d-2")
        for device in (gone, kept):
            await fill(storage, device)
        await storage.compact()
        for device in (gone, kept):
            readings = [(device.sensors[0].id, 2.0, 5)]
            await storage.append(a_batch("b-2", readings, device=device.number))
        before = counts(storage, kept)

        await storage.write(lambda tx: tx.devices.delete(gone.number))
        storage.forget(gone.number, [sensor.id for sensor in gone.sensors])

        assert set(counts(storage, gone).values()) == {0}
        assert counts(storage, kept) == before
        assert 0 not in before.values()
        assert storage.latest(gone.sensors[0].id) == ()
        assert storage.last_seen(gone.number) is None
        assert await storage.compact() == 1
        assert set(counts(storage, gone).values()) == {0}
        assert storage._batch_log.tail_size == 0, "a deleted device's batches do not wait for ever"
    async with opened() as storage:
        assert storage.latest(gone.sensors[0].id) == ()
        successor = await a_device(storage, "d-1")
        assert successor.number > kept.number
        assert successor.sensors[0].id > kept.sensors[-1].id


async def fill(storage: SqlStorage, device: Any) -> None:
    def work(tx: Any) -> None:
        tx.automation.set_profile(device.number, Profile(mode=Mode.ON), NOW)
        tx.automation.record(device.number, NOW, DecisionOutcome.REFUSED, (), a_plant(), None)
        tx.alerts.apply(device.number, LOW, NOW)
        tx.calibrations.add(device.sensors[0].id, (Point(0, 0), Point(1, 100)), "ada", NOW)
        tx.notifications.add(device.owner_id, TargetSettings("phone", device_ids=(device.id,)), "json", "", b"", NOW)
        tx.refresh_tokens.issue(device.number, f"f-{device.number}", bytes([device.number]), None, 0)
        assert claim(tx, device)

    await storage.write(work)
    await storage.append(a_batch("b-1", [(device.sensors[0].id, 1.0, 10)], device=device.number))


def counts(storage: SqlStorage, device: Any) -> dict[str, int]:
    """Count the rows of every table that belong to a device."""
    below, found = raw(storage._writer.connection), {}
    sensors = ",".join(str(sensor.id) for sensor in device.sensors)
    for table in metadata.sorted_tables:
        if "device_number" in table.c:
            where = f"device_number = {device.number}"
        elif table.name == "devices":
            where = f"number = {device.number}"
        elif "sensor_id" in table.c:
            where = f"sensor_id IN ({sensors})"
        else:
            continue
        (found[table.name],) = below.execute(f"SELECT count(*) FROM {table.name} WHERE {where}").fetchone()
    return found


async def test_a_batch_of_a_device_deleted_meanwhile_leaves_no_readings(storage: SqlStorage) -> None:
    device = await a_device(storage)
    await asyncio.gather(
        storage.write(lambda tx: tx.devices.delete(device.number)),
        storage.append(a_batch("b-1", [(device.sensors[0].id, 1.0, 0)])),
    )
    await storage.compact()
    assert counts(storage, device)["readings"] == 0
    assert counts(storage, device)["accepted_batches"] == 0


async def test_a_manifest_adds_and_updates_and_never_takes_away(storage: SqlStorage) -> None:
    device = await a_device(storage)

    async def register(manifest: Manifest) -> bool:
        return await storage.write(lambda tx: tx.devices.register(device.number, manifest, NOW))

    assert not await register(a_manifest())
    assert await register(a_manifest(limits=PumpLimits(max_run_ms=3_000)))
    assert not await register(a_manifest(limits=PumpLimits(max_run_ms=3_000)))
    assert await register(Manifest("plant-node", "0.2.0", (SensorClaim("air", SensorKind.AIR_TEMPERATURE, "°C"),)))
    now = await storage.read(lambda tx: tx.devices.by_number(device.number))
    assert [sensor.key for sensor in now.sensors] == ["soil", "tank", "air"]
    assert [sensor.id for sensor in now.sensors[:2]] == [sensor.id for sensor in device.sensors]
    assert now.actuators[0].limits == PumpLimits(max_run_ms=3_000)
    for clash in (
        Manifest("n", "1", (SensorClaim("soil", SensorKind.BATTERY, "%"), SensorClaim("new", SensorKind.BATTERY, "%"))),
        Manifest("n", "1", (SensorClaim("pump", SensorKind.BATTERY, "%"),)),
        Manifest("n", "1", (), (ActuatorClaim("soil", ActuatorKind.PUMP),)),
    ):
        with pytest.raises(Conflict):
            await register(clash)
    assert await storage.read(lambda tx: tx.devices.by_number(device.number)) == now


async def test_event_ids_grow_in_the_order_of_the_commits(opened: Opened, clock: SetClock) -> None:
    heard: list[int] = []

    class Listener:
        def committed(self, batches: Any, events: Any) -> None:
            heard.extend(event.id for event in events)

    def tell(tx: Any, device: Any, place: int, *, fails: bool) -> None:
        tx.events.add(device, EventType.DEVICE, {"place": place}, clock.now())
        if fails:
            raise ValueError("no")

    async with opened() as storage:
        storage.listen(Listener())
        device = await a_device(storage)
        await asyncio.gather(
            *(
                storage.write(lambda tx, place=place: tell(tx, device, place, fails=place % 7 == 3))
                for place in range(100)
            ),
            return_exceptions=True,
        )
        events = await storage.read(lambda tx: tx.events.after(0, 1_000))
        assert [event.data["place"] for event in events] == [place for place in range(100) if place % 7 != 3]
        assert heard == [event.id for event in events] == sorted(set(heard))
        assert storage.event_bounds() == (0, heard[-1])
        clock.moment = NOW + 8 * DAY
        await storage.compact()
        assert storage.event_bounds() == (heard[-1], heard[-1])
    async with opened() as storage:
        assert storage.event_bounds() == (heard[-1], heard[-1])
        await storage.write(lambda tx: tell(tx, device, 0, fails=False))
        (event,) = await storage.read(lambda tx: tx.events.after(0, 10))
        assert event.id > heard[-1], "an id is never given twice, or a listener that resumes would miss one"


async def test_the_ledger_gives_back_what_the_decision_saw(opened: Opened) -> None:
    """ "No watering and no visible reason" (HAsmartirrigation #841): each line replays."""
    plant = a_plant(soil=[12.5, 1 / 3], reservoir=5, alerts=[("reservoir_low", "tank")])
    decision = decide(plant, NOW)
    async with opened() as storage:
        device = await a_device(storage)
        await storage.write(
            lambda tx: tx.automation.record(device.number, NOW, DecisionOutcome.REFUSED, decision.reasons, plant, None)
        )
    async with opened() as storage:
        record = await storage.read(lambda tx: tx.automation.last(device.number))
    assert (record.inputs, record.at, record.reasons) == (plant, NOW, decision.reasons)
    assert decide(record.inputs, record.at) == decision


async def test_a_profile_has_a_version_that_grows(storage: SqlStorage) -> None:
    device = await a_device(storage)
    assert await storage.read(lambda tx: tx.automation.profile(device.number)) == (Profile(), 0)
    for version in (1, 2, 3):
        wanted = Profile(mode=Mode.SHADOW, dose_ms=version * 1_000, air_temperature_min_c=None)
        assert await storage.write(lambda tx, p=wanted: tx.automation.set_profile(device.number, p, NOW)) == version
        assert await storage.read(lambda tx: tx.automation.profile(device.number)) == (wanted, version)
