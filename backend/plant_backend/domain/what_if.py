"""What another profile would have done: the rules over recorded readings, in the order of their times.

The rules are `decide`, and nothing else. What a simulation cannot know is in ASSUMPTIONS.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from plant_backend.domain import sentences
from plant_backend.domain.alert import AlertKind, RaiseAlert, Severity
from plant_backend.domain.command import Origin
from plant_backend.domain.course import AlertSpan, Course, Run, refusals_of
from plant_backend.domain.guards import CAP_WINDOW
from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.domain.model import (
    SAMPLES_KEPT,
    Actuator,
    Mode,
    PlantSnapshot,
    Profile,
    PumpState,
    Sample,
    Sensor,
    SensorState,
)
from plant_backend.domain.outcome import outcome_of
from plant_backend.domain.reason import Reason
from plant_backend.domain.rules import decide
from plant_backend.domain.sentence import Sentence

RUN_IN = timedelta(days=1)
"""How long the rules look before anything is told: thirst, cooldown and cap come from somewhere."""

ASSUMPTIONS: tuple[Sentence, ...] = (
    sentences.moisture_as_recorded(),
    sentences.effect_not_watched(),
    sentences.doses_succeed(),
    sentences.runs_by_hand_kept(),
    sentences.alerts_resolved_as_they_were(),
    sentences.readings_in_time(),
    sentences.channels_as_now(),
    sentences.lamp_left_out(),
)


@dataclass(frozen=True, slots=True)
class DrySpell:
    """A time in which the soil was too dry for the profile: from below its minimum to minimum + hysteresis."""

    began_at: datetime
    ended_at: datetime | None
    doses: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """An alert that a person resolved."""

    at: datetime
    kind: AlertKind
    channel: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """What would have happened, and in how many looks."""

    course: Course
    dry_spells: tuple[DrySpell, ...]
    looks: int


class Simulation:
    """One profile over the readings that it is fed, oldest first.

    runs: what others ran, by time. resolved: what people resolved, by time. Nothing before `since` is told.
    step: how far apart two looks are at least.
    """

    def __init__(
        self,
        profile: Profile,
        sensors: Sequence[Sensor],
        pump: Actuator | None,
        *,
        runs: Sequence[Run],
        resolved: Sequence[Resolved],
        since: datetime,
        step: timedelta,
    ) -> None:
        mode = Mode.ON if profile.mode is Mode.SHADOW else profile.mode
        self._profile = replace(profile, mode=mode, doses_without_effect_max=0)
        self._sensors = sensors
        self._pump = pump
        self._coming = deque(runs)
        self._resolved = deque(resolved)
        self._since = since
        self._step = step
        self._samples = [deque[Sample](maxlen=SAMPLES_KEPT) for _ in sensors]
        self._unchanged_since: list[datetime | None] = [None] * len(sensors)
        self._counting: list[Run] = []
        self._last: Run | None = None
        self._is_thirsty = False
        self._open: dict[tuple[str, str], AlertSpan] = {}
        self._closed: list[AlertSpan] = []
        self._doses: list[Run] = []
        self._spells: list[DrySpell] = []
        self._refusals: list[tuple[datetime, Reason | None]] = []
        self._unlooked: tuple[datetime, datetime] | None = None
        self._looked_at: datetime | None = None
        self._wake_at: datetime | None = None
        self._held_back_since: datetime | None = None
        self._looks = 0

    def feed(self, at: datetime, values: Sequence[float | None]) -> None:
        """Take in what the sensors measured at one time, in their order."""
        self._look_until(at)
        for place, (sensor, value) in enumerate(zip(self._sensors, values, strict=True)):
            if value is None or not sensor.is_calibrated:
                continue
            samples = self._samples[place]
            if not samples or samples[-1].value != value:
                self._unchanged_since[place] = at
            samples.append(Sample(at, value))
        self._unlooked = (at, at) if self._unlooked is None else (self._unlooked[0], at)

    def finish(self, until: datetime) -> Simulated:
        """Let the time pass to the end, and tell."""
        self._look_until(until)
        if self._unlooked is not None:
            self._look(self._unlooked[1])
        alerts = [*self._closed, *self._open.values()]
        course = Course(
            tuple(run for run in self._doses if run.at >= self._since),
            refusals_of(self._refusals, self._since, until),
            tuple(
                sorted(
                    (alert for alert in alerts if alert.closed_at is None or alert.closed_at >= self._since),
                    key=lambda alert: alert.opened_at,
                )
            ),
        )
        spells = (spell for spell in self._spells if spell.ended_at is None or spell.ended_at >= self._since)
        return Simulated(course, tuple(spells), self._looks)

    def _look_until(self, at: datetime) -> None:
        """Look at what was fed, once what belongs together has come, and whenever the rules wanted to look again."""
        if self._unlooked is not None:
            if at - self._unlooked[0] < self._step:
                return
            self._look(self._unlooked[1])
        while self._wake_at is not None and self._looked_at is not None:
            moment = max(self._wake_at, self._looked_at + self._step)
            if moment >= at:
                return
            self._look(moment)

    def _look(self, now: datetime) -> None:
        self._unlooked = None
        self._looked_at = now
        self._looks += 1
        self._let_happen(now)
        plant = PlantSnapshot(
            self._profile,
            tuple(
                SensorState(sensor.key, sensor.kind, tuple(samples), since, sensor.is_calibrated)
                for sensor, samples, since in zip(self._sensors, self._samples, self._unchanged_since, strict=True)
            ),
            None if self._pump is None else self._pump_state(self._pump, now),
            is_thirsty=self._is_thirsty,
            open_alerts=frozenset(self._open),
            held_back_since=self._held_back_since,
        )
        decision = decide(plant, now)
        self._wake_at = decision.wake_at
        self._held_back_since = decision.held_back_since
        for change in decision.alerts:
            if isinstance(change, RaiseAlert):
                self._raise(change, now)
            else:
                self._close(change.kind, change.channel, now)
        self._keep_thirst(now, is_thirsty=decision.is_thirsty, doses=len(decision.doses))
        reason = decision.reasons[0]
        for dose in decision.doses:
            self._count(self._dose(dose.duration_ms, reason, now))
        is_refused = outcome_of(plant, decision) is DecisionOutcome.REFUSED
        standing = self._refusals[-1][1] if self._refusals else None
        if (standing.code if standing else None) != (reason.code if is_refused else None):
            self._refusals.append((now, reason if is_refused else None))

    def _let_happen(self, now: datetime) -> None:
        while self._coming and self._coming[0].at <= now:
            self._count(self._coming.popleft())
        while self._resolved and self._resolved[0].at <= now:
            resolved = self._resolved.popleft()
            self._close(resolved.kind, resolved.channel, resolved.at)

    def _pump_state(self, pump: Actuator, now: datetime) -> PumpState:
        self._counting = [run for run in self._counting if run.ended_at > now - CAP_WINDOW]
        last = self._last
        return PumpState(
            pump.key,
            pump.limits,
            started_at=last.at if last else None,
            ended_at=last.ended_at if last else None,
            used_ms=sum(run.duration_ms for run in self._counting),
            is_busy=last is not None and now < last.ended_at,
        )

    def _dose(self, duration_ms: int, reason: Reason, now: datetime) -> Run:
        flow = self._pump.limits.flow_ml_per_min if self._pump else None
        volume_ml = None if flow is None else round(duration_ms * flow / 60_000)
        return Run(now, now + timedelta(milliseconds=duration_ms), duration_ms, volume_ml, Origin.RULE, reason)

    def _count(self, run: Run) -> None:
        self._doses.append(run)
        self._counting.append(run)
        if self._last is None or run.ended_at >= self._last.ended_at:
            self._last = run

    def _keep_thirst(self, now: datetime, *, is_thirsty: bool, doses: int) -> None:
        if is_thirsty and not self._is_thirsty:
            self._spells.append(DrySpell(now, None, 0))
        if self._spells and doses:
            self._spells[-1] = replace(self._spells[-1], doses=self._spells[-1].doses + doses)
        if self._is_thirsty and not is_thirsty:
            self._spells[-1] = replace(self._spells[-1], ended_at=now)
        self._is_thirsty = is_thirsty

    def _raise(self, change: RaiseAlert, now: datetime) -> None:
        key = (change.kind.value, change.channel)
        known = self._open.get(key)
        if known is None:
            span = AlertSpan(change.kind, change.channel, change.severity, change.message, now, None, change.sentences)
            self._open[key] = span
        elif known.severity is Severity.WARNING and change.severity is Severity.CRITICAL:
            self._open[key] = replace(
                known, severity=change.severity, message=change.message, sentences=change.sentences
            )

    def _close(self, kind: AlertKind, channel: str, at: datetime) -> None:
        span = self._open.pop((kind.value, channel), None)
        if span is not None:
            self._closed.append(replace(span, closed_at=at))
