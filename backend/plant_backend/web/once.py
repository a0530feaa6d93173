"""A form that is sent twice acts once: the second gets the answer of the first."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_KEPT = 512


class Once(Generic[T]):
    """Remembers what became of the newest forms, by person and key."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[tuple[int, str], asyncio.Future[T]] = OrderedDict()

    async def run(self, account_id: int, key: str, act: Callable[[], Awaitable[T]]) -> T:
        """Act, or wait for what became of the first time. A refusal is an outcome too, and raised again."""
        known = self._outcomes.get((account_id, key))
        if known is not None:
            return await asyncio.shield(known)
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._outcomes[(account_id, key)] = outcome
        while len(self._outcomes) > _KEPT:
            self._outcomes.popitem(last=False)
        try:
            result = await act()
        except BaseException as error:
            outcome.set_exception(error if isinstance(error, Exception) else RuntimeError("it was cut short"))
            outcome.exception()  # it may be that nobody asks again
            raise
        outcome.set_result(result)
        return result
