"""The identity of an installation: made once, kept for ever."""

import hashlib
import uuid
from collections.abc import Sequence
from functools import partial

from sqlalchemy import insert, select, update

from plant_backend.storage.store import SqlStorage
from plant_backend.storage.tables import instance
from plant_backend.storage.transaction import SqlTransaction


async def instance_id(storage: SqlStorage) -> str:
    """Give the installation's UUID, making it at the first start."""
    return await storage.write(_read_or_make)


def _read_or_make(tx: SqlTransaction) -> str:
    known = tx.connection.execute(select(instance.c.value).where(instance.c.key == "id")).scalar_one_or_none()
    if known is not None:
        return str(known)
    made = str(uuid.uuid4())
    tx.connection.execute(insert(instance).values(key="id", value=made))
    return made


async def is_common_key(storage: SqlStorage, keys: Sequence[bytes]) -> bool:
    """Tell whether a machine has the key that the other machines of the installation have. `keys`: the newest first.

    One that was made after the key that all had is the common one from now on.
    """
    tags = [hashlib.sha256(key).hexdigest()[:16] for key in keys]
    return await storage.write(partial(_is_common, tags))


def _is_common(tags: Sequence[str], tx: SqlTransaction) -> bool:
    known = tx.connection.execute(select(instance.c.value).where(instance.c.key == "signing_key")).scalar_one_or_none()
    if known is None:
        tx.connection.execute(insert(instance).values(key="signing_key", value=tags[0]))
    elif known in tags[1:]:
        tx.connection.execute(update(instance).where(instance.c.key == "signing_key").values(value=tags[0]))
    return known is None or known in tags
