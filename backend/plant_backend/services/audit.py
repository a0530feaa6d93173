"""The audit log: who did what, when, and from where. It never holds a secret."""

from collections.abc import Sequence

from plant_backend.domain.account import AuditEntry, Principal
from plant_backend.domain.errors import Forbidden
from plant_backend.ports import Storage, Transaction
from plant_backend.services.real_time import real_ms

_DAY_MS = 24 * 3600 * 1000


def record(tx: Transaction, who: Principal, action: str, subject: str = "") -> None:
    """Write down what somebody does, in the transaction that does it."""
    tx.audit.add(who.user_id, who.username, action, subject, who.address, real_ms())


class AuditService:
    """Shows the log, and forgets what is older than it is kept."""

    def __init__(self, storage: Storage, kept_days: int) -> None:
        self._storage = storage
        self._kept_ms = kept_days * _DAY_MS

    async def all(self, who: Principal, before_id: int | None, limit: int) -> Sequence[AuditEntry]:
        """Give the log of the caller's household, newest first. Raises Forbidden for a viewer."""
        if who.viewer_id is not None:
            raise Forbidden("The audit log is for the owner.")
        return await self._storage.read(lambda tx: tx.audit.all(who.user_id, before_id, limit))

    def purge(self, tx: Transaction) -> None:
        """Forget what is too old."""
        tx.audit.purge(real_ms() - self._kept_ms)
