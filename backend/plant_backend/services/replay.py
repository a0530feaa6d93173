"""Deciding again what was decided, from the inputs that the ledger holds."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from plant_backend.domain.ledger import DecisionRecord, UnreadableDecision
from plant_backend.domain.outcome import outcome_of
from plant_backend.domain.reason import Reason
from plant_backend.domain.rules import decide
from plant_backend.ports import Storage

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision, and in what it comes out different now; None where it comes out the same."""

    decision_id: int
    device_id: str
    difference: str | None


class Replay:
    """Holds the ledger against the rules. Reads only."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def all(self, device_id: str | None = None, limit: int | None = None) -> AsyncIterator[Replayed]:
        """Decide again, newest first: of one device or all, so many or all."""
        before_id: int | None = None
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            page = await self._storage.read(
                lambda tx, before_id=before_id, size=size: tx.automation.ledger(device_id, before_id, size)  # type: ignore[misc]
            )
            for record in page:
                yield Replayed(record.id, record.device_id, difference(record))
            if len(page) < size:
                return
            before_id = page[-1].id
            left = None if left is None else left - size


def difference(record: DecisionRecord | UnreadableDecision) -> str | None:
    """Decide again from a record's inputs and say what is different, or None."""
    if isinstance(record, UnreadableDecision):
        return f"its inputs cannot be read: {record.why}"
    again = decide(record.inputs, record.at)
    outcome = outcome_of(record.inputs, again)
    if outcome is not record.outcome:
        return f"it was {record.outcome}, now it is {outcome} ({again.reasons[0].text})"
    if len(again.reasons) != len(record.reasons) or not all(map(_is_same, record.reasons, again.reasons)):
        before, now = (" ".join(reason.text for reason in reasons) for reasons in (record.reasons, again.reasons))
        return f"its reason was {before!r}, now it is {now!r}"
    return None


def _is_same(before: Reason, now: Reason) -> bool:
    """Hold a reason against what was written down: by an earlier version the text alone."""
    return before == (now if before.sentences else replace(now, sentences=()))
