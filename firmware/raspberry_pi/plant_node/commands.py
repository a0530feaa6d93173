"""Fetches commands and reports what became of them."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from plant_node.actuation import Actuation
from plant_node.backend import Answer, Backend, Unavailable
from plant_node.clock import Clock
from plant_node.envelope import Reason
from plant_node.ledger import Ack, Command, Ledger, Outcome, Status
from plant_node.link import Backoff, Link, Trouble
from plant_node.workers import pause

log = logging.getLogger(__name__)

_MAX_ACKS = 50


class AckOutbox:
    """Outcomes on their way to the backend: those of the ledger, and those that the ledger does not know."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._loose: list[Ack] = []
        self.news = threading.Event()

    def add(self, ack: Ack) -> None:
        """Send an ack that is not in the ledger. When it gets lost, the backend brings its command again."""
        with self._lock:
            if ack not in self._loose:
                self._loose.append(ack)
                del self._loose[:-_MAX_ACKS]
        self.news.set()

    def waiting(self) -> list[Ack]:
        """What to send next."""
        acks = self._ledger.acks_to_send(_MAX_ACKS)
        with self._lock:
            return (acks + self._loose)[:_MAX_ACKS]

    def done(self, acks: Sequence[Ack]) -> None:
        """The backend has these."""
        with self._lock:
            loose = [ack for ack in acks if ack in self._loose]
            self._loose = [ack for ack in self._loose if ack not in loose]
        if len(loose) < len(acks):
            self._ledger.acked([ack for ack in acks if ack not in loose])


class CommandHandler:
    """Takes one answer of the backend and carries out what is new in it."""

    def __init__(self, actuation: Actuation, ledger: Ledger, outbox: AckOutbox, clock: Clock) -> None:
        self._clock = clock
        self._actuation = actuation
        self._ledger = ledger
        self._outbox = outbox

    def is_pumping(self) -> bool:
        """Tell whether a pump runs."""
        return self._actuation.is_pumping()

    def handle(self, data: Any, *, asked_mono_ms: int) -> bool:
        """Carry out commands in the order of `seq`.

        Nobody knows how long the answer was on its way: all the time since the question counts to a command's age, but
        what the backend held it.

        False when none of them was new: asking again at once would bring them again.
        """
        entries = data.get("commands") if isinstance(data, dict) else None
        if not isinstance(entries, list):
            log.error("commands: the answer holds no list of commands")
            return False
        commands = sorted((command for entry in entries if (command := self._parse(entry))), key=lambda each: each.seq)
        held_ms = data.get("held_ms")
        told_mono_ms = asked_mono_ms
        if isinstance(held_ms, int) and _is_count(held_ms):
            # It held the question no longer than we waited, whatever it says.
            told_mono_ms = min(asked_mono_ms + held_ms, self._clock.mono_ms())
        has_news = False
        for command in commands:
            has_news = self._carry_out(command, told_mono_ms) or has_news
        return has_news

    def _carry_out(self, command: Command, told_mono_ms: int) -> bool:
        try:
            if command.seq <= self._ledger.last_seq():
                self._answer_known(command)
                return False
        except sqlite3.Error:
            # Its outcome may have been told, and any other would contradict it. The backend brings it again.
            log.exception("commands: the ledger cannot be used, nothing is said of seq %d", command.seq)
            return False
        # Nothing moves that is not written down, but an off.
        unwritten = Outcome(Status.REJECTED, 0, Reason.LEDGER_UNWRITABLE)
        try:
            if command.action == "on":
                self._actuation.turn_on(command, start_before_mono_ms=told_mono_ms + command.ttl_ms)
                return True
            if command.action == "off":
                outcome = unwritten = self._actuation.turn_off(command)
            else:
                outcome = Outcome(Status.REJECTED, 0, Reason.INVALID_COMMAND)
            self._ledger.record(command, outcome)
        except sqlite3.Error:
            log.exception("commands: the ledger cannot be written, seq %d is told as %s", command.seq, unwritten.status)
            self._outbox.add(Ack(command.id, command.seq, unwritten))
            return False
        self._outbox.news.set()
        return True

    def _answer_known(self, command: Command) -> None:
        """A command that came before: tell its outcome again, and never run it again."""
        log.info("commands: seq %d came again, acknowledged and not run", command.seq)
        if self._ledger.outcome_of(command.seq) is None:
            self._outbox.add(Ack(command.id, command.seq, Outcome(Status.DUPLICATE)))
        else:
            self._ledger.ack_again(command.seq)
        self._outbox.news.set()

    def _parse(self, entry: Any) -> Command | None:
        """A command, if it can at least be answered. One that makes no sense otherwise becomes one that is rejected."""
        if not isinstance(entry, dict) or not _is_count(entry.get("id")) or not _is_count(entry.get("seq")):
            log.error("commands: one without id or seq is ignored")
            return None
        actuator, action, ttl_ms = entry.get("actuator"), entry.get("action"), entry.get("ttl_ms")
        duration_ms = entry.get("duration_ms")
        is_right = (
            isinstance(actuator, str)
            and action in ("on", "off")
            and _is_count(ttl_ms)
            and (duration_ms is None or _is_count(duration_ms))
        )
        if not is_right and action != "off":
            log.error("commands: seq %d makes no sense", entry["seq"])
            action = "?"
        # An off is carried out whatever else it says.
        return Command(
            id=entry["id"],
            seq=entry["seq"],
            actuator=str(actuator)[:64],
            action=str(action),
            duration_ms=duration_ms if _is_count(duration_ms) else None,
            ttl_ms=ttl_ms if isinstance(ttl_ms, int) and _is_count(ttl_ms) else 0,
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


class Poller:
    """Asks for commands, over and over. The backend holds each question until there is an answer."""

    def __init__(
        self, backend: Backend, handler: CommandHandler, ledger: Ledger, link: Link, clock: Clock, stop: threading.Event
    ) -> None:
        self._backend = backend
        self._handler = handler
        self._ledger = ledger
        self._link = link
        self._clock = clock
        self._stop = stop
        self._backoff = Backoff(first_s=0.5, most_s=30)
        self._trouble = Trouble("commands")

    def run(self, beat: Callable[[], None]) -> None:
        """Poll until told to stop."""
        while not self._stop.is_set():
            beat()
            pause(self._stop, self.poll_once(), beat)

    def poll_once(self) -> float:
        """One poll; returns the seconds to wait before the next."""
        wait_s = self._link.poll_wait_s
        asked_s, asked_mono_ms = self._clock.real_s(), self._clock.mono_ms()
        try:
            # A sign-in tells what a lost ledger knew.
            self._backend.sign_in()
            query = {"wait": wait_s}
            # Without `after` the backend hands out only what it never did.
            if not self._ledger.has_lost_commands():
                query["after"] = self._ledger.last_seq()
            answer = self._backend.get("/commands", query, timeout_s=wait_s + 10.0)
        except Unavailable as error:
            if not error.is_said:
                self._trouble.happened(str(error))
            return self._backoff.failed(error.retry_after_s, is_in_run=self._handler.is_pumping())
        if answer.status not in (200, 204):
            self._trouble.happened(answer.problem)
            return self._backoff.failed(is_in_run=self._handler.is_pumping())
        self._trouble.is_over()
        if answer.status == 200:
            if self._handler.handle(answer.data, asked_mono_ms=asked_mono_ms):
                self._backoff.succeeded()
                return 0.0
            return min(2.0, self._backoff.failed())
        self._backoff.succeeded()
        # An empty answer that came at once was cut short by another poll of ours, or the backend does not hold polls.
        return 0.5 if self._clock.real_s() - asked_s < min(1.0, wait_s / 2) or wait_s == 0 else 0.0


class Acker:
    """Reports outcomes until the backend has confirmed them."""

    def __init__(self, backend: Backend, outbox: AckOutbox, stop: threading.Event) -> None:
        self._backend = backend
        self._outbox = outbox
        self._stop = stop
        self._backoff = Backoff(first_s=0.5, most_s=30)
        self._trouble = Trouble("acks")

    def run(self, beat: Callable[[], None]) -> None:
        """Send acks as they come."""
        while not self._stop.is_set():
            beat()
            self._outbox.news.wait(5.0)
            self._outbox.news.clear()
            pause_s = self.send_all()
            if pause_s and not pause(self._stop, pause_s, beat):
                self._outbox.news.set()

    def send_all(self, *, timeout_s: float = 10.0) -> float:
        """Send what waits; returns the seconds to wait before the next try, 0 when all is sent."""
        while True:
            try:
                acks = self._outbox.waiting()
                if not acks:
                    return 0.0
                self._send(acks, timeout_s)
            except sqlite3.Error as error:
                self._trouble.happened(f"the ledger cannot be used ({error})")
                return self._backoff.failed()
            except Unavailable as error:
                if not error.is_said:
                    self._trouble.happened(str(error))
                return self._backoff.failed(error.retry_after_s)
            self._backoff.succeeded()
            self._trouble.is_over()

    def _send(self, acks: list[Ack], timeout_s: float) -> None:
        answer = self._backend.post(
            "/commands/ack", lambda: {"acks": [ack.wire() for ack in acks]}, timeout_s=timeout_s
        )
        if answer.status == 200:
            if not isinstance(answer.data.get("results"), list):
                # A portal that answers everything with 200 has recorded nothing.
                raise Unavailable("something that is not the backend answers")
            self._outbox.done(acks)
        elif answer.code in ("ack_conflict", "command_not_found"):
            # The others of the request are recorded all the same.
            self._say_differences(acks, answer)
            self._outbox.done(acks)
        elif answer.status == 422 and len(acks) > 1:
            for ack in acks:
                self._send([ack], timeout_s)
        elif answer.status == 422:
            log.error("acks: the backend will never take the outcome of seq %d: %s", acks[0].seq, answer.problem)
            self._outbox.done(acks)
        else:
            raise Unavailable(answer.problem)

    @staticmethod
    def _say_differences(acks: list[Ack], answer: Answer) -> None:
        results = answer.data.get("results")
        states = {
            result.get("id"): result.get("state")
            for result in (results if isinstance(results, list) else [])
            if isinstance(result, dict)
        }
        for ack in acks:
            if states.get(ack.id) != ack.outcome.status:
                log.error(
                    "acks: seq %d was %s here, the backend has %s (%s)",
                    ack.seq,
                    ack.outcome.status,
                    states.get(ack.id, "no such command"),
                    answer.code,
                )
