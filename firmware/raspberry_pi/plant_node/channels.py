"""What the node measures and drives: the channels, from a TOML file or the simulated plant's defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plant_node import __version__
from plant_node.config_entry import ConfigError, Entry
from plant_node.envelope import Limits
from plant_node.sensors import SOURCES, Source, parse_source

UNITS = {
    "soil_moisture": "%",
    "air_temperature": "°C",
    "air_humidity": "%",
    "illuminance": "lx",
    "reservoir_level": "%",
    "soil_temperature": "°C",
    "pressure": "hPa",
    "voltage": "V",
    "battery": "%",
    "signal_strength": "dBm",
}
PUMP = "pump"
LAMP = "lamp"
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MOST_LIMIT_MS = 7 * 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Sensor:
    """One measured channel and where its value comes from."""

    key: str
    kind: str
    source: Source | None = None
    empty_at_percent: float = 5.0

    @property
    def unit(self) -> str:
        """The unit of its kind."""
        return UNITS[self.kind]


@dataclass(frozen=True, slots=True)
class Actuator:
    """One driven channel. A pump always has limits."""

    key: str
    kind: str
    pin: int | None = None
    active_high: bool = True
    limits: Limits = field(default_factory=Limits)
    flow_ml_per_min: int = 100
    flow_pin: int | None = None
    pulses_per_l: int | None = None

    @property
    def has_flow_meter(self) -> bool:
        """Whether its water is measured."""
        return self.pulses_per_l is not None


@dataclass(frozen=True, slots=True)
class Channels:
    """All of a node's channels."""

    sensors: tuple[Sensor, ...]
    actuators: tuple[Actuator, ...]

    @property
    def reservoirs(self) -> tuple[Sensor, ...]:
        """The sensors that every pump run depends on."""
        return tuple(sensor for sensor in self.sensors if sensor.kind == "reservoir_level")

    def actuator(self, key: str) -> Actuator | None:
        """The actuator of that name."""
        return next((actuator for actuator in self.actuators if actuator.key == key), None)

    def manifest(self) -> dict[str, Any]:
        """What the node tells the backend about itself at each sign-in."""
        actuators: list[dict[str, Any]] = []
        for actuator in self.actuators:
            entry: dict[str, Any] = {"key": actuator.key, "kind": actuator.kind}
            if actuator.kind == PUMP:
                limits = actuator.limits
                entry["limits"] = {
                    "max_run_ms": limits.max_run_ms,
                    "min_off_ms": limits.min_off_ms,
                    "max_day_ms": limits.max_day_ms,
                    "flow_ml_per_min": actuator.flow_ml_per_min,
                }
            actuators.append(entry)
        sensors = [{"key": sensor.key, "kind": sensor.kind, "unit": sensor.unit} for sensor in self.sensors]
        return {"firmware": "plant-node", "version": __version__, "sensors": sensors, "actuators": actuators}


SIMULATED_CHANNELS = Channels(
    sensors=(
        Sensor("soil", "soil_moisture"),
        Sensor("tank", "reservoir_level"),
        Sensor("temperature", "air_temperature"),
        Sensor("humidity", "air_humidity"),
        Sensor("light", "illuminance"),
    ),
    actuators=(Actuator("pump", PUMP), Actuator("lamp", LAMP)),
)


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The configuration file: channels, and parameters of the simulated plant."""

    channels: Channels
    simulated: Mapping[str, Any]


def parse_config(table: Mapping[str, Any], *, for_pins: bool) -> NodeConfig:
    """Turn the file's tables into channels; every unknown word is an error, since a limit with a typo is no limit."""
    for name in table:
        if name not in ("backend", "node", "sensors", "actuators", "simulated"):
            raise ConfigError(f"unknown table [{name}]")
    simulated = _table(table, "simulated")
    if "sensors" not in table and "actuators" not in table and not for_pins:
        return NodeConfig(SIMULATED_CHANNELS, simulated)
    sensors = tuple(
        _sensor(key, _table(_table(table, "sensors"), key, "sensors."), for_pins) for key in _table(table, "sensors")
    )
    actuators = tuple(
        _actuator(key, _table(_table(table, "actuators"), key, "actuators."), for_pins)
        for key in _table(table, "actuators")
    )
    keys = [sensor.key for sensor in sensors] + [actuator.key for actuator in actuators]
    for key in keys:
        if not _KEY.fullmatch(key):
            raise ConfigError(f"{key!r} is not a channel key (small letters, digits and _, at most 32, a letter first)")
        if keys.count(key) > 1:
            raise ConfigError(f"{key!r} is a sensor and an actuator; a key is one channel")
    pins = [pin for sensor in sensors if sensor.source is not None for pin in sensor.source.pins]
    pins += [pin for actuator in actuators for pin in (actuator.pin, actuator.flow_pin) if pin is not None]
    for pin in pins:
        if pins.count(pin) > 1:
            raise ConfigError(f"pin {pin} is used twice")
    return NodeConfig(Channels(sensors, actuators), simulated)


def _sensor(key: str, table: Mapping[str, Any], for_pins: bool) -> Sensor:
    entry = Entry(f"sensors.{key}", table)
    kind = entry.choice("kind", UNITS)
    source = entry.choice("source", SOURCES) if for_pins or "source" in table else None
    sensor = Sensor(
        key=key,
        kind=kind,
        source=None if source is None else parse_source(entry, source, kind),
        empty_at_percent=entry.number("empty_at_percent", 5.0, 0, 100) if kind == "reservoir_level" else 5.0,
    )
    entry.no_more()
    return sensor


def _actuator(key: str, table: Mapping[str, Any], for_pins: bool) -> Actuator:
    entry = Entry(f"actuators.{key}", table)
    kind = entry.choice("kind", (PUMP, LAMP))
    if kind != PUMP:
        for name in ("max_run_ms", "min_off_ms", "max_day_ms", "flow_ml_per_min", "flow_pin", "pulses_per_l"):
            if name in table:
                raise ConfigError(f"actuators.{key}.{name}: only a pump has limits and a flow")
    default = Limits()
    actuator = Actuator(
        key=key,
        kind=kind,
        pin=entry.integer("pin", None, 0, 27),
        active_high=entry.boolean("active_high", True),
        limits=Limits(
            max_run_ms=entry.integer("max_run_ms", default.max_run_ms, 0, _MOST_LIMIT_MS),
            min_off_ms=entry.integer("min_off_ms", default.min_off_ms, 0, _MOST_LIMIT_MS),
            max_day_ms=entry.integer("max_day_ms", default.max_day_ms, 0, _MOST_LIMIT_MS),
        ),
        flow_ml_per_min=entry.integer("flow_ml_per_min", 100, 0, 1_000_000),
        flow_pin=entry.integer("flow_pin", None, 0, 27),
        pulses_per_l=entry.integer("pulses_per_l", None, 1, 1_000_000),
    )
    entry.no_more()
    if (for_pins or actuator.flow_pin is not None) and (actuator.flow_pin is None) != (actuator.pulses_per_l is None):
        raise ConfigError(f"actuators.{key}.flow_pin: a flow meter needs both flow_pin and pulses_per_l")
    if for_pins and actuator.pin is None:
        raise ConfigError(f"actuators.{key}.pin: is needed")
    return actuator


def _table(parent: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any]:
    table = parent.get(key, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{prefix}{key}: must be a table")
    return table
