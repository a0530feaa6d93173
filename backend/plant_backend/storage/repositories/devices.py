"""Devices and their channels."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from plant_backend.domain.account import DeviceSecrets, Principal
from plant_backend.domain.calibration import Calibration
from plant_backend.domain.errors import Conflict, NotFound
from plant_backend.domain.kinds import MEASURES, ActuatorKind, SensorKind
from plant_backend.domain.model import Actuator, Device, Manifest, Sensor
from plant_backend.storage.json_codec import decode_limits, dump
from plant_backend.storage.repositories.calibrations import SqlCalibrations
from plant_backend.storage.tables import (
    accepted_batches,
    actuators,
    batches,
    devices,
    events,
    readings,
    rollups_1h,
    rollups_5min,
    sensors,
)
from plant_backend.storage.times import from_ms, from_ms_or_none, to_ms

# Built once: building a statement costs several times what running it does, and these are behind every evaluation.
_DEVICES = select(devices).order_by(devices.c.number)
_BY_NUMBER = _DEVICES.where(devices.c.number == bindparam("of_device"))
_OF_OWNER = _DEVICES.where(devices.c.owner_id == bindparam("of_owner"))
_OWNED = _OF_OWNER.where(devices.c.id == bindparam("device_id"))
_SENSORS = (
    select(sensors).where(sensors.c.device_number.in_(bindparam("of_devices", expanding=True))).order_by(sensors.c.id)
)
_ACTUATORS = (
    select(actuators)
    .where(actuators.c.device_number.in_(bindparam("of_devices", expanding=True)))
    .order_by(actuators.c.id)
)


class SqlDevices:
    """Fulfils `ports.Devices`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, who: Principal, device_id: str, name: str, secret_digest: bytes, now: datetime) -> Device:
        result = self._connection.execute(
            insert(devices).values(
                id=device_id,
                owner_id=who.user_id,
                name=name,
                secret_digest=secret_digest,
                secret_made_at=to_ms(now),
                created_at=to_ms(now),
            )
        )
        (number,) = result.inserted_primary_key or (0,)
        return Device(number, device_id, who.user_id, name, now)

    def all(self, who: Principal) -> Sequence[Device]:
        return self._devices(_OF_OWNER, {"of_owner": who.user_id})

    def get(self, who: Principal, device_id: str) -> Device:
        found = self._devices(_OWNED, {"of_owner": who.user_id, "device_id": device_id})
        if not found:
            raise NotFound("device")
        return found[0]

    def by_number(self, number: int) -> Device | None:
        found = self._devices(_BY_NUMBER, {"of_device": number})
        return found[0] if found else None

    def by_secret(self, device_id: str, secret_digest: bytes, now_ms: int) -> Device | None:
        number = self._connection.execute(
            select(devices.c.number).where(devices.c.id == device_id)
        ).scalar_one_or_none()
        known = None if number is None else self.secrets(number)
        if number is None or known is None:
            return None
        is_right = [hmac.compare_digest(valid, secret_digest) for valid in known.valid(now_ms)]
        return self.by_number(number) if any(is_right) else None

    def secrets(self, number: int) -> DeviceSecrets | None:
        row = self._connection.execute(_BY_NUMBER, {"of_device": number}).one_or_none()
        if row is None:
            return None
        return DeviceSecrets(
            row.secret_digest,
            row.secret_made_at,
            row.secret_used_at,
            row.previous_digest,
            row.previous_until,
            row.previous_used_at,
        )

    def note_sign_in(self, number: int, secret_digest: bytes, now_ms: int) -> None:
        for digest, used_at in (
            (devices.c.secret_digest, devices.c.secret_used_at),
            (devices.c.previous_digest, devices.c.previous_used_at),
        ):
            self._connection.execute(
                update(devices)
                .where(devices.c.number == number, digest == secret_digest)
                .values({used_at.name: now_ms})
            )

    def numbers(self) -> Sequence[int]:
        return self._connection.execute(select(devices.c.number).order_by(devices.c.number)).scalars().all()

    def rename(self, number: int, name: str) -> None:
        self._connection.execute(update(devices).where(devices.c.number == number).values(name=name))

    def set_secret(self, number: int, secret_digest: bytes, now_ms: int, overlap_ms: int) -> None:
        overlaps = overlap_ms > 0
        self._connection.execute(
            update(devices)
            .where(devices.c.number == number)
            .values(
                previous_digest=devices.c.secret_digest if overlaps else None,
                previous_until=now_ms + overlap_ms if overlaps else 0,
                previous_used_at=devices.c.secret_used_at if overlaps else None,
                secret_digest=secret_digest,
                secret_made_at=now_ms,
                secret_used_at=None,
            )
        )

    def delete(self, number: int) -> None:
        owned = select(sensors.c.id).where(sensors.c.device_number == number)
        for table in (readings, rollups_5min, rollups_1h):
            self._connection.execute(delete(table).where(table.c.sensor_id.in_(owned)))
        self._connection.execute(delete(batches).where(batches.c.device_number == number))
        # What the outbox still tells of it, names included, goes too.
        device_id = select(devices.c.id).where(devices.c.number == number).scalar_subquery()
        self._connection.execute(delete(events).where(events.c.device_id == device_id))
        self._connection.execute(delete(accepted_batches).where(accepted_batches.c.device_number == number))
        self._connection.execute(delete(devices).where(devices.c.number == number))

    def register(self, number: int, manifest: Manifest, now: datetime) -> bool:
        """Add new channels, update the limits of known actuators, retire what is not named."""
        device = self.by_number(number)
        if device is None:
            raise NotFound("device")
        known = {sensor.key: sensor.kind.value for sensor in device.sensors}
        known |= {actuator.key: actuator.kind.value for actuator in device.actuators}
        claims = [(claim.key, claim.kind.value) for claim in manifest.sensors]
        claims += [(claim.key, claim.kind.value) for claim in manifest.actuators]
        for key, claimed_kind in claims:
            kind = known.get(key)
            if kind is not None and kind != claimed_kind:
                raise Conflict(
                    "channel_conflict",
                    f"The channel {key} is a {kind} already; give the {claimed_kind} another key.",
                )
        units = {sensor.key: sensor.raw_unit or sensor.unit for sensor in device.sensors}
        for claim in manifest.sensors:
            if units.get(claim.key, claim.unit) != claim.unit:
                raise Conflict(
                    "channel_conflict",
                    f"The channel {claim.key} sends {units[claim.key]}; give what sends {claim.unit} another key.",
                )
        is_change = (device.firmware, device.version) != (manifest.firmware, manifest.version)
        if is_change:
            self._connection.execute(
                update(devices)
                .where(devices.c.number == number)
                .values(firmware=manifest.firmware, version=manifest.version)
            )
        for sensor in manifest.sensors:
            if sensor.key not in known:
                is_change = True
                self._connection.execute(
                    insert(sensors).values(device_number=number, key=sensor.key, kind=sensor.kind, unit=sensor.unit)
                )
        limits_by_key = {actuator.key: actuator.limits for actuator in device.actuators}
        for actuator in manifest.actuators:
            if actuator.key not in known:
                is_change = True
                self._connection.execute(
                    insert(actuators).values(
                        device_number=number, key=actuator.key, kind=actuator.kind, limits=dump(actuator.limits)
                    )
                )
            elif limits_by_key[actuator.key] != actuator.limits:
                is_change = True
                self._connection.execute(
                    update(actuators)
                    .where(actuators.c.device_number == number, actuators.c.key == actuator.key)
                    .values(limits=dump(actuator.limits))
                )
        named = {key for key, _ in claims}
        channels: tuple[Sensor | Actuator, ...] = (*device.sensors, *device.actuators)
        for channel in channels:
            if (channel.retired_at is None) != (channel.key in named):
                is_change = True
                table = sensors if isinstance(channel, Sensor) else actuators
                retired_at = None if channel.key in named else to_ms(now)
                self._connection.execute(update(table).where(table.c.id == channel.id).values(retired_at=retired_at))
        return is_change

    def _devices(self, statement: "Select[Any]", given: Mapping[str, Any]) -> list[Device]:
        rows = self._connection.execute(statement, given).all()
        numbers = [row.number for row in rows]
        by_device_sensors = _grouped(self._connection.execute(_SENSORS, {"of_devices": numbers}))
        by_device_actuators = _grouped(self._connection.execute(_ACTUATORS, {"of_devices": numbers}))
        calibrations = SqlCalibrations(self._connection).newest_of(numbers)
        return [
            Device(
                row.number,
                row.id,
                row.owner_id,
                row.name,
                from_ms(row.created_at),
                row.firmware,
                row.version,
                tuple(_sensor(sensor, calibrations.get(sensor.id)) for sensor in by_device_sensors.get(row.number, ())),
                tuple(
                    Actuator(
                        actuator.id,
                        actuator.key,
                        ActuatorKind(actuator.kind),
                        decode_limits(actuator.limits),
                        from_ms_or_none(actuator.retired_at),
                    )
                    for actuator in by_device_actuators.get(row.number, ())
                ),
            )
            for row in rows
        ]


def _sensor(row: Row[Any], calibration: Calibration | None) -> Sensor:
    kind = SensorKind(row.kind)
    unit = MEASURES[kind].unit
    raw_unit = None if row.unit == unit else row.unit
    return Sensor(row.id, row.key, kind, unit, raw_unit, calibration, from_ms_or_none(row.retired_at))


def _grouped(rows: Iterable[Row[Any]]) -> dict[int, list[Row[Any]]]:
    groups: dict[int, list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault(row.device_number, []).append(row)
    return groups
