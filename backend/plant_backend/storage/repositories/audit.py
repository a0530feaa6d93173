"""Who did what."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from plant_backend.domain.account import AuditEntry
from plant_backend.storage.tables import audit
from plant_backend.storage.times import from_ms


class SqlAudit:
    """Fulfils `ports.Audit`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, owner_id: int, actor: str, action: str, subject: str, address: str, now_ms: int) -> None:
        self._connection.execute(
            insert(audit).values(
                owner_id=owner_id, actor=actor, action=action, subject=subject, address=address, at=now_ms
            )
        )

    def all(self, owner_id: int, before_id: int | None, limit: int) -> Sequence[AuditEntry]:
        statement = select(audit).where(audit.c.owner_id == owner_id)
        if before_id is not None:
            statement = statement.where(audit.c.id < before_id)
        rows = self._connection.execute(statement.order_by(audit.c.id.desc()).limit(limit))
        return [AuditEntry(row.id, from_ms(row.at), row.actor, row.action, row.subject, row.address) for row in rows]

    def forget(self, owner_id: int) -> None:
        self._connection.execute(delete(audit).where(audit.c.owner_id == owner_id))
