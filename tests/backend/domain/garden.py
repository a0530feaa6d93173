"""A small garden in memory: a pot, a node and a backend's books, whose decisions come back as water.

The books are kept as the storage keeps them. `Garden.look` holds every dose against what may never happen, worked out
here a second time and in another way than the rules do.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from plant_backend.domain.alert import RaiseAlert
from plant_backend.domain.command import Ack as NodeAck
from plant_backend.domain.command import AckStatus, CommandState, apply_ack
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import Mode, PlantSnapshot, Profile, PumpLimits, PumpState, Sample, SensorState
from plant_backend.domain.rules import Decision, decide

from tests.builders import DAY, MINUTE, NOW, SECOND, a_command

KEPT = 5
TTL = 2 * MINUTE


@dataclass
class Run:
    """One dose as the books know it, and the water as it really ran (in the garden's true time)."""

    created_at: datetime
    asked_ms: int
    counted_ms: int
    state: CommandState = CommandState.DELIVERED
    finished_at: datetime | None = None
    water_from: datetime | None = None
    water_until: datetime | None = None


@dataclass
class Garden:
    """Time passes by `wait`; the backend's clock is `skew` away from the true time."""

    profile: Profile
    limits: PumpLimits = field(default_factory=PumpLimits)
    has_reservoir: bool = True
    true_now: datetime = NOW
    skew: timedelta = timedelta(0)
    readings: dict[str, dict[datetime, float]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    failed_at: datetime | None = None
    is_thirsty: bool = False
    open_alerts: set[tuple[str, str]] = field(default_factory=set)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The backend's time."""
        return self.true_now + self.skew

    @property
    def live(self) -> Run | None:
        """The run whose outcome is not known."""
        return self.runs[-1] if self.runs and self.runs[-1].finished_at is None else None

    def wait(self, seconds: int) -> None:
        self.true_now += seconds * SECOND

    def step_clock(self, seconds: int) -> None:
        self.skew += seconds * SECOND

    def report(self, key: str, value: float, age_s: int = 0) -> None:
        """Take one reading in; the first value of an instant stays."""
        self.readings.setdefault(key, {}).setdefault(self.now - age_s * SECOND, value)

    def finish(self, status: AckStatus | None, delay_s: int, ran_share: float | None) -> None:
        """Let the live run come to its outcome; None is a link that never answers."""
        run = self.live
        if run is None:
            return
        delay = min(delay_s * SECOND, TTL - SECOND)
        never_ran = status in (AckStatus.REJECTED, AckStatus.EXPIRED)
        if not never_ran:
            run.water_from = self.true_now + delay
            share = 1.0 if ran_share is None else ran_share
            run.water_until = run.water_from + timedelta(milliseconds=int(run.asked_ms * share))
        ran_ms = None if ran_share is None or never_ran else int(run.asked_ms * ran_share)
        if status is None:
            self.true_now += TTL + timedelta(milliseconds=run.asked_ms) + MINUTE
            run.state = CommandState.TIMED_OUT
        else:
            self.true_now += delay + timedelta(milliseconds=0 if never_ran else run.asked_ms)
            outcome = apply_ack(
                a_command(duration_ms=run.asked_ms, counted_ms=run.counted_ms), NodeAck(1, 1, status, ran_ms)
            )
            run.state, run.counted_ms = outcome.state, outcome.counted_ms
        run.finished_at = self.now
        came_to_nothing = run.counted_ms == 0 or run.state is CommandState.FAILED
        self.failed_at = self.now if came_to_nothing else None

    def snapshot(self) -> PlantSnapshot:
        """Put together what the backend knows."""
        kinds = {"soil": SensorKind.SOIL_MOISTURE, "tank": SensorKind.RESERVOIR_LEVEL}
        return PlantSnapshot(
            self.profile,
            tuple(
                SensorState(key, kind, tuple(Sample(ts, value) for ts, value in self._newest(key)))
                for key, kind in kinds.items()
                if key != "tank" or self.has_reservoir
            ),
            self._pump(),
            is_thirsty=self.is_thirsty,
            open_alerts=frozenset(self.open_alerts),
        )

    def look(self) -> Decision:
        """Decide, hold a dose against what may never happen, and carry the decision out."""
        plant = self.snapshot()
        decision = decide(plant, self.now)
        assert decide(plant, self.now) == decision, "the same snapshot and time give the same decision"
        assert decision.reasons, "no decision without a reason"
        assert decision.wake_at is None or decision.wake_at > self.now
        for dose in decision.doses:
            self._check_dose(plant, dose.duration_ms)
        self._check_hysteresis(decision)
        self.is_thirsty = decision.is_thirsty
        for change in decision.alerts:
            key = (change.kind.value, change.channel)
            if isinstance(change, RaiseAlert):
                self.open_alerts.add(key)
            else:
                assert key in self.open_alerts, "only an open alert is cleared"
                self.open_alerts.remove(key)
        if decision.doses and self.profile.mode is Mode.ON:
            (dose,) = decision.doses
            self.runs.append(Run(self.now, dose.duration_ms, dose.duration_ms))
        self.decisions.append(decision)
        return decision

    def most_water_in_24_hours_ms(self) -> int:
        """Give the most true run time that any 24 hours hold: some such window ends where a run ends."""
        water = [(run.water_from, run.water_until) for run in self.runs if run.water_from and run.water_until]
        most = timedelta(0)
        for _, end in water:
            inside = [max(timedelta(0), min(until, end) - max(since, end - DAY)) for since, until in water]
            most = max(most, sum(inside, timedelta(0)))
        return most // timedelta(milliseconds=1)

    def _newest(self, key: str) -> list[tuple[datetime, float]]:
        return sorted(self.readings.get(key, {}).items())[-KEPT:]

    def _pump(self) -> PumpState:
        counted = [run for run in self.runs if run.counted_ms > 0]
        since = self.now - DAY
        return PumpState(
            "pump",
            self.limits,
            started_at=max((self._began(run) for run in counted), default=None),
            ended_at=max((self._ended(run) for run in counted), default=None),
            failed_at=self.failed_at,
            used_ms=sum(run.counted_ms for run in counted if self._ended(run) > since),
            is_busy=self.live is not None,
        )

    def _began(self, run: Run) -> datetime:
        return max(run.created_at, run.finished_at or run.created_at)

    def _ended(self, run: Run) -> datetime:
        return max(run.created_at, run.finished_at or run.created_at + TTL + timedelta(milliseconds=run.asked_ms))

    def _check_dose(self, plant: PlantSnapshot, duration_ms: int) -> None:
        profile, now = self.profile, self.now
        assert profile.mode is not Mode.OFF
        assert duration_ms == profile.dose_ms
        assert self.limits.max_run_ms is None or duration_ms <= self.limits.max_run_ms
        assert self.live is None, "never while a command is under way"
        stale, soak = profile.stale_after_s * SECOND, profile.soak_s * SECOND
        soil = self._newest("soil")[-2:]
        assert len(soil) == 2, "one value alone never waters"
        (_, before), (_, value) = soil
        assert all(now - stale <= at <= now + MINUTE for at, _ in soil), "never on stale or future values"
        assert all(0 <= moisture <= 100 for _, moisture in soil), "never on values that no soil can have"
        assert abs(before - value) <= 10, "never on values that disagree"
        limit = profile.soil_moisture_min_percent
        assert value < limit + (profile.soil_moisture_hysteresis_percent if self.is_thirsty else 0)
        if self.has_reservoir:
            level_at, level = self._newest("tank")[-1]
            assert now - stale <= level_at <= now + MINUTE
            margin = profile.reservoir_hysteresis_percent if ("reservoir_low", "tank") in plant.open_alerts else 0
            assert profile.reservoir_min_percent + margin <= level <= 100
        used_ms = duration_ms
        for run in self.runs:
            if run.counted_ms == 0:
                continue
            assert now >= run.created_at + profile.cooldown_s * SECOND, "never within the cooldown"
            assert now >= self._ended(run) + soak, "never before the last dose has soaked in"
            assert all(at >= self._ended(run) + soak for at, _ in soil), "never on what the probe said before that"
            if run.created_at > now - DAY or self._ended(run) > now - DAY:
                used_ms += run.counted_ms
        assert used_ms <= profile.daily_cap_ms
        assert self.limits.max_day_ms is None or used_ms <= self.limits.max_day_ms

    def _check_hysteresis(self, decision: Decision) -> None:
        newest = self._newest("soil")
        is_trusted = (
            newest
            and self.now - self.profile.stale_after_s * SECOND <= newest[-1][0] <= self.now + MINUTE
            and 0 <= newest[-1][1] <= 100
        )
        if not is_trusted:
            assert decision.is_thirsty is self.is_thirsty, "a probe that is not believed changes nothing"
        elif decision.is_thirsty and not self.is_thirsty:
            assert newest[-1][1] < self.profile.soil_moisture_min_percent
        elif self.is_thirsty and not decision.is_thirsty:
            target = self.profile.soil_moisture_min_percent + self.profile.soil_moisture_hysteresis_percent
            assert newest[-1][1] >= target


def with_mode(garden: Garden, mode: Mode) -> None:
    """Let a person change the mode."""
    garden.profile = replace(garden.profile, mode=mode)
