"""The audit log: who did what, when, and from where. It never holds a secret."""

from collections.abc import Sequence

from plant_backend.domain.account import AuditEntry, Principal
from plant_backend.domain.errors import Forbidden
from plant_backend.ports import Storage, Transaction
from plant_backend.services.real_time import real_ms


def record(tx: Transaction, who: Principal, action: str, subject: str = "") -> None:
    """Write down what somebody does, in the transaction that does it."""
    tx.audit.add(who.user_id, who.username, action, subject, who.address, real_ms())


class AuditService:
    """Shows the log."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def all(self, who: Principal, before_id: int | None, limit: int) -> Sequence[AuditEntry]:
        """Give the log of the caller's household, newest first. Raises Forbidden for a viewer."""
        if who.viewer_id is not None:
            raise Forbidden("The audit log is for the owner.")
        return await self._storage.read(lambda tx: tx.audit.all(who.user_id, before_id, limit))
