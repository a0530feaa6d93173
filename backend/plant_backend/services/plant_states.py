"""What is known of plants in one look: read together, so that a page of fifty costs one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plant_backend.domain.account import Principal
from plant_backend.domain.alert import Alert, AlertState
from plant_backend.domain.command import Command
from plant_backend.domain.history import Bucket
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.ledger import DecisionRecord
from plant_backend.domain.model import Device, Profile, Sensor
from plant_backend.ports import Clock, Storage, Transaction
from plant_backend.services.devices import DeviceService, DeviceStatus

_COMMANDS = 100
_ALERTS = 500
_POINTS = 96
_DAY = timedelta(days=1)
_TRACES = 1_000

_LOOKED_AT = timedelta(minutes=2)
"""How often the moisture of the last day is read anew: the spans of 15 minutes that it is shown in move slowly."""


@dataclass(frozen=True, slots=True)
class PlantState:
    """A device with its profile, open alerts, newest commands and decision, and the last day of its soil.

    soil_trace: the moisture of the last 24 hours in spans of 15 minutes, up to two minutes old.
    """

    status: DeviceStatus
    profile: Profile
    profile_version: int
    now: datetime
    alerts: Sequence[Alert]
    commands: Sequence[Command]
    decision: DecisionRecord | None
    soil_trace: Sequence[Bucket] = ()


class PlantStates:
    """Gives what is known of plants."""

    def __init__(self, storage: Storage, clock: Clock, devices: DeviceService) -> None:
        self._storage = storage
        self._clock = clock
        self._devices = devices
        self._traces: dict[int, tuple[datetime, Sequence[Bucket]]] = {}

    async def all(self, who: Principal, *, with_trace: bool = True) -> Sequence[PlantState]:
        """Give all plants of the caller."""
        now = self._clock.now()

        def work(tx: Transaction) -> Sequence[PlantState]:
            alerts: dict[str, list[Alert]] = {}
            for alert in tx.alerts.all(who, AlertState.OPEN, None, _ALERTS):
                alerts.setdefault(alert.device_id, []).append(alert)
            return [
                self._state(tx, device, alerts.get(device.id, ()), now, with_trace=with_trace)
                for device in tx.devices.all(who)
            ]

        return await self._storage.read(work)

    async def get(self, who: Principal, device_id: str) -> PlantState:
        """Give one plant. Raises NotFound."""
        now = self._clock.now()

        def work(tx: Transaction) -> PlantState:
            device = tx.devices.get(who, device_id)
            alerts = tx.alerts.all(who, AlertState.OPEN, device_id, _ALERTS)
            return self._state(tx, device, alerts, now, with_trace=True)

        return await self._storage.read(work)

    def _state(
        self, tx: Transaction, device: Device, alerts: Sequence[Alert], now: datetime, *, with_trace: bool
    ) -> PlantState:
        profile, version = tx.automation.profile(device.number)
        decisions = tx.automation.decisions(device.number, None, 1)
        return PlantState(
            self._devices.status(tx, device),
            profile,
            version,
            now,
            alerts,
            tx.commands.all(device.number, None, _COMMANDS),
            decisions[0] if decisions else None,
            self._trace(tx, device, now) if with_trace else (),
        )

    def _trace(self, tx: Transaction, device: Device, now: datetime) -> Sequence[Bucket]:
        kind = SensorKind.SOIL_MOISTURE
        soil = next((found for found in device.sensors if found.kind is kind and found.retired_at is None), None)
        if soil is None or not soil.is_calibrated:
            return ()
        raw = self._raw_trace(tx, soil, now)
        # Raw values are what is kept: a new calibration counts at once.
        calibration = soil.calibration
        return raw if calibration is None else [calibration.bucket_of(soil.kind, bucket) for bucket in raw]

    def _raw_trace(self, tx: Transaction, soil: Sensor, now: datetime) -> Sequence[Bucket]:
        known = self._traces.get(soil.id)
        if known is not None and timedelta(0) <= now - known[0] < _LOOKED_AT:
            return known[1]
        buckets = tx.history.buckets(soil.id, now - _DAY, now + timedelta(minutes=1), _POINTS).buckets
        if len(self._traces) >= _TRACES:
            self._traces.clear()
        self._traces[soil.id] = (now, buckets)
        return buckets
