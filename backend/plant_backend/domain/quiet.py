"""Quiet hours: times of day at which the rules let the pump be."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from plant_backend.domain.model import Profile
from plant_backend.domain.reason import Reason, ReasonCode


def quiet_refusal(profile: Profile, now: datetime) -> Reason | None:
    """Refuse inside the quiet hours, which may reach across midnight."""
    begin, end = profile.quiet_from, profile.quiet_until
    if begin is None or end is None:
        return None
    zone = ZoneInfo(profile.time_zone)
    local = now.astimezone(zone)
    if not _is_within(local.time(), begin, end):
        return None
    day = local.date()
    if local.time() >= end:
        day += timedelta(days=1)
    ends_at = datetime.combine(day, end, zone).astimezone(UTC)
    text = f"Quiet hours, {begin:%H:%M} to {end:%H:%M} ({profile.time_zone})."
    return Reason(ReasonCode.QUIET_HOURS, text, ends_at)


def _is_within(moment: time, begin: time, end: time) -> bool:
    if begin <= end:
        return begin <= moment < end
    return moment >= begin or moment < end
