"""What pages show of a plant: its state in one look, gathered from several use cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from plant_backend.domain.alert import Alert, Severity
from plant_backend.domain.command import LIVE_STATES, NEVER_RAN_STATES, Action, Command
from plant_backend.domain.freshness import is_fresh, is_plausible
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.domain.model import Actuator, Device, Mode, Sample, Sensor
from plant_backend.domain.outcome import refusals
from plant_backend.domain.reason import Reason
from plant_backend.services.plant_states import PlantState
from plant_backend.services.plants import pump_of
from plant_backend.web.presence import Presence
from plant_backend.web.visit import Visit

_STALE_TIMES = 3
_DRYING = timedelta(hours=6)
_SLOWEST_DRYING_PERCENT_PER_H = 0.02


@dataclass(frozen=True, slots=True)
class Reading:
    """A sensor with its newest value, and whether that may be believed."""

    sensor: Sensor
    sample: Sample | None
    is_fresh: bool
    is_plausible: bool


@dataclass(frozen=True, slots=True)
class Plant(PlantState):
    """One plant in one look."""

    @property
    def device(self) -> Device:
        """The record."""
        return self.status.device

    @property
    def pump(self) -> Actuator | None:
        """The pump that waters it."""
        return pump_of(self.device)

    @property
    def presence(self) -> Presence:
        """Whether it speaks."""
        seen, stale_after = self.status.last_seen_at, timedelta(seconds=self.profile.stale_after_s)
        if seen is None:
            return Presence.NEVER_SEEN
        age = self.now - seen
        if age <= stale_after:
            return Presence.FRESH
        return Presence.STALE if age <= _STALE_TIMES * stale_after else Presence.OFFLINE

    @property
    def readings(self) -> Sequence[Reading]:
        """The sensors that the node has, with their newest values."""
        stale_after = timedelta(seconds=self.profile.stale_after_s)
        found = []
        for sensor in self.device.sensors:
            if sensor.retired_at is not None:
                continue
            sample = self.status.latest.get(sensor.key)
            is_new = sample is not None and is_fresh(sample, self.now, stale_after)
            found.append(Reading(sensor, sample, is_new, sample is None or is_plausible(sensor.kind, sample)))
        return found

    def reading_of(self, kind: SensorKind) -> Reading | None:
        """Give the first sensor of a kind."""
        return next((reading for reading in self.readings if reading.sensor.kind is kind), None)

    @property
    def soil(self) -> Reading | None:
        """The first soil probe."""
        return self.reading_of(SensorKind.SOIL_MOISTURE)

    @property
    def reservoir(self) -> Reading | None:
        """The first gauge of a reservoir."""
        return self.reading_of(SensorKind.RESERVOIR_LEVEL)

    @property
    def calling(self) -> Sequence[Alert]:
        """The open alerts that nobody has snoozed."""
        return [alert for alert in self.alerts if not alert.is_snoozed(self.now)]

    @property
    def snoozed(self) -> int:
        """How many open alerts are snoozed."""
        return len(self.alerts) - len(self.calling)

    @property
    def is_critical(self) -> bool:
        """Tell whether plants or floors are at risk, and nobody has put that off."""
        return any(alert.severity is Severity.CRITICAL for alert in self.calling)

    @property
    def needs_attention(self) -> bool:
        """Tell whether somebody should look."""
        return bool(self.calling) or self.presence in (Presence.STALE, Presence.OFFLINE)

    @property
    def runs(self) -> Sequence[Command]:
        """The newest runs of the pump that happened, or may have, also under a name that the node no longer uses."""
        pumps = {
            actuator.key
            for actuator in self.device.actuators
            if actuator == self.pump or (actuator.kind is ActuatorKind.PUMP and actuator.retired_at is not None)
        }
        return [
            command
            for command in self.commands
            if command.actuator in pumps and command.action is Action.ON and command.state not in NEVER_RAN_STATES
        ]

    @property
    def live(self) -> Command | None:
        """The command of the pump that is under way."""
        return next((command for command in self.runs if command.state in LIVE_STATES), None)

    @property
    def last_run(self) -> Command | None:
        """The newest run that is over."""
        return next((command for command in self.runs if command.state not in LIVE_STATES), None)

    def volume_ml(self, run_ms: int | None) -> float | None:
        """Give what the pump moves in a time; None where its flow is unknown."""
        flow = self.pump.limits.flow_ml_per_min if self.pump else None
        return None if not flow or run_ms is None else run_ms * flow / 60_000

    def watered_ms_since(self, start: datetime) -> int:
        """Give the run time of the pump since a moment. What is unknown counts in full."""
        return sum(run.counted_ms for run in self.runs if run.created_at >= start)

    @property
    def held_back(self) -> Reason | None:
        """Why a dose that is due is not given, where one is. What holds the lamp back alone is none of the water's."""
        if self.decision is None or self.decision.outcome is not DecisionOutcome.REFUSED:
            return None
        return next(iter(refusals(self.decision.reasons[:1])), None)

    @property
    def why(self) -> Sequence[Reason]:
        """What led to the newest decision; where something is held back, that alone."""
        if self.decision is None:
            return ()
        is_refused = self.decision.outcome is DecisionOutcome.REFUSED
        return refusals(self.decision.reasons) if is_refused else self.decision.reasons

    @property
    def due_at(self) -> datetime | None:
        """Guess when the soil reaches its minimum, from how it dried lately. None where nothing points there."""
        soil = self.soil
        if self.profile.mode is Mode.OFF or soil is None or soil.sample is None or not soil.is_fresh:
            return None
        above = soil.sample.value - self.profile.soil_moisture_min_percent
        since = max(
            self.now - _DRYING, self.last_run.created_at + timedelta(hours=1) if self.last_run else self.now - _DRYING
        )
        points = [bucket for bucket in self.soil_trace if bucket.ts >= since]
        if above <= 0 or len(points) < 3:
            return None
        hours = (points[-1].ts - points[0].ts) / timedelta(hours=1)
        rate = (points[0].mean - points[-1].mean) / hours if hours else 0.0
        return self.now + timedelta(hours=above / rate) if rate > _SLOWEST_DRYING_PERCENT_PER_H else None


async def plants(visit: Visit, *, with_trace: bool = True) -> Sequence[Plant]:
    """Give all plants of the person, those that need somebody first."""
    found = [_shown(state) for state in await visit.services.plant_states.all(visit.who, with_trace=with_trace)]
    return sorted(
        found, key=lambda plant: (not plant.is_critical, not plant.needs_attention, plant.device.name.casefold())
    )


async def plant(visit: Visit, device_id: str) -> Plant:
    """Give one plant. Raises NotFound."""
    return _shown(await visit.services.plant_states.get(visit.who, device_id))


def _shown(state: PlantState) -> Plant:
    return Plant(**{field.name: getattr(state, field.name) for field in fields(PlantState)})


def since_midnight(visit: Visit) -> datetime:
    """Give when today began, where the person is."""
    return visit.now.astimezone(visit.formats.zone).replace(hour=0, minute=0, second=0, microsecond=0)


def watered_today(visit: Visit, shown: Sequence[Plant]) -> Mapping[str, float]:
    """Give the water of today in ml, and the run time of pumps whose flow is unknown in ms."""
    start, ml, unknown_ms = since_midnight(visit), 0.0, 0
    for one in shown:
        run_ms = one.watered_ms_since(start)
        volume = one.volume_ml(run_ms)
        if volume is None:
            unknown_ms += run_ms
        else:
            ml += volume
    return {"ml": ml, "unknown_ms": unknown_ms}


def actuators_of(device: Device, kind: ActuatorKind) -> Sequence[Actuator]:
    """Give the actuators of a kind that a node has."""
    return [actuator for actuator in device.actuators if actuator.kind == kind and actuator.retired_at is None]
