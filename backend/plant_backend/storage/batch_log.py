"""The append-only log of accepted batches: durability, idempotency and the worker's news in one row.

Appends run in the writer's thread, inside its transactions; what is remembered changes after the commit only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from plant_backend.domain.errors import Conflict
from plant_backend.domain.telemetry import Batch, LoggedBatch, Receipt
from plant_backend.storage.batch_codec import decode, digest, encode
from plant_backend.storage.driver import Driver

_INSERT = "INSERT INTO batches (id, device_number, batch_id, received_at, content, offsets) VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(slots=True)
class Appended:
    """What one append in a group came to: a receipt, or the reason why not."""

    result: Receipt | Exception
    logged: LoggedBatch | None = None


@dataclass(slots=True)
class OpenGroup:
    """What a commit that is still open has appended."""

    next_id: int
    contents: dict[tuple[int, str], bytes] = field(default_factory=dict)

    def copy(self) -> "OpenGroup":
        """Give a copy to try one more append on."""
        return OpenGroup(self.next_id, dict(self.contents))


class BatchLog:
    """Appends batches and knows those that were accepted before."""

    def __init__(self) -> None:
        self._next_id = 1
        self._tail: dict[tuple[int, str], int] = {}
        self._newest_compacted: dict[int, str] = {}

    def load(self, connection: Driver, compacted_through: int, dropped_through: int) -> None:
        """Learn, at start, which batches are in the tail and which ids were compacted."""
        (last,) = connection.execute("SELECT max(id) FROM batches").fetchone()
        self._next_id = max(last or 0, dropped_through, compacted_through) + 1
        rows = connection.execute("SELECT device_number, batch_id, id FROM batches WHERE id > ?", (compacted_through,))
        self._tail = {(device, batch_id): log_id for device, batch_id, log_id in rows}
        for (device,) in connection.execute("SELECT number FROM devices").fetchall():
            self._load_newest(connection, device)

    def _load_newest(self, connection: Driver, device_number: int) -> str:
        (newest,) = connection.execute(
            "SELECT max(batch_id) FROM accepted_batches WHERE device_number = ?", (device_number,)
        ).fetchone()
        self._newest_compacted[device_number] = newest or ""
        return newest or ""

    @property
    def last_id(self) -> int:
        """The id of the last batch that was ever appended."""
        return self._next_id - 1

    @property
    def tail_size(self) -> int:
        """How many batches wait for the compactor."""
        return len(self._tail)

    def after(self, connection: Driver, log_id: int) -> Sequence[LoggedBatch]:
        """Read what the log holds beyond an id."""
        rows = connection.execute(
            "SELECT id, device_number, batch_id, received_at, content, offsets FROM batches WHERE id > ? ORDER BY id",
            (log_id,),
        )
        return [LoggedBatch(row[0], decode(*row[1:])) for row in rows]

    def open_group(self, foreign: Sequence[LoggedBatch] = ()) -> OpenGroup:
        """Begin what one commit will append, after what others have appended that nobody took note of yet."""
        return OpenGroup(foreign[-1].log_id + 1 if foreign else self._next_id)

    def append(self, connection: Driver, batches: Sequence[Batch], group: OpenGroup) -> list[Appended]:
        """Write batches as part of a group. One that is a repeat or a conflict does not disturb its neighbours."""
        rows: list[tuple[int, int, str, int, bytes, bytes]] = []
        outcomes: list[Appended] = []
        for batch in batches:
            key = (batch.device_number, batch.batch_id)
            content, offsets = encode(batch)
            known = group.contents.get(key) or self._known(connection, key, content)
            if known is not None:
                outcomes.append(repeat(batch, is_same=known == content))
                continue
            group.contents[key] = content
            rows.append((group.next_id, batch.device_number, batch.batch_id, batch.received_at_ms, content, offsets))
            outcomes.append(Appended(Receipt(len(batch.values), is_duplicate=False), LoggedBatch(group.next_id, batch)))
            group.next_id += 1
        connection.executemany(_INSERT, rows)
        return outcomes

    def _known(self, connection: Driver, key: tuple[int, str], content: bytes) -> bytes | None:
        """Give the content that was accepted under this key: the given one where only its digest is left and fits."""
        log_id = self._tail.get(key)
        if log_id is not None:
            row = connection.execute("SELECT content FROM batches WHERE id = ?", (log_id,)).fetchone()
            if row is not None:
                return bytes(row[0])
        newest = self._newest_compacted.get(key[0])
        if newest is None:
            newest = self._load_newest(connection, key[0])
        # Ids that grow need no look-up: one beyond the newest compacted cannot be there. One that was in the tail a
        # moment ago can: the commit before this one may have compacted and dropped it.
        if log_id is None and key[1] > newest:
            return None
        row = connection.execute(
            "SELECT digest FROM accepted_batches WHERE device_number = ? AND batch_id = ?", key
        ).fetchone()
        if row is None:
            return None
        return content if row[0] == digest(content) else b""

    def forget(self, device_number: int) -> None:
        """Drop what is known of a deleted device."""
        self._newest_compacted.pop(device_number, None)

    def committed(self, logged: Sequence[LoggedBatch]) -> None:
        """Take note of what is now on the disk."""
        for entry in logged:
            self._tail[(entry.batch.device_number, entry.batch.batch_id)] = entry.log_id
            self._next_id = entry.log_id + 1

    def compacted(self, keys: Sequence[tuple[int, str]], through: int) -> None:
        """Take note that the log up to `through` left the tail for `accepted_batches`, once that is on the disk.

        The writer may be looking meanwhile: it must find each batch in one place or the other.
        """
        newest = self._newest_compacted
        for device, batch_id in keys:
            if batch_id > newest.get(device, ""):
                newest[device] = batch_id
        # By the mark and not by the keys, so that the batches of a deleted device leave as well.
        self._tail = {key: log_id for key, log_id in self._tail.items() if log_id > through}


def repeat(batch: Batch, *, is_same: bool) -> Appended:
    """Say what becomes of a batch whose id was accepted before."""
    if is_same:
        return Appended(Receipt(len(batch.values), is_duplicate=True))
    return Appended(
        Conflict(
            "batch_conflict", f"The batch {batch.batch_id} was accepted before with other content; nothing was stored."
        )
    )
