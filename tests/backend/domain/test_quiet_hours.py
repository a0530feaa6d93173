"""Quiet hours: by the clock on the wall, across midnight and across daylight saving."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from plant_backend.domain.model import Profile
from plant_backend.domain.quiet import quiet_refusal

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
