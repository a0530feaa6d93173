"""Quiet hours: times of day at which the rules let the pump be, and at which people are not disturbed."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from plant_backend.domain import sentences
from plant_backend.domain.model import Profile
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.domain.schedule import instant


def quiet_refusal(profile: Profile, now: datetime) -> Reason | None:
    """Refuse inside the quiet hours, which may reach across midnight."""
    begin, end = profile.quiet_from, profile.quiet_until
    if begin is None or end is None:
        return None
    ends_at = quiet_end(begin, end, profile.time_zone, now)
    if ends_at is None:
        return None
    what = sentences.quiet_hours(begin, end, profile.time_zone)
    return Reason.saying(ReasonCode.QUIET_HOURS, what, until=ends_at)


def quiet_end(begin: time, end: time, time_zone: str, now: datetime) -> datetime | None:
    """Give when the quiet hours end that hold now, or None where none do.

    An end that the clocks show twice is the first one, so the hour that comes again is not quiet any more.
    """
    zone = ZoneInfo(time_zone)
    local = now.astimezone(zone)
    if not _is_within(local.time(), begin, end):
        return None
    day = local.date()
    if local.time() >= end:
        day += timedelta(days=1)
    ends_at = instant(day, end, zone)
    return ends_at if ends_at > now else None


def _is_within(moment: time, begin: time, end: time) -> bool:
    if begin <= end:
        return begin <= moment < end
    return moment >= begin or moment < end
