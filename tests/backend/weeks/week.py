"""One simulated week of one plant: a pot, probes, a pump and a node, with one fault, under the real rules.

The true water and the true soil are the simulation's; the rules see what the probes say. The same seed gives the same
plant and weather under every fault.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from plant_backend.domain.command import AckStatus, CommandState
from plant_backend.domain.model import Mode, Profile, PumpLimits
from plant_node.drivers.world import World, WorldParameters

from tests.backend.weeks.books import DAY_MS, Books, Run
from tests.backend.weeks.faults import Fault

STEP_MS = 5 * 60_000
HOUR_MS = 3_600_000
WEEK_MS = 7 * DAY_MS
BEGIN_MS = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()) * 1000
FLOW_ML_PER_MIN = 100
PROFILE = Profile(mode=Mode.ON)
"""The defaults: minimum 30 %, doses of 5 s (8 ml), an hour between them, at most 60 s in 24 hours."""

LIMITS = PumpLimits(max_run_ms=30_000, min_off_ms=60_000, max_day_ms=300_000)


@dataclass(slots=True)
class Week:
    """What came of a week.

    doses_after, ml_after: given, and pumped, after the fault began. hours_to_last: from the fault to the last dose.
    most_day_ml: pumped in any 24 hours. dry_hours: the longest time in a row that the true soil was more than 10 points
    below its minimum. highest: of the true soil, in %. lock_outs: alerts that ended watering. stopped_by: the last
    reason of the week.
    """

    fault: Fault
    seed: int
    doses: int = 0
    doses_after: int = 0
    ml_after: float = 0.0
    hours_to_last: float = 0.0
    most_day_ml: float = 0.0
    most_day_asked_ms: int = 0
    least_gap_s: float = float("inf")
    dry_hours: float = 0.0
    highest: float = 0.0
    lock_outs: frozenset[str] = frozenset()
    stopped_by: str = ""
    water: list[tuple[int, int, float]] = field(default_factory=list)


LOCK_OUTS = frozenset({"watering_without_effect", "probe_dropped", "probe_stuck", "probe_implausible"})


def live(seed: int, fault: Fault, profile: Profile = PROFILE, *, dose_rise: float | None = None) -> Week:
    """Live through one week. `dose_rise` sets by how many points one dose raises the soil."""
    return _Life(seed, fault, profile, dose_rise).week()


class _Life:
    def __init__(self, seed: int, fault: Fault, profile: Profile, dose_rise: float | None) -> None:
        plant = random.Random(f"plant {seed}")
        self._chance = random.Random(f"{fault} {seed}")
        self._weather = random.Random(f"weather {seed}")
        self._fault = fault
        self._result = Week(fault, seed)
        rise = plant.uniform(2, 8) if dose_rise is None else dose_rise
        dose_ml = profile.dose_ms * FLOW_ML_PER_MIN / 60_000
        self._world = World.begin(
            WorldParameters(
                seed=seed,
                soil_percent=plant.uniform(30, 55),
                drying_hours=plant.uniform(40, 120),
                percent_per_ml=rise / dose_ml,
                noise=0,
            ),
            BEGIN_MS,
        )
        self._sigma = plant.uniform(0.2, 1.0)
        self._daily_swing = plant.uniform(0, 1.5)
        # Half of the faults begin when they do the most harm: in a dry pot, about to be watered.
        self._waits_for_thirst = self._chance.random() < 0.5
        self._earliest_ms = BEGIN_MS + int(self._chance.uniform(1, 4) * DAY_MS)
        self._fault_ms: int | None = None
        pair = fault is Fault.DRIFTING_PAIR
        if pair:
            profile = _with_pair(profile)
        self._books = Books(profile, LIMITS, has_pair=pair)
        self._skew_ms = 0
        self._frozen = 0.0
        self._drift_per_hour = self._chance.uniform(0.3, 2.0)
        self._away_until_ms = 0
        self._down_until_ms = 0
        self._waiting: list[tuple[int, int, float]] = []
        self._hand_ms = BEGIN_MS + int(plant.uniform(0, 14) * DAY_MS)

    def week(self) -> Week:
        result, min_percent = self._result, self._books.profile.soil_moisture_min_percent
        dry_ms = 0
        now_ms = BEGIN_MS
        while now_ms < BEGIN_MS + WEEK_MS:
            now_ms += STEP_MS
            self._world.advance(now_ms)
            soil = self._world.state.soil_percent
            dry_ms = dry_ms + STEP_MS if soil < min_percent - 10 else 0
            result.dry_hours = max(result.dry_hours, dry_ms / HOUR_MS)
            result.highest = max(result.highest, soil)
            self._begin_fault(now_ms)
            self._happen(now_ms)
            self._report(now_ms)
            if now_ms >= self._away_until_ms:
                self._look(now_ms)
        result.lock_outs = frozenset(self._books.raised & LOCK_OUTS)
        _measure(result)
        return result

    @property
    def _is_faulty(self) -> bool:
        return self._fault_ms is not None

    def _begin_fault(self, now_ms: int) -> None:
        if self._is_faulty or self._fault is Fault.NONE or now_ms < self._earliest_ms:
            return
        soil = self._world.state.soil_percent
        is_last_chance = now_ms > BEGIN_MS + 5 * DAY_MS
        if self._waits_for_thirst and soil >= self._books.profile.soil_moisture_min_percent and not is_last_chance:
            return
        self._fault_ms = now_ms
        self._frozen = self._probe(now_ms)
        if self._fault in (Fault.EMPTY_TANK, Fault.LYING_TANK):
            self._world.state.reservoir_ml = 0.0

    def _happen(self, now_ms: int) -> None:
        """Let happen what happens at home in any week, and what the fault adds."""
        if now_ms - STEP_MS < self._hand_ms <= now_ms:
            self._world.state.on_top_ml += self._weather.uniform(5, 30) / self._world.parameters.percent_per_ml
        weather = self._weather.random()
        if weather < 1 / 1_000 and now_ms >= self._down_until_ms:
            self._down_until_ms = now_ms + int(self._weather.uniform(10, 120)) * 60_000
        if not self._is_faulty:
            return
        chance = self._chance.random()
        if self._fault is Fault.LATE_BATCHES and chance < 1 / 150 and now_ms >= self._down_until_ms:
            self._down_until_ms = now_ms + int(self._chance.uniform(1, 8) * HOUR_MS)
        elif self._fault is Fault.BACKEND_RESTARTS and chance < 1 / 30:
            self._away_until_ms = self._down_until_ms = now_ms + int(self._chance.uniform(1, 30)) * 60_000
        elif self._fault is Fault.CLOCK_JUMPS and chance < 1 / 60:
            size_ms = int(5 * 60_000 * (864 ** self._chance.random()))
            jump_ms = size_ms if self._chance.random() < 0.5 else -size_ms
            self._skew_ms += jump_ms
            self._books.shift(jump_ms)

    def _probe(self, now_ms: int) -> float:
        """What a sound probe shows: noise, warmth of the day, and now and then a wild value."""
        hour = now_ms / HOUR_MS % 24
        value = self._world.state.soil_percent + self._weather.gauss(0, self._sigma)
        value += self._daily_swing * (1 - abs(hour - 15) / 12)
        if self._weather.random() < 1 / 400:
            value += self._weather.uniform(-60, 60)
        return _percent(value)

    def _soil_reading(self, now_ms: int) -> float | None:
        sound, chance = self._probe(now_ms), self._chance
        if self._fault_ms is None:
            return sound
        match self._fault:
            case Fault.STUCK_PROBE:
                return self._frozen
            case Fault.UNPLUGGED_PROBE:
                return 0.0
            case Fault.FLOATING_PROBE:
                return round(chance.choice((-1, 1)) * chance.uniform(110, 300), 1)
            case Fault.SILENT_PROBE:
                return None
            case Fault.PULLED_PROBE:
                return _percent(chance.gauss(2, 0.5))
            case Fault.NOISY_PROBE:
                return _percent(sound + chance.gauss(0, 15))
            case Fault.DRIFTING_PROBE | Fault.DRIFTING_PAIR:
                return _percent(sound - self._drift_per_hour * (now_ms - self._fault_ms) / HOUR_MS)
            case _:
                return sound

    def _report(self, now_ms: int) -> None:
        soil = self._soil_reading(now_ms)
        is_missed = self._weather.random() < 0.02
        rows = [] if soil is None or is_missed else [(1, soil, now_ms)]
        if self._books.has_pair:
            rows.append((3, self._probe(now_ms), now_ms))
        level = 100 * self._world.state.reservoir_ml / self._world.parameters.reservoir_ml
        rows.append((2, 80.0 if self._fault is Fault.LYING_TANK and self._is_faulty else _percent(level), now_ms))
        self._waiting += [(sensor, at_ms, value) for sensor, value, at_ms in rows]
        if now_ms < self._down_until_ms:
            return
        # Newest first is what a node with a full queue may do too; the books must not mind.
        self._books.take([(sensor, value, now_ms - at_ms) for sensor, at_ms, value in self._waiting], self._now(now_ms))
        self._waiting = []

    def _now(self, true_ms: int) -> int:
        return true_ms + self._skew_ms

    def _look(self, now_ms: int) -> None:
        decision, run = self._books.look(self._now(now_ms))
        self._result.stopped_by = decision.reasons[0].code.value
        if run is not None and now_ms >= self._down_until_ms:
            self._run(run, now_ms)

    def _run(self, run: Run, now_ms: int) -> None:
        """Let the node fetch a dose and run it: all within one step."""
        start_ms = now_ms + int(self._chance.uniform(100, 3_000))
        run.state, run.accepted_ms = CommandState.ACCEPTED, self._now(start_ms)
        ran_ms, said_ms, status = run.asked_ms, run.asked_ms, AckStatus.SUCCEEDED
        told: int | None = said_ms
        is_lost = False
        if self._is_faulty:
            if self._fault is Fault.PUMP_RUNS_ON:
                ran_ms *= 3
            elif self._fault is Fault.NODE_REBOOTS and self._chance.random() < 0.5:
                ran_ms = int(ran_ms * self._chance.random())
                status, told = AckStatus.INTERRUPTED, None
            elif self._fault is Fault.LOST_ACKS:
                is_lost = self._chance.random() < 0.5
        if not is_lost:
            self._books.outcome(run, status, told, self._now(start_ms + ran_ms))
        self._pour(start_ms, ran_ms, run.asked_ms)

    def _pour(self, start_ms: int, ran_ms: int, asked_ms: int) -> None:
        wanted_ml = ran_ms * FLOW_ML_PER_MIN / 60_000
        if self._is_faulty and self._fault is Fault.CLOGGED_HOSE:
            wanted_ml = 0.0
        poured_ml = self._world.pour(wanted_ml)
        if self._is_faulty and self._fault in (Fault.LEAK, Fault.PARTIAL_LEAK):
            self._world.state.on_top_ml -= poured_ml * (1.0 if self._fault is Fault.LEAK else 0.7)
        result = self._result
        result.water.append((start_ms, asked_ms, poured_ml))
        result.doses += 1
        if self._fault_ms is not None:
            result.doses_after += 1
            result.ml_after += poured_ml
            result.hours_to_last = (start_ms - self._fault_ms) / HOUR_MS


def _measure(result: Week) -> None:
    """Find the fullest 24 hours, and the shortest time between two starts, in true time."""
    for place, (end_ms, _, _) in enumerate(result.water):
        inside = [(asked, ml) for at_ms, asked, ml in result.water[: place + 1] if at_ms > end_ms - DAY_MS]
        result.most_day_asked_ms = max(result.most_day_asked_ms, sum(asked for asked, _ in inside))
        result.most_day_ml = max(result.most_day_ml, sum(ml for _, ml in inside))
        if place:
            result.least_gap_s = min(result.least_gap_s, (end_ms - result.water[place - 1][0]) / 1000)


def _with_pair(profile: Profile) -> Profile:
    return replace(profile, probe_pair_tolerance_percent=15.0)


def _percent(value: float) -> float:
    return round(min(100.0, max(0.0, value)), 1)
