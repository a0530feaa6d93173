"""Tries things by hand: a pump for a second, inside the same envelope as any other run, and each sensor once."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from plant_node import database
from plant_node.channels import PUMP, Actuator, Channels
from plant_node.clock import Clock
from plant_node.drivers import Driver, SensorError
from plant_node.envelope import Reason, Verdict, judge
from plant_node.ledger import Ledger, Outcome, Status
from plant_node.lived import LivedClock
from plant_node.reservoirs import Reservoirs

TRIAL_MS = 1_000
_LOOK_AGAIN_S = 0.1
_SETTLE_S = 2.2


@contextlib.contextmanager
def open_ledger(path: Path, clock: Clock) -> Iterator[tuple[Ledger, LivedClock]]:
    """The node's own ledger, while no agent works with it. Raises StateDamaged."""
    if not database.prepare(path):
        raise database.StateDamaged(f"{path} was damaged: run the node once before you try the pump")
    connection = database.connect(path, synchronous="FULL")
    lived = LivedClock.resume(connection, clock)
    ledger = Ledger(connection, lived)
    ledger.recover()
    try:
        yield ledger, lived
    finally:
        ledger.close()
        if os.geteuid() == 0:
            # The service's user goes on with these files.
            owner = path.parent.stat()
            for file in path.parent.iterdir():
                os.chown(file, owner.st_uid, owner.st_gid)


def try_actuator(
    actuator: Actuator, driver: Driver, channels: Channels, ledger: Ledger, lived: LivedClock, clock: Clock
) -> Outcome:
    """Run it for a second, if its envelope allows, and write that down first."""
    planned_ms = TRIAL_MS
    if actuator.kind == PUMP:
        verdict = _judge(actuator, driver, channels, ledger, lived, clock)
        if verdict.reason is Reason.RESERVOIR_UNKNOWN:
            # A float switch wants to be watched for a while before it is believed.
            time.sleep(_SETTLE_S)
            verdict = _judge(actuator, driver, channels, ledger, lived, clock)
        if verdict.allowed_ms <= 0:
            return Outcome(Status.REJECTED, 0, verdict.reason)
        planned_ms = verdict.allowed_ms
    run_id = ledger.begin_trial(actuator.key, planned_ms)
    on_time = None
    try:
        driver.turn_on(actuator.key, planned_ms)
        end_s = time.monotonic() + planned_ms / 1000
        while time.monotonic() < end_s and driver.keep_on(actuator.key):
            time.sleep(min(_LOOK_AGAIN_S, max(0.0, end_s - time.monotonic())))
    finally:
        on_time = driver.turn_off(actuator.key)
        ran_ms = 0 if on_time is None else on_time.ran_ms
        off_at = clock.mono_ms() if on_time is None else on_time.off_at_mono_ms
        outcome = Outcome(Status.SUCCEEDED, ran_ms) if ran_ms else Outcome(Status.FAILED, 0, Reason.PIN_ERROR)
        ledger.end_run(run_id, None, outcome, off_at_mono_ms=off_at)
    return outcome


def _judge(
    actuator: Actuator, driver: Driver, channels: Channels, ledger: Ledger, lived: LivedClock, clock: Clock
) -> Verdict:
    limits = actuator.limits
    return judge(
        limits,
        ledger.past_runs(actuator.key, within_ms=limits.min_off_ms),
        Reservoirs(driver, channels, clock).look(),
        now_ms=lived.now(),
        wanted_ms=TRIAL_MS,
    )


def sensor_lines(driver: Driver, channels: Channels) -> Iterator[tuple[str, bool]]:
    """What each sensor shows now, as (a line, whether it could be read)."""
    for sensor in channels.sensors:
        try:
            try:
                value = driver.read(sensor)
            except SensorError:
                time.sleep(_SETTLE_S)
                value = driver.read(sensor)
            yield f"{sensor.key:<20} {value:g} {sensor.unit}", True
        except SensorError as error:
            yield f"{sensor.key:<20} cannot be read: {error}", False
