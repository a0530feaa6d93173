"""Hashing passwords without letting it starve the nodes."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from plant_backend.domain.errors import InvalidInput, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

MIN_PASSWORD = 10
MAX_PASSWORD = 200
_WAITING = 16

_LOWEST_PRIORITY = 19


class Passwords:
    """Hashes and verifies, one at a time, on a thread that yields to all others, with a short queue before it."""

    def __init__(self) -> None:
        # OWASP's second choice for argon2id: a third of the memory of the library's default, which a Pi has not
        # to spare, and one lane, since more would only take the other cores from the nodes.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_yield_to_others)
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Give what is stored of a password. Raises Unavailable when too many wait."""
        return await self._run(self._hasher.hash, password)

    async def is_right(self, password_hash: str | None, password: str) -> bool:
        """Tell whether a password is right. Without a hash it takes as long and is not. Raises Unavailable."""
        return await self._run(self._verify, password_hash, password[: MAX_PASSWORD + 1])

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= _WAITING:
            raise Unavailable("Too many sign-ins wait.", retry_after_s=5)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **kwargs))
        finally:
            self._waiting -= 1

    def _verify(self, password_hash: str | None, password: str) -> bool:
        if not password_hash:
            if self._nobody is None:
                self._nobody = self._hasher.hash("nobody")
            password_hash, password = self._nobody, ""
        try:
            return self._hasher.verify(password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False


def checked(password: str, field: str = "password") -> str:
    """Give the password if it may be one. Raises InvalidInput."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidInput([(field, f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")])
    return password


def _yield_to_others() -> None:
    # On Linux a thread has a niceness of its own; elsewhere hashing is merely not polite.
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
