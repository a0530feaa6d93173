"""Rotating refresh tokens of nodes."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, insert, select, update

from plant_backend.storage.tables import refresh_tokens


@dataclass(frozen=True, slots=True)
class StoredRefreshToken:
    """A row, without its digest."""

    id: int
    device_number: int
    family: str
    issued_at_ms: int
    used_at_ms: int | None
    secret_tag: str


class SqlRefreshTokens:
    """Fulfils `ports.RefreshTokens`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def issue(
        self, device_number: int, family: str, digest: bytes, parent_id: int | None, now_ms: int, secret_tag: str = ""
    ) -> int:
        result = self._connection.execute(
            insert(refresh_tokens).values(
                device_number=device_number,
                family=family,
                digest=digest,
                parent_id=parent_id,
                issued_at=now_ms,
                secret_tag=secret_tag,
            )
        )
        (token_id,) = result.inserted_primary_key or (0,)
        return int(token_id)

    def find(self, digest: bytes) -> StoredRefreshToken | None:
        row = self._connection.execute(select(refresh_tokens).where(refresh_tokens.c.digest == digest)).one_or_none()
        if row is None:
            return None
        return StoredRefreshToken(row.id, row.device_number, row.family, row.issued_at, row.used_at, row.secret_tag)

    def has_used_child(self, token_id: int) -> bool:
        used = exists().where(refresh_tokens.c.parent_id == token_id, refresh_tokens.c.used_at.is_not(None))
        return bool(self._connection.execute(select(used)).scalar_one())

    def mark_used(self, token_id: int, now_ms: int) -> None:
        self._connection.execute(update(refresh_tokens).where(refresh_tokens.c.id == token_id).values(used_at=now_ms))

    def drop_children(self, token_id: int) -> None:
        self._connection.execute(delete(refresh_tokens).where(refresh_tokens.c.parent_id == token_id))

    def revoke_family(self, family: str) -> None:
        self._connection.execute(delete(refresh_tokens).where(refresh_tokens.c.family == family))

    def revoke_device(self, device_number: int) -> None:
        self._connection.execute(delete(refresh_tokens).where(refresh_tokens.c.device_number == device_number))

    def purge(self, device_number: int, before_ms: int) -> int:
        return self._connection.execute(
            delete(refresh_tokens).where(
                refresh_tokens.c.device_number == device_number, refresh_tokens.c.issued_at < before_ms
            )
        ).rowcount
