"""When the lamp should burn: spans of time in UTC, right across daylight saving, midnight sun and polar night."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from astral import Observer, SunDirection
from astral.sun import SUN_APPARENT_RADIUS, elevation, noon, time_of_transit

from plant_backend.domain.model import LampMode, Profile

DUSK_OVERLAP = timedelta(minutes=15)
"""How long the lamp burns together with the low sun, so that the plant's day has no dark gap at its seams."""

_DAY = timedelta(days=1)
_SEAM = timedelta(minutes=1)
"""Solar noon moves by up to half a minute a day: light round the clock is not to blink for that."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time of light: from `begin` on, and not any more at `end`."""

    begin: datetime
    end: datetime


def light_spans(profile: Profile, now: datetime) -> list[Span]:
    """Give the spans of lamp light of the days around `now`, in order, apart from each other. UTC."""
    match profile.lamp_mode:
        case LampMode.FIXED if profile.lamp_on_at is not None and profile.lamp_off_at is not None:
            zone = ZoneInfo(profile.time_zone)
            on_at, off_at = profile.lamp_on_at, profile.lamp_off_at
            # Days are counted on the calendar: 24 hours later may be the day after next.
            days = _around(now.astimezone(zone).date())
            return _merged([span for day in days for span in _fixed(day, on_at, off_at, zone)])
        case LampMode.SUN if profile.latitude is not None and profile.longitude is not None:
            latitude, longitude, hours = profile.latitude, profile.longitude, profile.lamp_hours_min
            days = _around((now + timedelta(hours=longitude / 15)).date())
            return _merged([span for day in days for span in _beside_daylight(day, latitude, longitude, hours)])
        case _:
            return []


def _around(day: date) -> list[date]:
    return [day + offset * _DAY for offset in range(-2, 3)]


def _fixed(day: date, on_at: time, off_at: time, zone: ZoneInfo) -> list[Span]:
    last = day + _DAY if off_at <= on_at else day
    begin, end = instant(day, on_at, zone), instant(last, off_at, zone)
    return [Span(begin, end)] if begin < end else []


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Give when the clocks of a zone show a time of day: the first time where they do twice, the jump where never."""
    local = datetime.combine(day, at.replace(fold=0), zone)
    found = local.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    # The clocks jump over it: both ways to read it lie around the jump, which is what is looked for.
    before, after = local.replace(fold=1).astimezone(UTC), found
    offset_before = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle <= before:
            break
        if middle.astimezone(zone).utcoffset() == offset_before:
            before = middle
        else:
            after = middle
    return after


def _beside_daylight(day: date, latitude: float, longitude: float, hours: float) -> list[Span]:
    middle, daylight = sun_of(day, latitude, longitude)
    half = timedelta(hours=hours) / 2
    begin, end = middle - half, middle + half
    if daylight is None:
        return [Span(begin, end)] if begin < end else []
    if daylight.end - daylight.begin >= 2 * half:
        return []
    spans = []
    if begin < daylight.begin:
        spans.append(Span(begin, min(daylight.begin + DUSK_OVERLAP, middle)))
    if daylight.end < end:
        spans.append(Span(max(daylight.end - DUSK_OVERLAP, middle), end))
    return spans


@lru_cache(maxsize=1024)
def sun_of(day: date, latitude: float, longitude: float) -> tuple[datetime, Span | None]:
    """Give solar noon of a day (by the sun's own time of the place) and its daylight: none in polar night.

    To the second. In the midnight sun daylight is the whole day around noon.
    """
    observer = Observer(latitude, longitude)
    mean_noon = datetime.combine(day, time(12), UTC) - timedelta(hours=longitude / 15)
    near = [mean_noon.date() + offset * _DAY for offset in (-1, 0, 1)]
    middle = _seconds(min((noon(observer, each) for each in near), key=lambda found: abs(found - mean_noon)))
    rises = [rise for rise in _transits(observer, near, SunDirection.RISING) if middle - _DAY / 2 <= rise <= middle]
    sets = [fall for fall in _transits(observer, near, SunDirection.SETTING) if middle <= fall <= middle + _DAY / 2]
    if rises and sets:
        return middle, Span(max(rises), min(sets))
    is_up = elevation(observer, middle) > -SUN_APPARENT_RADIUS
    return middle, Span(middle - _DAY / 2, middle + _DAY / 2) if is_up else None


def _transits(observer: Observer, days: list[date], direction: SunDirection) -> Iterator[datetime]:
    for day in days:
        try:
            yield _seconds(time_of_transit(observer, day, 90 + SUN_APPARENT_RADIUS, direction))
        except ValueError:
            # The sun does not cross the horizon that day.
            continue


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.begin):
        if merged and span.begin - merged[-1].end < _SEAM:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged
