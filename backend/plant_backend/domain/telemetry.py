"""A batch of readings as it is accepted: checked, timed, and told apart from a repeat."""

from dataclasses import dataclass

AGE_UNKNOWN = None
"""The offset of a reading whose age the node did not know: kept in history, never acted on."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One accepted request of readings. The three lists are parallel.

    offsets_ms: how long before `received_at_ms` each value was measured (negative: a node's clock is ahead), or None.
    """

    device_number: int
    batch_id: str
    boot_id: str
    received_at_ms: int
    sensor_ids: list[int]
    values: list[float]
    offsets_ms: list[int | None]

    def times_ms(self) -> list[int]:
        """Give the Unix milliseconds at which the values go into history.

        Values of unknown age lie in their order, a millisecond apart, after the arrival: none hides another.
        """
        return [
            self.received_at_ms + (place + 1 if offset_ms is None else -offset_ms)
            for place, offset_ms in enumerate(self.offsets_ms)
        ]


@dataclass(frozen=True, slots=True)
class LoggedBatch:
    """A batch with its place in the log."""

    log_id: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a node is told: how many readings are safe, and whether they were before."""

    accepted: int
    is_duplicate: bool
