"""Alerts on the air: too cold, too hot, too dry, too damp."""

from dataclasses import dataclass
from datetime import datetime

from plant_backend.domain.alert import AlertChange, AlertKind, ClearAlert, RaiseAlert, Severity
from plant_backend.domain.kinds import MEASURES, SensorKind
from plant_backend.domain.model import PlantSnapshot, Profile, SensorState
from plant_backend.domain.probes import trusted_value


@dataclass(frozen=True, slots=True)
class _Range:
    """What a person allows for one kind of sensor."""

    kind: SensorKind
    low_alert: AlertKind
    high_alert: AlertKind
    lowest: float | None
    highest: float | None
    margin: float
    what: str


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
            "The air",
        ),
        _Range(
            SensorKind.AIR_HUMIDITY,
            AlertKind.AIR_HUMIDITY_LOW,
            AlertKind.AIR_HUMIDITY_HIGH,
            profile.air_humidity_min_percent,
            profile.air_humidity_max_percent,
            profile.air_humidity_hysteresis_percent,
            "The humidity of the air",
        ),
    )


def _compare(plant: PlantSnapshot, sensor: SensorState, allowed: _Range, value: float) -> list[AlertChange]:
    unit, low, high = MEASURES[allowed.kind].unit, allowed.lowest, allowed.highest
    return [
        *_change(
            plant,
            sensor,
            allowed.low_alert,
            is_out=low is not None and value < low,
            is_back=low is None or value >= low + allowed.margin,
            text=f"{allowed.what} is at {value:g} {unit}; the minimum is {low} {unit}.",
        ),
        *_change(
            plant,
            sensor,
            allowed.high_alert,
            is_out=high is not None and value > high,
            is_back=high is None or value <= high - allowed.margin,
            text=f"{allowed.what} is at {value:g} {unit}; the maximum is {high} {unit}.",
        ),
    ]


def _change(
    plant: PlantSnapshot, sensor: SensorState, kind: AlertKind, *, is_out: bool, is_back: bool, text: str
) -> list[AlertChange]:
    if is_out:
        return [RaiseAlert(kind, Severity.WARNING, text, sensor.key)]
    if is_back and (kind, sensor.key) in plant.open_alerts:
        return [ClearAlert(kind, f"{sensor.key} is back in range.", sensor.key)]
    return []
