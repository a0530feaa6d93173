"""Devices: making, showing, renaming, giving a new secret, deleting."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from plant_backend.domain.account import DeviceSecrets, Principal
from plant_backend.domain.derived import Derived, dli_mol_m2_d, vpd_kpa
from plant_backend.domain.errors import InvalidInput, NotFound
from plant_backend.domain.freshness import is_fresh, is_plausible
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.ledger import EventType
from plant_backend.domain.model import Device, Sample, Sensor
from plant_backend.ports import Bus, Clock, Storage, Transaction
from plant_backend.services import secrets
from plant_backend.services.audit import record
from plant_backend.services.directory import Directory
from plant_backend.services.documents import device_document
from plant_backend.services.real_time import real_ms

MAX_NAME = 100

_LIGHT_LOOKED_AT = timedelta(minutes=5)
"""How often the light of a day is added up anew: thousands of readings for a figure that moves slowly."""

_MAX_LIGHT = 20_000


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A device with what was last heard of it. `latest` and `raw` are by sensor key, the one calibrated."""

    device: Device
    last_seen_at: datetime | None
    latest: dict[str, Sample]
    raw: dict[str, Sample] = field(default_factory=dict)
    derived: Derived = field(default_factory=Derived)


class DeviceService:
    """What a person does with devices."""

    def __init__(self, storage: Storage, bus: Bus, clock: Clock, directory: Directory) -> None:
        self._storage = storage
        self._bus = bus
        self._clock = clock
        self._directory = directory
        self._light: dict[int, tuple[datetime, float | None]] = {}

    async def add(self, who: Principal, name: str) -> tuple[Device, str]:
        """Make a device. The second value is its secret, which is shown once and stored nowhere."""
        name = _checked_name(name)
        device_id, secret, now = str(uuid.uuid4()), secrets.make(secrets.DEVICE_SECRET), self._clock.now()

        def work(tx: Transaction) -> Device:
            device = tx.devices.add(who, device_id, name, secrets.digest(secret), now)
            tx.events.add(device, EventType.DEVICE, device_document(device), now)
            record(tx, who, "device_made", f"{device.id} {name}")
            return device

        return await self._storage.write(work), secret

    async def all(self, who: Principal) -> Sequence[DeviceStatus]:
        """Give the caller's devices."""
        return await self._storage.read(lambda tx: [self.status(tx, device) for device in tx.devices.all(who)])

    async def get(self, who: Principal, device_id: str) -> DeviceStatus:
        """Give one device. Raises NotFound."""
        return await self._storage.read(lambda tx: self.status(tx, tx.devices.get(who, device_id)))

    def status(self, tx: Transaction, device: Device) -> DeviceStatus:
        """Add what was last heard, and what follows from it."""
        raw = {sensor.key: samples[-1] for sensor in device.sensors if (samples := self._storage.latest(sensor.id))}
        latest = {
            sensor.key: Sample(raw[sensor.key].ts, value)
            for sensor in device.sensors
            if sensor.key in raw and (value := sensor.value_of(raw[sensor.key].value)) is not None
        }
        derived = self._derived(tx, device, latest, self._clock.now())
        return DeviceStatus(device, self._storage.last_seen(device.number), latest, raw, derived)

    def _derived(self, tx: Transaction, device: Device, latest: dict[str, Sample], now: datetime) -> Derived:
        profile, _ = tx.automation.profile(device.number)
        stale_after = timedelta(seconds=profile.stale_after_s)

        def first(kind: SensorKind) -> tuple[Sensor, float] | None:
            sensor = next((known for known in device.sensors if known.kind is kind and known.retired_at is None), None)
            sample = latest.get(sensor.key) if sensor else None
            if sensor is None or sample is None or not is_fresh(sample, now, stale_after):
                return None
            return (sensor, sample.value) if is_plausible(kind, sample) else None

        air, humidity = first(SensorKind.AIR_TEMPERATURE), first(SensorKind.AIR_HUMIDITY)
        light = first(SensorKind.ILLUMINANCE)
        return Derived(
            None if air is None or humidity is None else vpd_kpa(air[1], humidity[1]),
            None if light is None else self._light_of(tx, light[0], now),
        )

    def _light_of(self, tx: Transaction, sensor: Sensor, now: datetime) -> float | None:
        known = self._light.get(sensor.id)
        if known is not None and timedelta(0) <= now - known[0] < _LIGHT_LOOKED_AT:
            return known[1]
        samples = tx.history.readings(sensor.id, now - timedelta(days=1), now, _MAX_LIGHT)
        value = dli_mol_m2_d([Sample(sample.ts, sensor.shown(sample.value)) for sample in samples], now)
        self._light[sensor.id] = (now, value)
        return value

    async def rename(self, who: Principal, device_id: str, name: str) -> DeviceStatus:
        """Give a device another name. Raises NotFound, InvalidInput."""
        name, now = _checked_name(name), self._clock.now()

        def work(tx: Transaction) -> Device:
            number = tx.devices.get(who, device_id).number
            tx.devices.rename(number, name)
            record(tx, who, "device_renamed", f"{device_id} {name}")
            device = tx.devices.get(who, device_id)
            tx.events.add(device, EventType.DEVICE, device_document(device), now)
            return device

        device = await self._storage.write(work)
        self._directory.forget(device.number)
        return await self.get(who, device_id)

    async def secrets(self, who: Principal, device_id: str) -> DeviceSecrets:
        """Tell since when a device has its secret, and until when the previous one works. Raises NotFound."""

        def work(tx: Transaction) -> DeviceSecrets | None:
            return tx.devices.secrets(tx.devices.get(who, device_id).number)

        found = await self._storage.read(work)
        if found is None:
            raise NotFound("device")
        return found

    async def rotate_secret(self, who: Principal, device_id: str, overlap_s: int = 0) -> tuple[Device, str]:
        """Give a device a new secret. The old one and every token made from it end after the overlap.

        Raises NotFound.
        """
        secret, now_ms = secrets.make(secrets.DEVICE_SECRET), real_ms()

        def work(tx: Transaction) -> Device:
            device = tx.devices.get(who, device_id)
            tx.devices.set_secret(device.number, secrets.digest(secret), now_ms, overlap_s * 1000)
            if not overlap_s:
                tx.refresh_tokens.revoke_device(device.number)
            record(tx, who, "secret_rotated", f"{device.id} {device.name}")
            # Other processes hear of it by this.
            tx.events.add(device, EventType.DEVICE, device_document(device), self._clock.now())
            return device

        device = await self._storage.write(work)
        self._directory.forget(device.number)
        self._bus.publish("signed_in", device.number)
        return device, secret

    async def delete(self, who: Principal, device_id: str) -> None:
        """Delete a device with its history. Raises NotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> Device:
            device = tx.devices.get(who, device_id)
            tx.devices.delete(device.number)
            record(tx, who, "device_deleted", device.id)
            tx.events.add(device, EventType.DEVICE_DELETED, {"id": device.id}, now)
            return device

        self.forget(await self._storage.write(work))

    def forget(self, device: Device) -> None:
        """Drop what is kept in memory of a device that was deleted."""
        self._directory.forget(device.number)
        self._storage.forget(device.number, [sensor.id for sensor in device.sensors])
        for sensor in device.sensors:
            self._light.pop(sensor.id, None)
        self._bus.publish("signed_in", device.number)
        # Whoever looks at it next finds that it is gone, and forgets it.
        self._bus.publish("device", device.number)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidInput([("name", f"must have 1 to {MAX_NAME} printable characters")])
    return name
