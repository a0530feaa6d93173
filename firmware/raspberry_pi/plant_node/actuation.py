"""Runs actuators.

Every run, whoever asks for it, passes the envelope and the ledger before the pin moves, and each has a guard: a
thread that does nothing but end it in time.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from plant_node.channels import PUMP, Actuator, Channels
from plant_node.clock import Clock
from plant_node.drivers import Driver, EndedBy, OnTime
from plant_node.envelope import Reason, judge
from plant_node.ledger import Command, Ledger, Outcome, Status
from plant_node.link import Link
from plant_node.reservoirs import Reservoirs

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 0.5
_OFF_RETRY_S = 0.1
_OFF_GIVE_UP_S = 3.0
_SETTLE_S = 2.0
_PIN_TAKES_S = 2.0
_NO_FLOW_AFTER_MS = 3_000
"""A small pump fills its hose first."""


@dataclass(slots=True)
class _Run:
    """One run under way."""

    id: int
    command: Command
    planned_ms: int | None
    limit: Reason | None
    deadline_mono_ms: int | None
    is_started: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    is_off: threading.Event = field(default_factory=threading.Event)
    is_recorded: threading.Event = field(default_factory=threading.Event)
    stopped_by: Reason | None = None


class Actuation:
    """The only one who moves pins."""

    def __init__(
        self,
        driver: Driver,
        channels: Channels,
        ledger: Ledger,
        clock: Clock,
        link: Link,
        *,
        now_lived_ms: Callable[[], int],
        on_outcome: Callable[[], None],
        on_fault: Callable[[str], None],
    ) -> None:
        self._driver = driver
        self._channels = channels
        self._ledger = ledger
        self._clock = clock
        self._link = link
        self._now_lived_ms = now_lived_ms
        self._on_outcome = on_outcome
        self._on_fault = on_fault
        self._reservoirs = Reservoirs(driver, channels, clock)
        self._lock = threading.Lock()
        self._running: dict[str, _Run] = {}
        self._is_closed = threading.Event()

    def is_pumping(self) -> bool:
        """Tell whether a pump runs, or has run and that is not written down yet."""
        pumps = {actuator.key for actuator in self._channels.actuators if actuator.kind == PUMP}
        return not pumps.isdisjoint(list(self._running))

    def turn_on(self, command: Command, *, start_before_mono_ms: int) -> None:
        """Start a run, or write down why not.

        Raises sqlite3.Error when nothing can be written down; then nothing moved.
        """
        with self._lock:
            if self._is_closed.is_set():
                # Not written down, so the backend brings it again after the restart, if it still lives then.
                return
            actuator = self._channels.actuator(command.actuator)
            refusal, planned_ms, limit = self._decide(actuator, command, start_before_mono_ms)
            if refusal is not None or actuator is None:
                refusal = refusal or Outcome(Status.REJECTED, 0, Reason.UNKNOWN_ACTUATOR)
                self._ledger.record(command, refusal)
                self._say_refused(command, refusal)
                self._on_outcome()
                return
            burning = self._running.get(actuator.key)
            if burning is not None:
                # Only a lamp comes here, and its newest order counts.
                self._driver_off_now(actuator.key, burning, Reason.REPLACED)
                burning.is_recorded.wait(_SETTLE_S)
            run_id = self._ledger.begin_run(command, planned_ms)
            # The disk may have taken its time, and whoever closes does not wait for it for long.
            late = Outcome(Status.REJECTED, 0, Reason.SHUTDOWN) if self._is_closed.is_set() else None
            if self._clock.mono_ms() >= start_before_mono_ms:
                late = Outcome(Status.EXPIRED, 0)
            if late is not None:
                self._ledger.cancel_run(run_id, command.seq, late)
                self._say_refused(command, late)
                self._on_outcome()
                return
            self._start(_Run(run_id, command, planned_ms, limit, None), actuator)
        self._on_outcome()

    def turn_off(self, command: Command) -> Outcome:
        """End a run, and give what became of the off. First the pin, then the paper, which is the caller's."""
        if self._channels.actuator(command.actuator) is None:
            return Outcome(Status.REJECTED, 0, Reason.UNKNOWN_ACTUATOR)
        with self._lock:
            run = self._running.get(command.actuator)
            self._driver_off_now(command.actuator, run, Reason.OFF)
        if run is not None:
            run.is_recorded.wait(_SETTLE_S)
        log.info("%s: off as ordered (command %d, seq %d)", command.actuator, command.id, command.seq)
        return Outcome(Status.SUCCEEDED, 0)

    def close(self, reason: Reason) -> None:
        """Switch everything off, for good."""
        # Without the lock: a start that hangs on the disk must not delay an off.
        self._is_closed.set()
        for run in list(self._running.values()):
            run.stopped_by = run.stopped_by or reason
            run.stop.set()
        if self._lock.acquire(timeout=_SETTLE_S):
            try:
                runs = list(self._running.items())
                for actuator, run in runs:
                    self._driver_off_now(actuator, run, reason)
            finally:
                self._lock.release()
            for _, run in runs:
                run.is_recorded.wait(_SETTLE_S)

    def _decide(
        self, actuator: Actuator | None, command: Command, start_before_mono_ms: int
    ) -> tuple[Outcome | None, int | None, Reason | None]:
        """(why not, how long, which limit cut it)."""
        if self._clock.mono_ms() >= start_before_mono_ms:
            return Outcome(Status.EXPIRED, 0), None, None
        if actuator is None:
            return Outcome(Status.REJECTED, 0, Reason.UNKNOWN_ACTUATOR), None, None
        is_running = actuator.key in self._running
        if actuator.kind == PUMP:
            limits = actuator.limits
            verdict = judge(
                limits,
                self._ledger.past_runs(actuator.key, within_ms=limits.min_off_ms),
                [] if is_running else self._reservoirs.look(),
                now_ms=self._now_lived_ms(),
                wanted_ms=command.duration_ms,
                is_running=is_running,
            )
            if verdict.allowed_ms <= 0:
                return Outcome(Status.REJECTED, 0, verdict.reason), None, None
            return None, verdict.allowed_ms, verdict.reason
        if command.duration_ms is not None and command.duration_ms <= 0:
            return Outcome(Status.REJECTED, 0, Reason.INVALID_DURATION), None, None
        return None, command.duration_ms, None

    def _start(self, run: _Run, actuator: Actuator) -> None:
        key = actuator.key
        try:
            if run.planned_ms is not None:
                run.deadline_mono_ms = self._clock.mono_ms() + run.planned_ms
            # The guard stands before the pin moves: a pump that nobody would stop is never started.
            self._running[key] = run
            threading.Thread(target=self._guard, args=(key, run), name=f"guard {key}", daemon=True).start()
            if actuator.kind == PUMP and self._reservoirs.exist:
                threading.Thread(
                    target=self._watch_reservoirs, args=(key, run), name=f"reservoir {key}", daemon=True
                ).start()
            if actuator.has_flow_meter:
                threading.Thread(target=self._watch_flow, args=(key, run), name=f"flow {key}", daemon=True).start()
        except RuntimeError:
            # No thread to be had. The pin has not moved.
            self._running.pop(key, None)
            run.stop.set()
            self._ledger.cancel_run(run.id, run.command.seq, Outcome(Status.FAILED, 0, Reason.PIN_ERROR))
            log.exception("%s: cannot guard a run, refused", key)
            return
        try:
            self._driver.turn_on(key, run.planned_ms)
            if run.planned_ms is not None:
                # The driver's own deadline comes first; the guard is for when it does not come.
                run.deadline_mono_ms = self._clock.mono_ms() + run.planned_ms
        except Exception:
            log.exception("%s: the pin cannot be switched on", key)
            run.stopped_by = Reason.PIN_ERROR
            run.stop.set()
            return
        finally:
            run.is_started.set()
            if run.is_off.is_set():
                # The pin took so long that its guard has given the run up.
                self._driver.turn_off(key)
        span = "until told otherwise" if run.planned_ms is None else f"for {run.planned_ms} ms"
        cut = f", cut by {run.limit}" if run.limit is not None else ""
        log.info("%s: on %s (command %d, seq %d%s)", key, span, run.command.id, run.command.seq, cut)
        if run.planned_ms is None:
            # Nothing more will come of it that the backend could wait for.
            try:
                self._ledger.settle(run.command.seq, Outcome(Status.SUCCEEDED, 0))
            except sqlite3.Error:
                log.exception("%s: is on, but that cannot be written down", key)

    def _driver_off_now(self, actuator: str, run: _Run | None, reason: Reason) -> None:
        """Switch off in the caller's thread, and let the guard write it down."""
        if run is None:
            self._driver.turn_off(actuator)
            return
        run.stopped_by = run.stopped_by or reason
        run.stop.set()
        if not run.is_off.wait(_SETTLE_S):
            self._driver.turn_off(actuator)

    def _guard(self, actuator: str, run: _Run) -> None:
        """End the run at its deadline, on a word, or when the link is lost. Needs no disk and no network to do so."""
        lost_link = False
        # An off before the on would be no off. A pin that hangs on its way on does not hold the guard for longer than
        # the run.
        longest_s = _SETTLE_S if run.planned_ms is None else self._clock.real_seconds(run.planned_ms)
        if not run.is_started.wait(max(longest_s, _PIN_TAKES_S)):
            run.stopped_by = run.stopped_by or Reason.PIN_ERROR
            run.stop.set()
        while not run.stop.is_set():
            link_left_s = self._link.seconds_left()
            if link_left_s <= 0:
                lost_link = True
                break
            left_s = link_left_s
            if run.deadline_mono_ms is not None:
                deadline_s = self._clock.real_seconds(run.deadline_mono_ms - self._clock.mono_ms())
                if deadline_s <= 0:
                    break
                left_s = min(left_s, deadline_s)
            if not self._is_still_on(actuator):
                break
            run.stop.wait(min(left_s, _LOOK_AGAIN_S))
        on_time = self._off_for_sure(actuator)
        run.is_off.set()
        if lost_link and run.stopped_by is None:
            run.stopped_by = Reason.LINK_LOST
        outcome = _outcome(run, on_time)
        off_at = on_time.off_at_mono_ms if on_time is not None else self._clock.mono_ms()
        try:
            self._ledger.end_run(run.id, run.command.seq, outcome, off_at_mono_ms=off_at)
        except sqlite3.Error:
            # It stays open in the ledger: the actuator stays busy until a restart counts the run in full.
            log.exception("%s: off, but the run's end cannot be written down", actuator)
            run.is_recorded.set()
            self._on_fault("the ledger cannot be written")
            return
        self._running.pop(actuator, None)
        run.is_recorded.set()
        why = f"{outcome.reason or outcome.status}{self._measured(actuator)}"
        log.info("%s: off after %s ms (%s, seq %d)", actuator, outcome.ran_ms, why, run.command.seq)
        self._on_outcome()

    def _measured(self, actuator: str) -> str:
        try:
            flowed_ml = self._driver.flowed_ml(actuator)
        except Exception:
            return ""
        return "" if flowed_ml is None else f", {flowed_ml:.0f} ml measured"

    def _is_still_on(self, actuator: str) -> bool:
        """The sign of life that the driver waits for. A driver that cannot take it is asked to switch off."""
        try:
            return self._driver.keep_on(actuator)
        except Exception:
            log.exception("%s: cannot be watched", actuator)
            return False

    def _off_for_sure(self, actuator: str) -> OnTime | None:
        give_up_s = self._clock.real_s() + _OFF_GIVE_UP_S
        while True:
            try:
                return self._driver.turn_off(actuator)
            except Exception as error:
                log.critical("%s: THE PIN CANNOT BE SWITCHED OFF: %s", actuator, error)
                if self._clock.real_s() > give_up_s:
                    # A new process, or systemd's ExecStopPost, may have more luck.
                    self._on_fault(f"{actuator} cannot be switched off")
                threading.Event().wait(_OFF_RETRY_S)

    def _watch_reservoirs(self, actuator: str, run: _Run) -> None:
        """End the run when the reservoir goes empty, or can no longer be read."""
        while not run.stop.wait(_LOOK_AGAIN_S) and not run.is_off.is_set():
            refusal = self._reservoirs.refusal()
            if refusal is not None:
                log.warning("%s: %s in mid-run", actuator, refusal)
                run.stopped_by = run.stopped_by or refusal
                run.stop.set()
                return

    def _watch_flow(self, actuator: str, run: _Run) -> None:
        """End the run when no water comes: a clogged hose, a dry pump. Also counts, so that no pulse is lost."""
        run.is_started.wait()
        seen_ml, seen_s = 0.0, self._clock.real_s()
        while not run.stop.wait(_LOOK_AGAIN_S) and not run.is_off.is_set():
            try:
                flowed_ml = self._driver.flowed_ml(actuator) or 0.0
            except Exception:
                # A meter that cannot be read is a meter that saw nothing.
                log.exception("%s: the flow meter cannot be read", actuator)
                flowed_ml = seen_ml
            now_s = self._clock.real_s()
            if flowed_ml > seen_ml:
                seen_ml, seen_s = flowed_ml, now_s
            elif now_s - seen_s >= self._clock.real_seconds(_NO_FLOW_AFTER_MS):
                log.warning("%s: no water for %d s in mid-run", actuator, _NO_FLOW_AFTER_MS // 1000)
                run.stopped_by = run.stopped_by or Reason.NO_FLOW
                run.stop.set()
                return

    @staticmethod
    def _say_refused(command: Command, outcome: Outcome) -> None:
        log.warning(
            "%s: not run, %s (command %d, seq %d)",
            command.actuator,
            outcome.reason or outcome.status,
            command.id,
            command.seq,
        )


_CUT_SHORT = {
    EndedBy.LEASE: Reason.STALLED,
    EndedBy.STOP: Reason.SHUTDOWN,
    EndedBy.LOSS: Reason.SUPERVISOR_LOST,
}


def _outcome(run: _Run, on_time: OnTime | None) -> Outcome:
    ran_ms = on_time.ran_ms if on_time is not None else 0
    reason = run.stopped_by
    cut_short = _CUT_SHORT.get(on_time.ended_by) if on_time is not None else None
    # Whoever stops because the supervisor is lost says why, not that it stops.
    if reason is None or (reason is Reason.SHUTDOWN and cut_short is Reason.SUPERVISOR_LOST):
        reason = cut_short
    if reason is None:
        return Outcome(Status.SUCCEEDED, ran_ms, run.limit)
    if reason in (Reason.PIN_ERROR, Reason.NO_FLOW):
        return Outcome(Status.FAILED, ran_ms, reason)
    return Outcome(Status.INTERRUPTED, ran_ms, reason)
