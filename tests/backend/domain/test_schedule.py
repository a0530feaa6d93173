"""When the lamp should burn: by the clock on the wall in every zone, and beside daylight at every place."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from plant_backend.domain.model import LampMode, Profile
from plant_backend.domain.schedule import DUSK_OVERLAP, Span, instant, light_spans, sun_of

from tests.builders import DAY, HOUR, MINUTE, SECOND

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
SCHEDULES = [(time(6, 30), time(20, 30)), (time(20), time(8)), (time(2, 30), time(14)), (time(14), time(2, 30))]


def fixed(on_at: time, off_at: time, zone: str = "UTC") -> Profile:
    return Profile(lamp_mode=LampMode.FIXED, lamp_on_at=on_at, lamp_off_at=off_at, time_zone=zone)


def beside_the_sun(latitude: float, longitude: float = 0.0, hours: float = 14) -> Profile:
    return Profile(lamp_mode=LampMode.SUN, latitude=latitude, longitude=longitude, lamp_hours_min=hours)


def is_lit(profile: Profile, now: datetime) -> bool:
    return any(span.begin <= now < span.end for span in light_spans(profile, now))


@cache
def changes(zone: ZoneInfo) -> list[datetime]:
    """Give when the zone's offset changes in the two years."""
    found, moment = [], FIRST
    while moment < LAST:
        after = moment + DAY
        if moment.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            low, high = moment, after
            while high - low > SECOND:
                middle = (low + (high - low) / 2).replace(microsecond=0)
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
        moment = after
    return found


def should_burn(on_at: time, off_at: time, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[bool]:
    """Walk minute by minute with an eye on the wall clock: on when it reaches `on_at`, off when it reaches `off_at`.

    A time that the clock shows twice counts the first time; one it jumps over counts at the jump.
    """
    burns, done, before = None, set(), None
    moment = since - DAY
    while moment < until:
        wall = moment.astimezone(zone).replace(tzinfo=None)
        for at, value in ((on_at, True), (off_at, False)):
            due = datetime.combine(wall.date(), at)
            is_passed = wall >= due and (before is None or before < due or before > wall)
            if is_passed and (due, value) not in done and wall - due < timedelta(hours=3):
                done.add((due, value))
                burns = value
        before = wall
        if moment >= since:
            yield bool(burns)
        moment += MINUTE


def check_zone(name: str, days: Iterator[datetime]) -> None:
    zone = ZoneInfo(name)
    for noon in days:
        for on_at, off_at in [SCHEDULES[noon.toordinal() % len(SCHEDULES)]]:
            spans = light_spans(fixed(on_at, off_at, name), noon)
            assert all(before.end < after.begin for before, after in pairwise(spans))
            (span,) = [found for found in spans if found.begin.astimezone(zone).date() == noon.astimezone(zone).date()]
            begin, end = span.begin.astimezone(zone), span.end.astimezone(zone)
            shift = end.utcoffset() - begin.utcoffset()  # type: ignore[operator]
            near_a_change = any(abs(change - noon) < 2 * DAY for change in changes(zone))
            if not near_a_change:
                assert (begin.time(), end.time()) == (on_at, off_at)
            wall = end.replace(tzinfo=None) - begin.replace(tzinfo=None)
            assert span.end - span.begin == wall - shift


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_years_of_days_in_every_zone() -> None:
    """Daylight saving: TerrariumPI #745. Of zones whose clocks always show the same, one stands for the others."""
    seen = set()
    for name in ZONES:
        zone = ZoneInfo(name)
        clock = tuple((moment, moment.astimezone(zone).utcoffset()) for moment in (FIRST, *changes(zone)))
        check_zone(name, (FIRST + day * DAY + 12 * HOUR for day in range(2, 3 if clock in seen else 728)))
        seen.add(clock)
    assert len(seen) > 24


def test_every_zone_in_the_days_around_its_changes() -> None:
    """Daylight saving: TerrariumPI #745. Minute by minute, both ways, in every zone whose clocks change."""
    seen = set()
    for name in ZONES:
        zone = ZoneInfo(name)
        for change in changes(zone):
            before, after = ((change + step).astimezone(zone) for step in (-SECOND, timedelta(0)))
            kind = (before.time(), after.time())
            if kind in seen:
                continue
            seen.add(kind)
            since = (change - 14 * HOUR).replace(minute=0, second=0)
            for on_at, off_at in SCHEDULES:
                spans = light_spans(fixed(on_at, off_at, name), change)
                expected = list(should_burn(on_at, off_at, zone, since, since + 28 * HOUR))
                moments = [since + place * MINUTE for place in range(len(expected))]
                found = [any(span.begin <= moment < span.end for span in spans) for moment in moments]
                assert found == expected, (name, change, on_at, off_at)
    assert len(seen) >= 6


def test_a_time_that_does_not_exist_is_the_jump_and_one_that_comes_twice_the_first() -> None:
    """Daylight saving: TerrariumPI #745."""
    berlin = ZoneInfo("Europe/Berlin")
    assert instant(date(2026, 3, 29), time(2, 30), berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert instant(date(2026, 10, 25), time(2, 30), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_light_inside_the_hour_that_is_jumped_over_does_not_happen() -> None:
    spans = light_spans(fixed(time(2, 10), time(2, 50), "Europe/Berlin"), datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert [span.begin.day for span in spans] == [27, 28, 30, 31]


@pytest.mark.parametrize("longitude", [-179.9, -120, 0, 13.4, 120, 179.9])
@pytest.mark.parametrize("latitude", [-90, -70, -33, 0, 52.5, 66, 69.6, 90])
def test_every_day_has_the_hours_of_light_at_every_place(latitude: float, longitude: float) -> None:
    """Lamp and daylight together, from solar midnight to solar midnight, on days over two years."""
    profile = beside_the_sun(latitude, longitude)
    for step in range(0, 730, 9):
        day = (FIRST + step * DAY).date()
        middle, daylight = sun_of(day, latitude, longitude)
        lamp = light_spans(profile, middle)
        begin, end = middle - 12 * HOUR, middle + 12 * HOUR
        lit = [
            Span(max(span.begin, begin), min(span.end, end)) for span in lamp if span.end > begin and span.begin < end
        ]
        parts = sorted([*lit, *([daylight] if daylight else [])], key=lambda span: span.begin)
        light = timedelta(0)
        reach = begin
        for part in parts:
            light += max(timedelta(0), part.end - max(part.begin, reach))
            reach = max(reach, part.end)
        natural = daylight.end - daylight.begin if daylight else timedelta(0)
        # Near the equinoxes the day is longer by a little on one side of noon, and the lamp counts from noon.
        assert -2 * SECOND <= light - max(natural, 14 * HOUR) <= 5 * MINUTE, (day, daylight, lamp)
        overlap = sum((span.end - span.begin for span in lit), timedelta(0)) - (light - natural)
        assert overlap <= 2 * DUSK_OVERLAP + SECOND


def test_the_lamp_rests_under_the_midnight_sun_and_works_in_polar_night() -> None:
    tromso = beside_the_sun(69.65, 18.96)
    assert light_spans(tromso, datetime(2026, 6, 21, 12, tzinfo=UTC)) == []
    night = light_spans(tromso, datetime(2026, 12, 21, 12, tzinfo=UTC))
    assert [span.end - span.begin for span in night] == [14 * HOUR] * 5


def test_light_round_the_clock_is_one_span() -> None:
    noon = datetime(2026, 12, 21, 12, tzinfo=UTC)
    (span,) = light_spans(beside_the_sun(80, hours=24), noon)
    assert span.end - span.begin > 4 * DAY


def test_sunrise_in_berlin() -> None:
    """Beside a printed almanac: 21 June 2026, 4:43 to 21:33."""
    _, daylight = sun_of(date(2026, 6, 21), 52.52, 13.41)
    assert daylight is not None
    assert abs(daylight.begin - datetime(2026, 6, 21, 2, 43, tzinfo=UTC)) < 2 * MINUTE
    assert abs(daylight.end - datetime(2026, 6, 21, 19, 33, tzinfo=UTC)) < 2 * MINUTE


def test_no_schedule_no_light() -> None:
    assert not is_lit(Profile(), FIRST)
    assert is_lit(fixed(time(0), time(6)), FIRST)
