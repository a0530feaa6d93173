"""People and their API tokens."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from plant_backend.domain.account import ApiToken, Principal, Scope, User
from plant_backend.domain.errors import Conflict
from plant_backend.storage.driver import attempt
from plant_backend.storage.tables import api_tokens, users
from plant_backend.storage.times import from_ms, from_ms_or_none, to_ms


class SqlUsers:
    """Fulfils `ports.Users`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, username: str, password_hash: str, now: datetime, owner_id: int | None = None) -> User:
        try:
            with attempt(self._connection):
                result = self._connection.execute(
                    insert(users).values(
                        username=username, password_hash=password_hash, created_at=to_ms(now), owner_id=owner_id
                    )
                )
        except IntegrityError:
            raise Conflict("username_taken", f"There is a user {username} already.") from None
        (user_id,) = result.inserted_primary_key or (0,)
        return User(user_id, username, now, owner_id)

    def add_first(self, username: str, password_hash: str, now: datetime) -> User | None:
        if self._connection.execute(select(func.count()).select_from(users)).scalar_one():
            return None
        return self.add(username, password_hash, now)

    def get(self, user_id: int) -> tuple[User, str] | None:
        row = self._connection.execute(select(users).where(users.c.id == user_id)).one_or_none()
        return None if row is None else (_user(row), row.password_hash)

    def viewers(self, owner_id: int) -> Sequence[User]:
        rows = self._connection.execute(select(users).where(users.c.owner_id == owner_id).order_by(users.c.id))
        return [_user(row) for row in rows]

    def delete(self, user_id: int) -> None:
        self._connection.execute(delete(users).where(or_(users.c.id == user_id, users.c.owner_id == user_id)))

    def by_name(self, username: str) -> tuple[User, str] | None:
        row = self._connection.execute(select(users).where(users.c.username == username)).one_or_none()
        return None if row is None else (_user(row), row.password_hash)

    def set_password(self, user_id: int, password_hash: str) -> None:
        self._connection.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))

    def all(self) -> Sequence[User]:
        return [_user(row) for row in self._connection.execute(select(users).order_by(users.c.id))]

    def add_token(
        self, user_id: int, name: str, prefix: str, digest: bytes, now: datetime, scope: Scope = Scope.ACCOUNT
    ) -> ApiToken:
        result = self._connection.execute(
            insert(api_tokens).values(
                user_id=user_id, name=name, prefix=prefix, digest=digest, created_at=to_ms(now), scope=scope
            )
        )
        (token_id,) = result.inserted_primary_key or (0,)
        return ApiToken(token_id, user_id, name, prefix, now, None, scope)

    def principal_of(self, digest: bytes) -> Principal | None:
        row = self._connection.execute(
            select(api_tokens.c.id, api_tokens.c.scope, users.c.id.label("user_id"), users.c.username, users.c.owner_id)
            .join(users, users.c.id == api_tokens.c.user_id)
            .where(api_tokens.c.digest == digest, api_tokens.c.revoked_at.is_(None))
        ).one_or_none()
        if row is None:
            return None
        return replace(principal(row.user_id, row.username, row.owner_id, token_id=row.id), scope=Scope(row.scope))

    def touch_token(self, token_id: int, now: datetime) -> None:
        self._connection.execute(update(api_tokens).where(api_tokens.c.id == token_id).values(last_used_at=to_ms(now)))

    def tokens(self, who: Principal) -> Sequence[ApiToken]:
        rows = self._connection.execute(
            select(api_tokens)
            .where(api_tokens.c.user_id == who.account_id, api_tokens.c.revoked_at.is_(None))
            .order_by(api_tokens.c.id)
        )
        return [
            ApiToken(
                row.id,
                row.user_id,
                row.name,
                row.prefix,
                from_ms(row.created_at),
                from_ms_or_none(row.last_used_at),
                Scope(row.scope),
            )
            for row in rows
        ]

    def revoke_token(self, who: Principal, token_id: int, now: datetime) -> bool:
        result = self._connection.execute(
            update(api_tokens)
            .where(
                api_tokens.c.id == token_id,
                api_tokens.c.user_id == who.account_id,
                api_tokens.c.revoked_at.is_(None),
            )
            .values(revoked_at=to_ms(now))
        )
        return result.rowcount == 1

    def revoke_tokens(self, user_id: int, now: datetime) -> None:
        self._connection.execute(
            update(api_tokens)
            .where(api_tokens.c.user_id == user_id, api_tokens.c.revoked_at.is_(None))
            .values(revoked_at=to_ms(now))
        )


def principal(
    user_id: int, username: str, owner_id: int | None, *, token_id: int | None = None, session_id: int | None = None
) -> Principal:
    """Give who is asking: a viewer sees what the owner has."""
    if owner_id is None:
        return Principal(user_id, username, token_id, None, session_id)
    return Principal(owner_id, username, token_id, user_id, session_id)


def _user(row: Row[Any]) -> User:
    return User(row.id, row.username, from_ms(row.created_at), row.owner_id)
