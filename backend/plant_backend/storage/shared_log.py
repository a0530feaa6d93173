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

_IDS = "SELECT nextval('batches_id_seq') FROM generate_series(1, ?)"

_INSERT = """
    INSERT INTO batches (id, device_number, batch_id, received_at, content, offsets)
    SELECT * FROM unnest(?::bigint[], ?::bigint[], ?::text[], ?::bigint[], ?::bytea[], ?::bytea[])
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
        keys = [(batch.device_number, batch.batch_id) for batch in batches]
        log: dict[tuple[int, str], bytes] = {}
        digests: dict[tuple[int, str], bytes] = {}
        for device, batch_id, content, kept in connection.execute(
            _KNOWN, ([device for device, _ in keys], [batch_id for _, batch_id in keys])
        ):
            if content is not None:
                log[(device, batch_id)] = content
            else:
                digests[(device, batch_id)] = kept
        rows: list[tuple[int, str, int, bytes, bytes]] = []
        outcomes: list[Appended] = []
        fresh: list[tuple[int, Batch]] = []
        for key, batch in zip(keys, batches, strict=True):
            content, offsets = encode(batch)
            known = group.contents.get(key) or log.get(key)
            if known is not None or key in digests:
                is_same = known == content if known is not None else digests[key] == digest(content)
                outcomes.append(repeat(batch, is_same=is_same))
                continue
            group.contents[key] = content
            rows.append((*key, batch.received_at_ms, content, offsets))
            fresh.append((len(outcomes), batch))
            outcomes.append(Appended(Receipt(len(batch.values), is_duplicate=False)))
        if rows:
            ids = [row[0] for row in connection.execute(_IDS, (len(rows),))]
            connection.execute(_INSERT, (ids, *(list(column) for column in zip(*rows, strict=True))))
            for log_id, (place, batch) in zip(ids, fresh, strict=True):
                outcomes[place].logged = LoggedBatch(log_id, batch)
        return outcomes

    def forget(self, device_number: int) -> None:
        """Nothing is kept of a device."""

    def committed(self, logged: Sequence[LoggedBatch]) -> None:
        if logged:
            self._next_id = logged[-1].log_id + 1

    def compacted(self, keys: Sequence[tuple[int, str]], through: int) -> None:
        self._compacted_through = max(through, self._compacted_through)
