"""The identity of an installation: made once, kept for ever."""

import uuid

from sqlalchemy import insert, select

from plant_backend.storage.store import SqliteStorage
from plant_backend.storage.tables import instance
from plant_backend.storage.transaction import SqlTransaction


async def instance_id(storage: SqliteStorage) -> str:
    """Give the installation's UUID, making it at the first start."""
    return await storage.write(_read_or_make)


def _read_or_make(tx: SqlTransaction) -> str:
    known = tx.connection.execute(select(instance.c.value).where(instance.c.key == "id")).scalar_one_or_none()
    if known is not None:
        return str(known)
    made = str(uuid.uuid4())
    tx.connection.execute(insert(instance).values(key="id", value=made))
    return made
