"""Whether the backend can do its work."""

import time

from plant_backend.domain.errors import Unavailable
from plant_backend.ports import Storage

_KEPT_S = 5.0
"""How long a good answer holds: everybody may ask, and each look is a write."""


class Health:
    """Asks the database."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._fine_until = 0.0

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes belong to the installation."""
        return self._storage.is_shared

    async def check(self) -> None:
        """Write something of no consequence, unless that went well a moment ago. Raises Unavailable."""
        now = time.monotonic()
        # On a full disk a small write may find room where a large one did not.
        if now - self._storage.failed_at_s < _KEPT_S:
            raise Unavailable("The database did not take a write a moment ago.")
        if now < self._fine_until:
            return
        await self._storage.check_writable()
        self._fine_until = time.monotonic() + _KEPT_S
