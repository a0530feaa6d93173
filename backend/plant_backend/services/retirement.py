"""Channels that a node no longer names: what becomes of their alerts and commands, and who hears of it.

A firmware that forgets the reservoir must not thereby switch off the interlock, and a pump that is given another name
must not thereby be unblocked.
"""

from datetime import datetime

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertKind, RaiseAlert, Severity
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import NO_DOSES, Actuator, Device, Sensor
from plant_backend.ports import Transaction
from plant_backend.services.announcements import announce, clear
from plant_backend.services.commands import cancel_queued
from plant_backend.services.plants import pump_of

_WATCHED = frozenset(
    {SensorKind.SOIL_MOISTURE, SensorKind.RESERVOIR_LEVEL, SensorKind.AIR_TEMPERATURE, SensorKind.AIR_HUMIDITY}
)
_NEEDS_A_PERSON = frozenset({AlertKind.WATERING_WITHOUT_EFFECT, AlertKind.COMMAND_TIMED_OUT})
_GONE = frozenset({AlertKind.RESERVOIR_GONE, AlertKind.PROBE_GONE, AlertKind.CHANNEL_GONE})

Channel = Sensor | Actuator


def settle_channels(tx: Transaction, before: Device, device: Device, now: datetime) -> None:
    """Do what follows from a manifest that names other channels than the one before."""
    was_retired = {channel.key for channel in _channels(before) if channel.retired_at is not None}
    was_named = {channel.key for channel in _channels(before)} - was_retired
    for channel in _channels(device):
        if channel.retired_at is None and channel.key in was_retired:
            for kind in _GONE:
                clear(tx, device, kind, channel.key, now)
        elif channel.retired_at is not None and channel.key in was_named:
            _retire(tx, device, channel, now)
    _keep_block(tx, device)
    if _first_probe(before) != _first_probe(device) and not tx.automation.memory(device.number).effect.is_blocked:
        # What the soil was before the last doses was told by another probe.
        tx.automation.set_effect(device.number, NO_DOSES)


def _retire(tx: Transaction, device: Device, channel: Channel, now: datetime) -> None:
    is_open = tx.alerts.open_keys(device.number)
    for kind in AlertKind:
        if (kind.value, channel.key) in is_open and kind not in _NEEDS_A_PERSON:
            clear(tx, device, kind, channel.key, now)
    if isinstance(channel, Actuator):
        cancel_queued(tx, device, channel, f"The node no longer has {channel.key}.", now)
    elif channel.kind not in _WATCHED:
        return
    announce(tx, device, tx.alerts.apply(device.number, _gone(channel), now), now)


def _gone(channel: Channel) -> RaiseAlert:
    key, what, end = channel.key, sentences.channel_gone(channel.key, channel.kind), sentences.resolve_if_right()
    match channel.kind:
        case SensorKind.RESERVOIR_LEVEL:
            consequence = sentences.no_water_without_reservoir()
            kind, severity = AlertKind.RESERVOIR_GONE, Severity.CRITICAL
            return RaiseAlert.saying(kind, severity, what, consequence, end, channel=key)
        case SensorKind.SOIL_MOISTURE:
            return RaiseAlert.saying(AlertKind.PROBE_GONE, Severity.WARNING, what, end, channel=key)
        case _:
            return RaiseAlert.saying(AlertKind.CHANNEL_GONE, Severity.WARNING, what, end, channel=key)


def _keep_block(tx: Transaction, device: Device) -> None:
    """A pump that is blocked stays so under another name."""
    pump = pump_of(device)
    retired = {actuator.key for actuator in device.actuators if actuator.retired_at is not None}
    open_keys = tx.alerts.open_keys(device.number)
    if pump is None or (AlertKind.WATERING_WITHOUT_EFFECT, pump.key) in open_keys:
        return
    blocked = next(
        (key for kind, key in open_keys if kind == AlertKind.WATERING_WITHOUT_EFFECT and key in retired), None
    )
    if blocked is not None:
        tx.alerts.move(device.number, AlertKind.WATERING_WITHOUT_EFFECT, blocked, pump.key)


def _channels(device: Device) -> tuple[Channel, ...]:
    return (*device.sensors, *device.actuators)


def _first_probe(device: Device) -> int | None:
    probes = (
        known.id for known in device.sensors if known.kind is SensorKind.SOIL_MOISTURE and known.retired_at is None
    )
    return next(probes, None)
