"""People who come through Home Assistant, and whose account is theirs."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from plant_backend.domain.account import User
from plant_backend.storage.tables import home_users, users
from plant_backend.storage.times import from_ms, to_ms


class SqlHomeUsers:
    """Fulfils `ports.HomeUsers`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def account_of(self, home_id: str) -> tuple[bool, User | None]:
        row = self._connection.execute(
            select(users.c.id, users.c.username, users.c.created_at, users.c.owner_id)
            .select_from(home_users.outerjoin(users, users.c.id == home_users.c.user_id))
            .where(home_users.c.id == home_id)
        ).one_or_none()
        if row is None:
            return False, None
        return True, None if row.id is None else User(row.id, row.username, from_ms(row.created_at), row.owner_id)

    def link(self, home_id: str, user_id: int, now: datetime) -> None:
        self._connection.execute(delete(home_users).where(home_users.c.id == home_id))
        self._connection.execute(insert(home_users).values(id=home_id, user_id=user_id, linked_at=to_ms(now)))
