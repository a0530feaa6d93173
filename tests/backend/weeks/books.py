"""The backend's books of one plant, kept in memory as the storage and the services keep them on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from plant_backend.domain.alert import RaiseAlert
from plant_backend.domain.command import LIVE_STATES, NEVER_RAN_STATES, AckStatus, CommandState, counted_after
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import NO_DOSES, DoseEffect, PlantSnapshot, Profile, PumpLimits, PumpState, SensorState
from plant_backend.domain.rules import Decision, decide
from plant_backend.domain.telemetry import Batch
from plant_backend.storage.latest import LatestSamples
from plant_backend.storage.times import from_ms, from_ms_or_none

TTL_MS = 120_000
GRACE_MS = 60_000
DAY_MS = 24 * 3_600_000
SENSORS = (
    (1, "soil", SensorKind.SOIL_MOISTURE),
    (2, "tank", SensorKind.RESERVOIR_LEVEL),
    (3, "soil_2", SensorKind.SOIL_MOISTURE),
)


@dataclass(slots=True)
class Run:
    """One dose in the books, by the backend's clock."""

    created_ms: int
    asked_ms: int
    counted_ms: int
    state: CommandState = CommandState.QUEUED
    accepted_ms: int | None = None
    finished_ms: int | None = None

    @property
    def latest_end_ms(self) -> int:
        """When it was over at the latest."""
        if self.finished_ms is not None and self.state is not CommandState.TIMED_OUT:
            return max(self.created_ms, self.finished_ms)
        return max(self.created_ms + TTL_MS + self.asked_ms, self.finished_ms or 0)


@dataclass(slots=True)
class Books:
    """What the backend knows."""

    profile: Profile
    limits: PumpLimits
    has_pair: bool = False
    heard: LatestSamples = field(default_factory=LatestSamples)
    runs: list[Run] = field(default_factory=list)
    is_thirsty: bool = False
    effect: DoseEffect = NO_DOSES
    open_alerts: set[tuple[str, str]] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)

    def take(self, readings: Sequence[tuple[int, float, int]], now_ms: int) -> None:
        """Take in a batch of (sensor, value, age in ms)."""
        sensors, values, ages = ([row[place] for row in readings] for place in range(3))
        self.heard.take(Batch(1, "b", "", now_ms, sensors, values, ages))  # type: ignore[arg-type]

    def look(self, now_ms: int) -> tuple[Decision, Run | None]:
        """Decide, and queue what is decided."""
        self._give_up(now_ms)
        now = from_ms(now_ms)
        decision = decide(self.snapshot(now_ms), now)
        self.is_thirsty, self.effect = decision.is_thirsty, decision.effect
        for change in decision.alerts:
            key = (change.kind.value, change.channel)
            if isinstance(change, RaiseAlert):
                self.open_alerts.add(key)
                self.raised.add(change.kind.value)
            else:
                self.open_alerts.discard(key)
        if not decision.doses:
            return decision, None
        (dose,) = decision.doses
        run = Run(now_ms, dose.duration_ms, dose.duration_ms)
        self.runs.append(run)
        return decision, run

    def outcome(self, run: Run, status: AckStatus, ran_ms: int | None, at_ms: int) -> None:
        """Record what the node says."""
        run.state, run.finished_ms = CommandState(status.value), at_ms
        run.counted_ms = counted_after(run.asked_ms, status, ran_ms)

    def shift(self, jump_ms: int) -> None:
        """Move all dates with a clock that was set, as the watch over the clock does."""
        for run in self.runs:
            run.created_ms += jump_ms
            run.accepted_ms = None if run.accepted_ms is None else run.accepted_ms + jump_ms
            run.finished_ms = None if run.finished_ms is None else run.finished_ms + jump_ms
        self.heard.shift(jump_ms)

    def snapshot(self, now_ms: int) -> PlantSnapshot:
        """Put together what the rules look at."""
        sensors = SENSORS if self.has_pair else SENSORS[:2]
        return PlantSnapshot(
            self.profile,
            tuple(
                SensorState(key, kind, self.heard.of(number), from_ms_or_none(self.heard.unchanged_ms(number)))
                for number, key, kind in sensors
            ),
            self._pump(now_ms),
            is_thirsty=self.is_thirsty,
            open_alerts=frozenset(self.open_alerts),
            effect=self.effect,
        )

    def _pump(self, now_ms: int) -> PumpState:
        recent = self.runs[-100:]
        counted = [run for run in recent if run.counted_ms > 0]
        last = recent[-1] if recent else None
        began = counted[-1] if counted else None
        is_busy = last is not None and last.state in LIVE_STATES
        failed = last is not None and not is_busy and (last.state is CommandState.FAILED or last.counted_ms == 0)
        return PumpState(
            "pump",
            self.limits,
            started_at=from_ms(max(began.created_ms, began.accepted_ms or began.finished_ms or 0)) if began else None,
            ended_at=from_ms(began.latest_end_ms) if began else None,
            failed_at=from_ms_or_none(last.finished_ms) if last is not None and failed else None,
            used_ms=sum(
                run.counted_ms
                for run in counted
                if run.finished_ms is None or max(run.finished_ms, run.created_ms) > now_ms - DAY_MS
            ),
            is_busy=is_busy,
        )

    def _give_up(self, now_ms: int) -> None:
        for run in self.runs[-3:]:
            if run.state is CommandState.QUEUED and run.created_ms + TTL_MS <= now_ms:
                self._finish(run, CommandState.EXPIRED, now_ms)
            elif run.state in LIVE_STATES and run.latest_end_ms + GRACE_MS <= now_ms:
                self._finish(run, CommandState.TIMED_OUT, now_ms)

    def _finish(self, run: Run, state: CommandState, now_ms: int) -> None:
        run.state, run.finished_ms = state, now_ms
        if state in NEVER_RAN_STATES:
            run.counted_ms = 0
