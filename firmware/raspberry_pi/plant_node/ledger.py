"""The command ledger: which commands this node knows, what became of them, and how long each pump ran.

Each write survives a power cut.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plant_node.database import transaction
from plant_node.envelope import DAY_MS, PastRun, Reason
from plant_node.lived import LivedClock

log = logging.getLogger(__name__)

_KEEP_COMMANDS = 1000


class Status(StrEnum):
    """What the backend is told about a command."""

    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Command:
    """An order from the backend. `duration_ms` is missing for an `off`, and for a lamp that stays on."""

    id: int
    seq: int
    actuator: str
    action: str
    duration_ms: int | None
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command."""

    status: Status
    ran_ms: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """A command's outcome on its way to the backend."""

    id: int
    seq: int
    outcome: Outcome

    def wire(self) -> dict[str, Any]:
        """The ack as JSON; a `ran_ms` that nobody knows is left out."""
        outcome = self.outcome
        ack: dict[str, Any] = {"id": self.id, "seq": self.seq, "status": outcome.status.value}
        if outcome.ran_ms is not None:
            ack["ran_ms"] = outcome.ran_ms
        ack["reason"] = outcome.reason
        return ack


@dataclass(frozen=True, slots=True)
class LostRun:
    """A run that a crash or a power cut ended at an unknown moment."""

    actuator: str
    seq: int | None
    planned_ms: int | None


class Ledger:
    """Durable memory of commands and runs. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, lived: LivedClock) -> None:
        self._db = connection
        self._lived = lived
        self._lock = threading.Lock()

    def belong_to(self, device_id: str) -> None:
        """Say whose commands these are.

        Another device counts its `seq` from the start; what the pump ran still counts.
        """
        with self._lock, transaction(self._db):
            row = self._db.execute("SELECT device_id FROM owner").fetchone()
            if row is not None and row[0] != device_id:
                self._db.execute("DELETE FROM commands")
                self._db.execute("UPDATE runs SET seq = NULL")
                log.warning("ledger: this node is another device now; the old one's commands are forgotten")
            self._db.execute("INSERT OR REPLACE INTO owner (one, device_id) VALUES (1, ?)", (device_id,))

    def is_new(self) -> bool:
        """Whether it belongs to nobody yet: the node is new, or lost what it knew."""
        with self._lock:
            return self._db.execute("SELECT 1 FROM owner").fetchone() is None

    def last_seq(self) -> int:
        """The newest `seq` written down; 0 at first."""
        with self._lock:
            return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM commands").fetchone()[0])

    def has_lost_commands(self) -> bool:
        """Whether pumps ran and nobody knows by which commands: what was handed out before may have run."""
        with self._lock:
            return (
                self._db.execute("SELECT 1 FROM commands").fetchone() is None
                and self._db.execute("SELECT 1 FROM runs").fetchone() is not None
            )

    def outcome_of(self, seq: int) -> Outcome | None:
        """What is known about a command."""
        with self._lock:
            row = self._db.execute("SELECT status, ran_ms, reason FROM commands WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else Outcome(Status(row[0]), row[1], row[2])

    def record(self, command: Command, outcome: Outcome) -> None:
        """Write down a command that moves nothing."""
        with self._lock, transaction(self._db):
            self._insert(command, outcome)

    def begin_run(self, command: Command, planned_ms: int | None) -> int:
        """Write down a command and its run. Only after this may the pin move."""
        with self._lock, transaction(self._db):
            self._insert(command, Outcome(Status.ACCEPTED))
            row = self._db.execute(
                "INSERT INTO runs (seq, actuator, planned_ms, started_lived_ms) VALUES (?, ?, ?, ?) RETURNING id",
                (command.seq, command.actuator, planned_ms, self._lived.now()),
            ).fetchone()
            self._lived.save(self._db)
        return int(row[0])

    def begin_trial(self, actuator: str, planned_ms: int) -> int:
        """Write down a run that no command asked for: somebody tries the pump."""
        with self._lock, transaction(self._db):
            row = self._db.execute(
                "INSERT INTO runs (actuator, planned_ms, started_lived_ms) VALUES (?, ?, ?) RETURNING id",
                (actuator, planned_ms, self._lived.now()),
            ).fetchone()
            self._lived.save(self._db)
        return int(row[0])

    def end_run(self, run_id: int, seq: int | None, outcome: Outcome, *, off_at_mono_ms: int) -> None:
        """Write down how a run ended; `off_at_mono_ms` is when the pin went off."""
        with self._lock, transaction(self._db):
            self._db.execute(
                "UPDATE runs SET ended_lived_ms = ?, counted_ms = coalesce(?, planned_ms, 0) WHERE id = ?",
                (self._lived.at(off_at_mono_ms), outcome.ran_ms, run_id),
            )
            if seq is not None:
                self._finish(seq, outcome)
            self._lived.save(self._db)

    def settle(self, seq: int, outcome: Outcome) -> None:
        """Write down an outcome that does not wait for the end of the run: a lamp that stays on."""
        with self._lock, transaction(self._db):
            self._finish(seq, outcome)

    def cancel_run(self, run_id: int, seq: int, outcome: Outcome) -> None:
        """Take back a run whose pin never moved: it costs neither pause nor daily amount."""
        with self._lock, transaction(self._db):
            self._db.execute("DELETE FROM runs WHERE id = ?", (run_id,))
            self._finish(seq, outcome)

    def recover(self) -> list[LostRun]:
        """Close the runs that the last process did not: each counts in full and ends now, since nobody knows when it
        did.
        """
        with self._lock, transaction(self._db):
            rows = self._db.execute(
                "SELECT actuator, seq, planned_ms FROM runs WHERE ended_lived_ms IS NULL ORDER BY id"
            ).fetchall()
            self._db.execute(
                "UPDATE runs SET ended_lived_ms = ?, counted_ms = coalesce(planned_ms, 0) WHERE ended_lived_ms IS NULL",
                (self._lived.now(),),
            )
            self._db.execute(
                "UPDATE commands SET status = ?, ran_ms = NULL, reason = ? WHERE status = ?",
                (Status.INTERRUPTED, Reason.REBOOT, Status.ACCEPTED),
            )
            self._prune()
        return [LostRun(*row) for row in rows]

    def assume_ran(self, actuator: str, ran_ms: int) -> None:
        """After a lost ledger: as if the pump had run so long, until now."""
        with self._lock, transaction(self._db):
            now = self._lived.now()
            self._db.execute(
                "INSERT INTO runs (actuator, planned_ms, started_lived_ms, ended_lived_ms, counted_ms)"
                " VALUES (?, ?, ?, ?, ?)",
                (actuator, ran_ms, now, now, ran_ms),
            )

    def past_runs(self, actuator: str, *, within_ms: int = DAY_MS) -> list[PastRun]:
        """The runs that may still matter to the envelope."""
        with self._lock:
            rows = self._db.execute(
                "SELECT ended_lived_ms, counted_ms FROM runs"
                " WHERE actuator = ? AND ended_lived_ms > ? ORDER BY ended_lived_ms",
                (actuator, self._lived.now() - max(DAY_MS, within_ms)),
            ).fetchall()
        return [PastRun(*row) for row in rows]

    def acks_to_send(self, limit: int = 50) -> list[Ack]:
        """Outcomes that the backend has not confirmed, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT command_id, seq, status, ran_ms, reason FROM commands"
                " WHERE acked_status IS NOT status ORDER BY seq LIMIT ?",
                (limit,),
            ).fetchall()
        return [Ack(row[0], row[1], Outcome(Status(row[2]), row[3], row[4])) for row in rows]

    def acked(self, acks: Sequence[Ack]) -> None:
        """The backend knows these now."""
        with self._lock, transaction(self._db):
            self._db.executemany(
                "UPDATE commands SET acked_status = ? WHERE seq = ?", [(ack.outcome.status, ack.seq) for ack in acks]
            )

    def ack_again(self, seq: int) -> None:
        """The backend asked about a command that it was told about: tell it again."""
        with self._lock, transaction(self._db):
            self._db.execute("UPDATE commands SET acked_status = NULL WHERE seq = ?", (seq,))

    def close(self) -> None:
        """Write the clock down and close the file."""
        with self._lock:
            with transaction(self._db):
                self._lived.save(self._db)
            self._db.close()

    def _insert(self, command: Command, outcome: Outcome) -> None:
        self._db.execute(
            "INSERT INTO commands (seq, command_id, actuator, action, status, ran_ms, reason)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (command.seq, command.id, command.actuator, command.action, outcome.status, outcome.ran_ms, outcome.reason),
        )

    def _finish(self, seq: int, outcome: Outcome) -> None:
        # A settled outcome stays: it may have been told already.
        self._db.execute(
            "UPDATE commands SET status = ?, ran_ms = ?, reason = ? WHERE seq = ? AND status = ?",
            (outcome.status, outcome.ran_ms, outcome.reason, seq, Status.ACCEPTED),
        )

    def _prune(self) -> None:
        newest = self._db.execute("SELECT coalesce(max(seq), 0) FROM commands").fetchone()[0]
        self._db.execute(
            "DELETE FROM commands WHERE acked_status IS status AND seq <= ? AND seq NOT IN"
            " (SELECT seq FROM commands ORDER BY seq DESC LIMIT ?)",
            (newest, _KEEP_COMMANDS),
        )
        self._db.execute("DELETE FROM runs WHERE ended_lived_ms < ?", (self._lived.now() - 30 * DAY_MS,))
