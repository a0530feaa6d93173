"""All that a listener knows of a person's plants: values in, values out.

A `Garden` is replaced, never changed. Whoever holds one may compare its parts by identity to see what is new.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from .errors import Unreadable
from .events import Message
from .models import Alert, Command, Decision, Derived, Device, Document, Profile, Sample, Sensor, parse_time

DISTRUSTED = frozenset({"probe_stale", "probe_implausible", "probe_stuck", "probe_dropped"})
"""Alerts of a channel that the rules do not believe while they are open."""

DISTRUSTED_TOGETHER = frozenset({"probes_disagree", "probe_gone"})
"""Alerts of soil probes that cast doubt on the others too."""


@dataclass(frozen=True, slots=True)
class Run:
    """One pump run that counts: when it began and for how long it ran."""

    at: datetime
    ms: int

    @property
    def ended_at(self) -> datetime:
        """Give when it ends."""
        return self.at + timedelta(milliseconds=self.ms)


@dataclass(frozen=True, slots=True)
class Plant:
    """One device with everything that belongs to it.

    commands: what is under way, and the last one that is over, per actuator.
    runs: all runs of pumps that are over, by command id, per actuator.
    """

    device: Device
    profile: Profile
    alerts: Mapping[int, Alert] = field(default_factory=dict)
    live: Mapping[int, Command] = field(default_factory=dict)
    last: Mapping[str, Command] = field(default_factory=dict)
    runs: Mapping[str, Mapping[int, Run]] = field(default_factory=dict)
    decision: Decision | None = None

    @property
    def shape(self) -> tuple[str, ...]:
        """Which channels there are. Entities depend on it."""
        return (
            *(f"{sensor.key}:{sensor.kind}:{sensor.retired_at is None}" for sensor in self.device.sensors),
            *(f"{known.key}:{known.limits}:{known.retired_at is None}" for known in self.device.actuators),
        )

    def fresh_value(self, sensor: Sensor | None, now: datetime) -> float | None:
        """Give the newest value of a sensor; None where it is too old to be acted on."""
        if sensor is None or sensor.latest is None:
            return None
        return sensor.latest.value if now - sensor.latest.ts <= timedelta(seconds=self.profile.stale_after_s) else None

    def trusted_value(self, kind: str, now: datetime) -> float | None:
        """Give what the first sensor of a kind says; None where the rules would not act on it."""
        sensor = self.device.first(kind)
        if sensor is None or any(
            (alert.kind in DISTRUSTED and alert.channel == sensor.key)
            or (alert.kind in DISTRUSTED_TOGETHER and kind == "soil_moisture")
            for alert in self.alerts.values()
        ):
            return None
        return self.fresh_value(sensor, now)

    def live_on(self, actuator: str) -> Command | None:
        """Give the run of an actuator that is under way."""
        return next((c for c in self.live.values() if c.actuator == actuator and c.action == "on"), None)

    def lamp_is_on(self, actuator: str, now: datetime) -> bool | None:
        """Tell whether a lamp is on, from what its node last said; None where it never said anything."""
        command = self.last.get(actuator)
        if command is None:
            return None
        if command.state not in ("succeeded", "accepted") or command.action == "off":
            return False
        if command.duration_ms is None:
            return True
        return now < command.started_at + timedelta(milliseconds=command.duration_ms)

    def last_run(self, actuator: str) -> Run | None:
        """Give the newest run of a pump that counts, the one under way included."""
        running = self.live_on(actuator)
        if running is not None and running.state != "queued":
            return Run(running.started_at, running.duration_ms or 0)
        return max(self.runs.get(actuator, {}).values(), key=lambda run: run.at, default=None)

    @property
    def last_watered_at(self) -> datetime | None:
        """Give when any pump last began to run."""
        pumps = (known.key for known in self.device.actuators if known.kind == "pump")
        return max((run.at for key in pumps if (run := self.last_run(key)) is not None), default=None)

    def ran_ms(self, actuator: str, since: datetime | None = None) -> int:
        """Sum up the runs of a pump that are over."""
        runs = self.runs.get(actuator, {}).values()
        return sum(run.ms for run in runs if since is None or run.at >= since)

    def with_commands(self, commands: Iterable[Command]) -> Self:
        """Take in commands, in any order."""
        live, last = dict(self.live), dict(self.last)
        runs = {key: dict(known) for key, known in self.runs.items()}
        for command in commands:
            if command.is_live:
                live[command.id] = command
            else:
                live.pop(command.id, None)
            actuator = self.device.actuator(command.actuator)
            if actuator is None or (command.is_live and command.state != "accepted"):
                continue
            known = last.get(command.actuator)
            if command.state not in ("expired", "cancelled", "rejected") and (known is None or known.id <= command.id):
                last[command.actuator] = command
            if command.is_live or actuator.kind != "pump" or command.action != "on":
                continue
            if command.counted_ms:
                runs.setdefault(command.actuator, {})[command.id] = Run(command.started_at, command.counted_ms)
            else:
                # It was given up as one that may have run, and its node says now that it did not.
                runs.get(command.actuator, {}).pop(command.id, None)
        return replace(self, live=live, last=last, runs=runs)

    def seen(self, at: datetime | None) -> Self:
        """Take in that the node was heard."""
        known = self.device.last_seen_at
        if at is None or (known is not None and at <= known):
            return self
        return replace(self, device=replace(self.device, last_seen_at=at))


@dataclass(frozen=True, slots=True)
class Garden:
    """All plants of a person, by device id."""

    plants: Mapping[str, Plant] = field(default_factory=dict)
    position: str | None = None

    @property
    def shape(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Which devices with which channels there are."""
        return tuple((device_id, plant.shape) for device_id, plant in self.plants.items())

    def apply(self, message: Message) -> Self:
        """Take in one message. What is not known is passed over: a newer backend may say more. Raises Unreadable."""
        try:
            return self._apply(message)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Unreadable(f"A message of the kind {message.type} cannot be read: {error!r}") from error

    def _apply(self, message: Message) -> Self:
        if message.type == "snapshot":
            return replace(self, plants=self._snapshot(message.data), position=message.id or self.position)
        device_id = message.data.get("device_id")
        if not isinstance(device_id, str) or self._has_seen(message):
            return self
        position = _later(self.position, message.id)
        plants = dict(self.plants)
        if message.type == "device_deleted":
            plants.pop(device_id, None)
            return replace(self, plants=plants, position=position)
        plant = plants.get(device_id)
        if plant is None:
            # A device that was made since: its profile is not in the event, so whoever listens asks for a snapshot.
            return replace(self, position=position)
        plants[device_id] = _applied(plant, message)
        return replace(self, plants=plants, position=position)

    def knows(self, message: Message) -> bool:
        """Tell whether a message is about a device that we know."""
        return message.data.get("device_id") in self.plants

    def covers(self, other: Self) -> bool:
        """Tell whether everything that another has seen was seen here too."""
        return _covers(self.position, other.position)

    def _has_seen(self, message: Message) -> bool:
        """Tell whether a message is in what we know: by batches if it has readings, else by events."""
        mine, theirs = _position(self.position), _position(message.id)
        part = 0 if message.type == "readings" else 1
        return mine is not None and theirs is not None and mine[part] >= theirs[part]

    def with_derived(self, device_id: str, derived: Derived | None) -> Self:
        """Take in what was worked out since the snapshot."""
        plant = self.plants.get(device_id)
        if plant is None or plant.device.derived == derived:
            return self
        plants = {**self.plants, device_id: replace(plant, device=replace(plant.device, derived=derived))}
        return replace(self, plants=plants)

    def with_profile(self, device_id: str, profile: Profile) -> Self:
        """Take in a profile, unless a newer one is known."""
        plant = self.plants.get(device_id)
        if plant is None or plant.profile.version >= profile.version:
            return self
        return replace(self, plants={**self.plants, device_id: replace(plant, profile=profile)})

    def with_history(self, commands: Mapping[str, Iterable[Command]], decisions: Mapping[str, Decision]) -> Self:
        """Take in what a snapshot leaves out, by device."""
        plants = dict(self.plants)
        for device_id, plant in self.plants.items():
            known = plant.with_commands(commands.get(device_id, ()))
            plants[device_id] = replace(known, decision=known.decision or decisions.get(device_id))
        return replace(self, plants=plants)

    def _snapshot(self, data: Document) -> dict[str, Plant]:
        plants = {}
        for item in data["devices"]:
            device = Device.parse(item)
            known = self.plants.get(device.id)
            plant = Plant(
                device=device,
                profile=Profile.parse(item["automation"]),
                alerts={alert["id"]: Alert.parse(alert) for alert in item["alerts"]},
                last={} if known is None else known.last,
                runs={} if known is None else known.runs,
                decision=None if known is None else known.decision,
            )
            plants[device.id] = plant.with_commands(Command.parse(command) for command in item["commands"])
        return plants


def _applied(plant: Plant, message: Message) -> Plant:
    data = message.data
    match message.type:
        case "readings":
            return _with_readings(plant, data)
        case "device":
            return _with_device(plant, data["device"])
        case "automation":
            profile = Profile.parse(data["automation"])
            return replace(plant, profile=profile) if profile.version >= plant.profile.version else plant
        case "command":
            command = Command.parse(data["command"])
            return plant.with_commands((command,)).seen(command.accepted_at).seen(command.delivered_at)
        case "alert":
            alert = Alert.parse(data["alert"])
            alerts = {key: known for key, known in plant.alerts.items() if key != alert.id}
            if alert.state == "open":
                alerts[alert.id] = alert
            return replace(plant, alerts=alerts)
        case "decision":
            return replace(plant, decision=Decision.parse(data["decision"]))
    return plant


def _with_readings(plant: Plant, data: Document) -> Plant:
    newest: dict[str, Sample] = {}
    for item in data["readings"]:
        ts = parse_time(item["ts"])
        if ts is None:
            # Of unknown age: history may have it, but it is no "now".
            continue
        known = newest.get(item["sensor"])
        if known is None or ts > known.ts:
            newest[item["sensor"]] = Sample(ts, float(item["value"]))
    sensors = tuple(
        replace(sensor, latest=sample)
        if (sample := newest.get(sensor.key)) is not None and (sensor.latest is None or sample.ts > sensor.latest.ts)
        else sensor
        for sensor in plant.device.sensors
    )
    device = replace(plant.device, sensors=sensors)
    return replace(plant, device=device).seen(parse_time(data.get("received_at")))


def _with_device(plant: Plant, data: Document) -> Plant:
    """Take the new record, and keep the newest values where it does not carry them."""
    device = Device.parse(data)
    told = {item["key"] for item in data.get("sensors", ()) if "latest" in item}
    latest = {sensor.key: sensor.latest for sensor in plant.device.sensors}
    sensors = tuple(
        sensor if sensor.key in told else replace(sensor, latest=latest.get(sensor.key)) for sensor in device.sensors
    )
    merged = replace(
        device,
        sensors=sensors,
        last_seen_at=device.last_seen_at or plant.device.last_seen_at,
        derived=device.derived or plant.device.derived,
    )
    return replace(plant, device=merged)


def _covers(position: str | None, other: str | None) -> bool:
    """Tell whether one position is at or after another. Both numbers of a position only grow."""
    mine, theirs = _position(position), _position(other)
    return mine is not None and theirs is not None and mine[0] >= theirs[0] and mine[1] >= theirs[1]


def _later(one: str | None, other: str | None) -> str | None:
    """Give the position that holds both."""
    mine, theirs = _position(one), _position(other)
    if mine is None or theirs is None:
        return other or one
    return f"{max(mine[0], theirs[0])}.{max(mine[1], theirs[1])}"


def _position(position: str | None) -> tuple[int, int] | None:
    try:
        log_id, event_id = (int(part) for part in (position or "").split("."))
    except ValueError:
        return None
    return log_id, event_id


def vapour_pressure_deficit_kpa(temperature_c: float, humidity_percent: float) -> float | None:
    """Say how strongly the air draws water from leaves; None outside -20 to 60 °C.

    As the backend does: FAO Irrigation and Drainage Paper 56 (1998), equations 11 and 17.
    """
    if not (-20 <= temperature_c <= 60 and 0 <= humidity_percent <= 100):
        return None
    saturation = 0.6108 * math.exp(17.27 * temperature_c / (temperature_c + 237.3))
    return round(saturation * (1 - humidity_percent / 100), 3)
