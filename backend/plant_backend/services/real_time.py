"""The time of tokens, sessions and the audit log: the real one, however fast the plants' clock runs."""

import time
from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def real_ms() -> int:
    """Give the Unix milliseconds."""
    return time.time_ns() // 1_000_000


@overload
def from_real_ms(ms: int) -> datetime: ...
@overload
def from_real_ms(ms: int | None) -> datetime | None: ...
def from_real_ms(ms: int | None) -> datetime | None:
    """Give the time, or None for None."""
    return None if ms is None else _EPOCH + timedelta(milliseconds=ms)
