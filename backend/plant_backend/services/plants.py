"""Puts together what the rules and guards look at."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from plant_backend.domain.guards import CAP_WINDOW
from plant_backend.domain.kinds import ActuatorKind
from plant_backend.domain.lamp import RECALLED, lamp_state
from plant_backend.domain.model import (
    Actuator,
    Device,
    LampMode,
    LampState,
    Mode,
    PlantSnapshot,
    Profile,
    PumpState,
    Sample,
    Sensor,
    SensorState,
)
from plant_backend.ports import Storage, Transaction


def pump_of(device: Device) -> Actuator | None:
    """Give the pump that the rules drive: the device's first."""
    return _first(device, ActuatorKind.PUMP)


def lamp_of(device: Device) -> Actuator | None:
    """Give the lamp that the rules drive: the device's first."""
    return _first(device, ActuatorKind.LAMP)


def _first(device: Device, kind: ActuatorKind) -> Actuator | None:
    return next((found for found in device.actuators if found.kind is kind and found.retired_at is None), None)


class Heard(NamedTuple):
    """What was last heard of a sensor, in its raw values."""

    samples: tuple[Sample, ...] = ()
    unchanged_since: datetime | None = None


def listen(storage: Storage, device: Device) -> dict[int, Heard]:
    """Take down what was last heard of a device's sensors, by id."""
    return {
        sensor.id: Heard(storage.latest(sensor.id), storage.unchanged_since(sensor.id)) for sensor in device.sensors
    }


def snapshot(
    tx: Transaction,
    device: Device,
    pump: Actuator | None,
    heard: Mapping[int, Heard],
    now: datetime,
    *,
    with_shadow: bool = True,
) -> PlantSnapshot:
    """Read a device's state inside a transaction. `heard` is what `listen` gave before it.

    Doses that shadow mode only wrote down count for the rules, and not for a person.
    """
    profile, _ = tx.automation.profile(device.number)
    memory = tx.automation.memory(device.number)
    state = None if pump is None else tx.commands.pump_state(pump, now)
    if with_shadow and state is not None and profile.mode is Mode.SHADOW:
        state = _with_shadow_doses(state, tx.automation.shadow_doses(device.number, now - CAP_WINDOW))
    return PlantSnapshot(
        profile=profile,
        sensors=tuple(
            _state(sensor, heard.get(sensor.id, Heard()))
            for sensor in sorted(device.sensors, key=lambda sensor: sensor.id)
            if sensor.retired_at is None
        ),
        pump=state,
        is_thirsty=memory.is_thirsty,
        effect=memory.effect,
        open_alerts=tx.alerts.open_keys(device.number),
        lamp=_lamp(tx, device, profile, now),
        held_back_since=memory.held_back_since,
    )


def _state(sensor: Sensor, heard: Heard) -> SensorState:
    """Say what was heard in values that mean something. Whether it moved is told by the raw ones."""
    samples = heard.samples if sensor.is_calibrated else ()
    if sensor.calibration is not None:
        samples = tuple(Sample(sample.ts, sensor.shown(sample.value)) for sample in samples)
    return SensorState(sensor.key, sensor.kind, samples, heard.unchanged_since, sensor.is_calibrated)


def _lamp(tx: Transaction, device: Device, profile: Profile, now: datetime) -> LampState | None:
    lamp = lamp_of(device)
    if lamp is None or profile.lamp_mode is LampMode.OFF:
        return None
    return lamp_state(lamp.key, tx.commands.recent_of(lamp, RECALLED), now)


def _with_shadow_doses(pump: PumpState, doses: Sequence[tuple[datetime, int]]) -> PumpState:
    """Count the doses that shadow mode only wrote down, so that it waits as the real thing would."""
    if not doses:
        return pump
    at, duration_ms = doses[-1]
    ended_at = at + timedelta(milliseconds=duration_ms)
    return replace(
        pump,
        started_at=max(at, pump.started_at or at),
        ended_at=max(ended_at, pump.ended_at or ended_at),
        used_ms=pump.used_ms + sum(ms for _, ms in doses),
    )
