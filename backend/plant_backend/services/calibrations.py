"""Telling what the raw values of a channel mean."""

from collections.abc import Sequence

from plant_backend.domain.account import Principal
from plant_backend.domain.calibration import Calibration, Point, calibration_errors
from plant_backend.domain.errors import InvalidInput, NotFound
from plant_backend.domain.ledger import EventType
from plant_backend.domain.model import NO_DOSES, Device, Sample, Sensor
from plant_backend.ports import Bus, Clock, Storage, Transaction
from plant_backend.services.audit import record
from plant_backend.services.devices import DeviceService
from plant_backend.services.directory import Directory
from plant_backend.services.events import status_document

_MAX_VERSIONS = 100


class CalibrationService:
    """What a person does about probes that read wrong, or raw."""

    def __init__(self, storage: Storage, bus: Bus, clock: Clock, directory: Directory, devices: DeviceService) -> None:
        self._storage = storage
        self._bus = bus
        self._clock = clock
        self._directory = directory
        self._devices = devices

    async def show(
        self, who: Principal, device_id: str, key: str
    ) -> tuple[Sensor, Sample | None, Sequence[tuple[Calibration, str]]]:
        """Give a sensor, its newest raw sample, and its calibrations with who made them. Raises NotFound."""

        def work(tx: Transaction) -> tuple[Sensor, Sequence[tuple[Calibration, str]]]:
            sensor = _sensor(tx.devices.get(who, device_id), key)
            return sensor, tx.calibrations.all(sensor.id, _MAX_VERSIONS)

        sensor, versions = await self._storage.read(work)
        samples = self._storage.latest(sensor.id)
        return sensor, samples[-1] if samples else None, versions

    async def calibrate(self, who: Principal, device_id: str, key: str, points: Sequence[Point]) -> None:
        """Say what a channel's raw values mean, now and in all its history. Raises NotFound, InvalidInput.

        Cooldown, cap and soak go on as they were.
        """
        await self._change(who, device_id, key, points)

    async def clear(self, who: Principal, device_id: str, key: str) -> None:
        """Let a channel's raw values mean themselves again. Raises NotFound."""
        await self._change(who, device_id, key, None)

    async def _change(self, who: Principal, device_id: str, key: str, points: Sequence[Point] | None) -> None:
        now = self._clock.now()

        def work(tx: Transaction) -> int:
            sensor = _sensor(tx.devices.get(who, device_id), key)
            if points is not None and (errors := calibration_errors(sensor.kind, points)):
                raise InvalidInput(errors)
            made = tx.calibrations.add(sensor.id, points or (), who.username, now)
            device = tx.devices.get(who, device_id)
            if not tx.automation.memory(device.number).effect.is_blocked:
                # What the soil was before the last doses was told by another measure.
                tx.automation.set_effect(device.number, NO_DOSES)
            record(tx, who, "channel_calibrated", f"{device.id} {key} {made.version}")
            tx.events.add(device, EventType.DEVICE, status_document(self._devices.status(tx, device)), now)
            return device.number

        number = await self._storage.write(work)
        self._directory.forget(number)
        self._bus.publish("device", number)


def _sensor(device: Device, key: str) -> Sensor:
    sensor = next((known for known in device.sensors if known.key == key), None)
    if sensor is None:
        raise NotFound("sensor")
    return sensor
