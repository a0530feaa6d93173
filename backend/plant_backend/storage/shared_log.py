"""The log of batches where several processes append to it: what was accepted is looked up, not remembered.

All appends happen under the write lock, so the order of ids is that of the commits. They come from a sequence: an id
is never given twice, whatever was deleted.
"""

from collections.abc import Sequence

from plant_backend.domain.telemetry import Batch, LoggedBatch, Receipt
from plant_backend.storage.batch_codec import digest, encode
from plant_backend.storage.batch_log import Appended, BatchLog, OpenGroup, repeat
from plant_backend.storage.driver import Driver

# What is in the log is compared by its content, what has left it by what was kept of it.
_KNOWN = """
    SELECT b.device_number, b.batch_id, b.content, NULL
    FROM unnest(?1::bigint[], ?2::text[]) AS k (device_number, batch_id)
        JOIN batches AS b ON b.device_number = k.device_number AND b.batch_id = k.batch_id
    UNION ALL
    SELECT a.device_number, a.batch_id, NULL, a.digest
    FROM unnest(?1::bigint[], ?2::text[]) AS k (device_number, batch_id)
        JOIN accepted_batches AS a ON a.device_number = k.device_number AND a.batch_id = k.batch_id
"""

# One statement: while it is under way the other processes wait for the lock.
_APPEND = """
    INSERT INTO batches (device_number, batch_id, received_at, content, offsets)
    SELECT n.device_number, n.batch_id, n.received_at, n.content, n.offsets
    FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bytea[], ?::bytea[])
        WITH ORDINALITY AS n (device_number, batch_id, received_at, content, offsets, place)
    WHERE NOT EXISTS (
        SELECT 1 FROM accepted_batches AS a WHERE a.device_number = n.device_number AND a.batch_id = n.batch_id
    )
    ORDER BY n.place
    ON CONFLICT (device_number, batch_id) DO NOTHING
    RETURNING id, device_number, batch_id
"""


class SharedBatchLog(BatchLog):
    """Keeps nothing of batches in memory but how far the log goes, and how far it is compacted."""

    def __init__(self) -> None:
        super().__init__()
        self._compacted_through = 0

    def load(self, connection: Driver, compacted_through: int, dropped_through: int) -> None:
        (last,) = connection.execute("SELECT max(id) FROM batches").fetchone()
        self._next_id = max(last or 0, dropped_through, compacted_through) + 1
        self._compacted_through = compacted_through

    @property
    def tail_size(self) -> int:
        return self.last_id - self._compacted_through

    def append(self, connection: Driver, batches: Sequence[Batch], group: OpenGroup) -> list[Appended]:
        rows = [(batch.device_number, batch.batch_id, batch.received_at_ms, *encode(batch)) for batch in batches]
        ids = {
            (device, batch_id): log_id
            for log_id, device, batch_id in connection.execute(
                _APPEND, [list(column) for column in zip(*rows, strict=True)]
            )
        }
        known = {} if len(ids) == len(rows) else self._accepted_before(connection, [row[:2] for row in rows])
        outcomes: list[Appended] = []
        for batch, (device, batch_id, _, content, _) in zip(batches, rows, strict=True):
            log_id = ids.pop((device, batch_id), None)
            if log_id is not None:
                receipt = Receipt(len(batch.values), is_duplicate=False)
                outcomes.append(Appended(receipt, LoggedBatch(log_id, batch)))
                continue
            logged, kept = known[(device, batch_id)]
            outcomes.append(repeat(batch, is_same=logged == content if logged is not None else kept == digest(content)))
        return outcomes

    def _accepted_before(
        self, connection: Driver, keys: Sequence[tuple[int, str]]
    ) -> dict[tuple[int, str], tuple[bytes | None, bytes | None]]:
        """Look up batches that were accepted before: their content while they are in the log, its digest later."""
        found: dict[tuple[int, str], tuple[bytes | None, bytes | None]] = {}
        columns = ([device for device, _ in keys], [batch_id for _, batch_id in keys])
        for device, batch_id, content, kept in connection.execute(_KNOWN, columns):
            logged, older = found.get((device, batch_id), (None, None))
            found[(device, batch_id)] = (
                content if content is not None else logged,
                kept if kept is not None else older,
            )
        return found

    def forget(self, device_number: int) -> None:
        """Nothing is kept of a device."""

    def committed(self, logged: Sequence[LoggedBatch]) -> None:
        if logged:
            self._next_id = logged[-1].log_id + 1

    def compacted(self, keys: Sequence[tuple[int, str]], through: int) -> None:
        self._compacted_through = max(through, self._compacted_through)
