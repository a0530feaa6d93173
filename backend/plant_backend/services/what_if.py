"""What another profile would have done in the last days, beside what happened. Reads only."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from plant_backend.domain.account import Principal
from plant_backend.domain.alert import Alert
from plant_backend.domain.command import Origin
from plant_backend.domain.course import AlertSpan, Course, Run, refusals_of
from plant_backend.domain.errors import InvalidInput, Unavailable
from plant_backend.domain.ledger import DecisionOutcome, Verdict
from plant_backend.domain.model import Actuator, Mode, Profile, Sensor
from plant_backend.domain.probes import is_watched
from plant_backend.domain.sentence import Sentence
from plant_backend.domain.what_if import ASSUMPTIONS, RUN_IN, DrySpell, Resolved, Simulation
from plant_backend.ports import Clock, Storage, Transaction
from plant_backend.services.history import HistoryService
from plant_backend.services.plants import pump_of
from plant_backend.services.profiles import profile_errors, pump_errors

MAX_DAYS = 31
"""As long as raw readings are surely kept, less the run-in."""

MAX_LOOKS = 20_000
"""How often the rules look at most: a longer time is looked at in longer steps."""

MAX_READINGS = 1_000_000
MAX_WAITING = 4

_MAX_ALERTS = 1_000
_MIN_STEP = timedelta(seconds=1)

_PAGE = 400
"""Readings of a sensor that are fetched at once: pages five times as long make others wait three times as long."""

_SLICE_S = 0.002
_PAUSE_S = 0.002
"""Slices of this length with pauses between: the loop belongs to others for half of the time."""


@dataclass(frozen=True, slots=True)
class WhatHappened:
    """What would have happened, beside what did. `step_s` is how far apart the simulated looks were at least."""

    since: datetime
    until: datetime
    step_s: float
    profile: Profile
    readings: int
    simulated: Course
    dry_spells: tuple[DrySpell, ...]
    recorded: Course
    assumptions: Sequence[Sentence]


@dataclass(frozen=True, slots=True)
class _Setting:
    profile: Profile
    sensors: tuple[Sensor, ...]
    pump: Actuator | None
    runs: tuple[Run, ...]
    resolved: tuple[Resolved, ...]
    recorded: Course


class WhatIf:
    """Runs one simulation at a time."""

    def __init__(self, storage: Storage, clock: Clock, history: HistoryService) -> None:
        self._storage = storage
        self._clock = clock
        self._history = history
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def simulate(self, who: Principal, device_id: str, changes: Mapping[str, Any], days: int) -> WhatHappened:
        """Run the device's profile with some fields changed over its last days.

        The mode counts as `on` where it is not among the changes. Raises NotFound, InvalidInput, Unavailable.
        """
        until = self._clock.now()
        since = until - timedelta(days=days)
        changes = {"mode": Mode.ON, **changes}
        setting = await self._storage.read(lambda tx: _setting(tx, who, device_id, changes, since, until))
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Other simulations are under way: ask again in a moment.", retry_after_s=5)
        self._waiting += 1
        try:
            async with self._turn:
                return await self._run(setting, since, until)
        finally:
            self._waiting -= 1

    async def _run(self, setting: _Setting, since: datetime, until: datetime) -> WhatHappened:
        begin = since - RUN_IN
        step = max(_MIN_STEP, (until - begin) / MAX_LOOKS)
        simulation = Simulation(
            setting.profile,
            setting.sensors,
            setting.pump,
            runs=setting.runs,
            resolved=setting.resolved,
            since=since,
            step=step,
        )
        readings, began_s = 0, time.perf_counter()
        pages = self._history.instants(setting.sensors, begin, until, only_dated=True, page_size=_PAGE)
        async for page in pages:
            for at, values in page:
                simulation.feed(at, values)
                if time.perf_counter() - began_s > _SLICE_S:
                    await asyncio.sleep(_PAUSE_S)
                    began_s = time.perf_counter()
                readings += len(values) - values.count(None)
            if readings > MAX_READINGS:
                text = f"holds more than {MAX_READINGS} readings; ask for fewer"
                raise InvalidInput([("days", text)])
        simulated = simulation.finish(until)
        return WhatHappened(
            since,
            until,
            step.total_seconds(),
            setting.profile,
            readings,
            simulated.course,
            simulated.dry_spells,
            setting.recorded,
            ASSUMPTIONS,
        )


def _setting(
    tx: Transaction, who: Principal, device_id: str, changes: Mapping[str, Any], since: datetime, until: datetime
) -> _Setting:
    device = tx.devices.get(who, device_id)
    pump = pump_of(device)
    profile = replace(tx.automation.profile(device.number)[0], **changes)
    if errors := profile_errors(profile) or pump_errors(profile, pump):
        raise InvalidInput([(f"profile.{field}", message) for field, message in errors])
    alerts = tx.alerts.lasting(device.number, since - RUN_IN, until, _MAX_ALERTS)
    runs = () if pump is None else tx.commands.runs(pump, since - 2 * RUN_IN, until)
    verdicts = list(tx.automation.verdicts(device.number, since, until))
    why = {verdict.command_id: verdict.reasons[0] for verdict in verdicts if verdict.command_id is not None}
    recorded = Course(
        tuple(replace(run, reason=why.get(command_id)) for command_id, run in runs if run.at >= since),
        refusals_of(_refusals(verdicts), since, until),
        tuple(_span(alert) for alert in alerts if alert.resolved_at is None or alert.resolved_at >= since),
    )
    return _Setting(
        profile,
        tuple(sensor for sensor in device.sensors if sensor.retired_at is None and is_watched(profile, sensor.kind)),
        pump,
        tuple(run for _, run in runs if run.origin is Origin.PERSON),
        tuple(sorted(_resolved(alerts), key=lambda resolved: resolved.at)),
        recorded,
    )


def _refusals(verdicts: Iterable[Verdict]) -> Iterable[tuple[datetime, Any]]:
    for verdict in verdicts:
        yield verdict.at, verdict.reasons[0] if verdict.outcome is DecisionOutcome.REFUSED else None


def _resolved(alerts: Iterable[Alert]) -> Iterable[Resolved]:
    for alert in alerts:
        if alert.resolved_at is not None and alert.resolved_by != "rule":
            yield Resolved(alert.resolved_at, alert.kind, alert.channel)


def _span(alert: Alert) -> AlertSpan:
    return AlertSpan(
        alert.kind,
        alert.channel,
        alert.severity,
        alert.message,
        alert.first_seen_at,
        alert.resolved_at,
        alert.sentences,
    )
