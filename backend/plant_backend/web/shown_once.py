"""What is shown a single time: it waits in memory between the form that made it and the page that shows it."""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")

_KEPT = 64
_WAITS_S = 120.0


class ShownOnce(Generic[T]):
    """Holds values by person and name until they are taken, two minutes at most. A restart forgets them."""

    def __init__(self) -> None:
        self._values: OrderedDict[tuple[int, str], tuple[float, T]] = OrderedDict()

    def put(self, account_id: int, name: str, value: T) -> None:
        """Keep a value for one look."""
        self._forget_old()
        self._values[(account_id, name)] = (time.monotonic(), value)
        while len(self._values) > _KEPT:
            self._values.popitem(last=False)

    def take(self, account_id: int, name: str) -> T | None:
        """Give the value and forget it. None where it was shown before, or waited for too long."""
        self._forget_old()
        kept = self._values.pop((account_id, name), None)
        return None if kept is None else kept[1]

    def _forget_old(self) -> None:
        end = time.monotonic() - _WAITS_S
        while self._values and next(iter(self._values.values()))[0] < end:
            self._values.popitem(last=False)
