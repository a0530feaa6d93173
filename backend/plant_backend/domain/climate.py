"""Alerts on the air: too cold, too hot, too dry, too damp."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertChange, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import PlantSnapshot, Profile, SensorState
from plant_backend.domain.probes import trusted_value
from plant_backend.domain.sentence import Sentence


@dataclass(frozen=True, slots=True)
class _Range:
    """What a person allows for one kind of sensor."""

    kind: SensorKind
    low_alert: AlertKind
    high_alert: AlertKind
    lowest: float | None
    highest: float | None
    margin: float
    too_low: Callable[[float, float], Sentence]
    too_high: Callable[[float, float], Sentence]


def climate_alerts(plant: PlantSnapshot, now: datetime) -> list[AlertChange]:
    """Compare each air sensor with its range, with hysteresis on the way back."""
    changes: list[AlertChange] = []
    for allowed in _ranges(plant.profile):
        for sensor in plant.sensors:
            value = trusted_value(plant, sensor, now) if sensor.kind is allowed.kind else None
            if value is not None:
                changes += _compare(plant, sensor, allowed, value)
    return changes


def _ranges(profile: Profile) -> tuple[_Range, ...]:
    return (
        _Range(
            SensorKind.AIR_TEMPERATURE,
            AlertKind.AIR_TEMPERATURE_LOW,
            AlertKind.AIR_TEMPERATURE_HIGH,
            profile.air_temperature_min_c,
            profile.air_temperature_max_c,
            profile.air_temperature_hysteresis_c,
            sentences.air_too_cold,
            sentences.air_too_hot,
        ),
        _Range(
            SensorKind.AIR_HUMIDITY,
            AlertKind.AIR_HUMIDITY_LOW,
            AlertKind.AIR_HUMIDITY_HIGH,
            profile.air_humidity_min_percent,
            profile.air_humidity_max_percent,
            profile.air_humidity_hysteresis_percent,
            sentences.air_too_dry,
            sentences.air_too_humid,
        ),
    )


def _compare(plant: PlantSnapshot, sensor: SensorState, allowed: _Range, value: float) -> list[AlertChange]:
    low, high = allowed.lowest, allowed.highest
    too_low = allowed.too_low(value, low) if low is not None and value < low else None
    too_high = allowed.too_high(value, high) if high is not None and value > high else None
    is_high_enough = low is None or value >= low + allowed.margin
    is_low_enough = high is None or value <= high - allowed.margin
    return [
        *_change(plant, sensor, allowed.low_alert, too_low, is_back=is_high_enough),
        *_change(plant, sensor, allowed.high_alert, too_high, is_back=is_low_enough),
    ]


def _change(
    plant: PlantSnapshot, sensor: SensorState, kind: AlertKind, what: Sentence | None, *, is_back: bool
) -> list[AlertChange]:
    if what is not None:
        return [RaiseAlert.saying(kind, Severity.WARNING, what, channel=sensor.key)]
    if is_back and (kind, sensor.key) in plant.open_alerts:
        return [ClearAlert(kind, sensor.key)]
    return []
