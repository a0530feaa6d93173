"""Times as the database keeps them: Unix milliseconds, UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Give the Unix milliseconds of an aware time."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """Give the aware UTC time of Unix milliseconds, exact to the millisecond."""
    return _EPOCH + timedelta(milliseconds=ms)


def from_ms_or_none(ms: int | None) -> datetime | None:
    """Give the time, or None for None."""
    return None if ms is None else from_ms(ms)
