"""Browsers that are signed in."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from plant_backend.domain.account import Principal, Session
from plant_backend.storage.repositories.users import principal
from plant_backend.storage.tables import sessions, users
from plant_backend.storage.times import from_ms


class SqlSessions:
    """Fulfils `ports.Sessions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user_id: int, digest: bytes, agent: str, address: str, now_ms: int, ends_at_ms: int) -> Session:
        result = self._connection.execute(
            insert(sessions).values(
                user_id=user_id,
                digest=digest,
                agent=agent,
                address=address,
                created_at=now_ms,
                seen_at=now_ms,
                ends_at=ends_at_ms,
            )
        )
        (session_id,) = result.inserted_primary_key or (0,)
        now = from_ms(now_ms)
        return Session(session_id, user_id, agent, address, now, now, from_ms(ends_at_ms))

    def principal_of(self, digest: bytes, now_ms: int, idle_since_ms: int) -> Principal | None:
        row = self._connection.execute(
            select(sessions.c.id, users.c.id.label("user_id"), users.c.username, users.c.owner_id)
            .join(users, users.c.id == sessions.c.user_id)
            .where(sessions.c.digest == digest, _is_live(now_ms, idle_since_ms))
        ).one_or_none()
        return None if row is None else principal(row.user_id, row.username, row.owner_id, session_id=row.id)

    def touch(self, session_id: int, address: str, now_ms: int) -> None:
        self._connection.execute(
            update(sessions).where(sessions.c.id == session_id).values(seen_at=now_ms, address=address)
        )

    def all(self, user_id: int, now_ms: int, idle_since_ms: int) -> Sequence[Session]:
        rows = self._connection.execute(
            select(sessions)
            .where(sessions.c.user_id == user_id, _is_live(now_ms, idle_since_ms))
            .order_by(sessions.c.id)
        )
        return [
            Session(
                row.id,
                row.user_id,
                row.agent,
                row.address,
                from_ms(row.created_at),
                from_ms(row.seen_at),
                from_ms(row.ends_at),
            )
            for row in rows
        ]

    def end(self, user_id: int, session_id: int) -> bool:
        return (
            self._connection.execute(
                delete(sessions).where(sessions.c.user_id == user_id, sessions.c.id == session_id)
            ).rowcount
            == 1
        )

    def end_all(self, user_id: int, but: int | None = None) -> None:
        statement = delete(sessions).where(sessions.c.user_id == user_id)
        if but is not None:
            statement = statement.where(sessions.c.id != but)
        self._connection.execute(statement)

    def purge(self, now_ms: int, idle_since_ms: int) -> None:
        self._connection.execute(
            delete(sessions).where(or_(sessions.c.ends_at <= now_ms, sessions.c.seen_at < idle_since_ms))
        )


def _is_live(now_ms: int, idle_since_ms: int) -> ColumnElement[bool]:
    return and_(sessions.c.ends_at > now_ms, sessions.c.seen_at >= idle_since_ms)
