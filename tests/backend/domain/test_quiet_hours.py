"""Quiet hours: by the clock on the wall, across midnight and across daylight saving."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from plant_backend.domain.model import Profile
from plant_backend.domain.quiet import quiet_end, quiet_refusal

BERLIN = ZoneInfo("Europe/Berlin")


def quiet(begin: int, end: int) -> Profile:
    return Profile(quiet_from=time(begin), quiet_until=time(end), time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("moment", "is_quiet"), [((2, 21, 59), False), ((2, 22, 0), True), ((3, 6, 59), True), ((3, 7, 0), False)]
)
def test_a_night_reaches_across_midnight(moment: tuple[int, int, int], is_quiet: bool) -> None:
    day, hour, minute = moment
    now = datetime(2026, 6, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)
    assert (quiet_refusal(quiet(22, 7), now) is not None) is is_quiet


@pytest.mark.parametrize(("month", "day"), [(3, 28), (10, 24)])
def test_the_end_is_right_across_daylight_saving(month: int, day: int) -> None:
    """Daylight saving: TerrariumPI #745. The night before the change ends at seven on the wall all the same."""
    now = datetime(2026, month, day, 23, 0, tzinfo=BERLIN).astimezone(UTC)
    refusal = quiet_refusal(quiet(22, 7), now)
    assert refusal is not None
    assert refusal.until is not None
    local = refusal.until.astimezone(BERLIN)
    assert (local.day, local.hour, local.minute) == (day + 1, 7, 0)
    assert quiet_refusal(quiet(22, 7), refusal.until) is None


def test_hours_within_a_day() -> None:
    now = datetime(2026, 6, 2, 13, 0, tzinfo=BERLIN).astimezone(UTC)
    refusal = quiet_refusal(quiet(12, 14), now)
    assert refusal is not None
    assert refusal.until == datetime(2026, 6, 2, 14, 0, tzinfo=BERLIN)


def test_no_hours_no_quiet() -> None:
    assert quiet_refusal(Profile(), datetime(2026, 6, 2, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
        ("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
        ("America/Santiago", datetime(2026, 4, 5, 3, tzinfo=UTC)),
    ],
)
def test_the_end_lies_ahead_in_every_minute_around_a_change(zone: str, change: datetime) -> None:
    """Also one that the clocks show twice, or jump over: what waits for it would not wait, or wait too long."""
    around = change.astimezone(ZoneInfo(zone))
    assert (change - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).utcoffset() != around.utcoffset()
    for quarters in range(-8, 9):
        end = (around.replace(tzinfo=None) + timedelta(minutes=15 * quarters)).time()
        begin = (around.replace(tzinfo=None) - timedelta(hours=5)).time()
        was_quiet = True
        for minutes in range(-180, 181):
            now = change + timedelta(minutes=minutes)
            ends_at = quiet_end(begin, end, zone, now)
            assert ends_at is None or now < ends_at <= change + timedelta(hours=3), (end, now)
            if ends_at is not None:
                before = max(now, ends_at - timedelta(minutes=1))
                assert quiet_end(begin, end, zone, before) == ends_at, "it is quiet until then"
                assert quiet_end(begin, end, zone, ends_at) is None, "and not after it"
            assert was_quiet or ends_at is None, "what was over does not begin anew"
            was_quiet = ends_at is not None
        assert not was_quiet
