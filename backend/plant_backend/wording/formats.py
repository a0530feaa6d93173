"""Numbers, spans and times as a person reads them, in their language and zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_decimal
from markupsafe import Markup

ZONE_COOKIE = "plant_zone"
_DASH = "–"


def zone_of(name: str | None) -> ZoneInfo:
    """Give the zone that a browser says it is in; UTC where it says nothing known."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Formats:
    """How values are written for one person."""

    locale: Locale
    zone: ZoneInfo
    now: datetime

    def number(self, value: float | None, digits: int = 1) -> str:
        """Write a number with at most so many decimals."""
        if value is None:
            return _DASH
        pattern = "#,##0." + "#" * digits if digits else "#,##0"
        return str(format_decimal(value, format=pattern, locale=self.locale))

    def quantity(self, value: float | None, unit: str, digits: int = 1) -> str:
        """Write a number with its unit, which never stands on a line of its own."""
        return f"{self.number(value, digits)}\N{NO-BREAK SPACE}{unit}" if value is not None else _DASH

    def volume(self, ml: float | None) -> str:
        """Write a volume, in litres from one litre on."""
        if ml is None:
            return _DASH
        return self.quantity(ml / 1000, "L", 2) if ml >= 1000 else self.quantity(ml, "ml", 0)

    def span(self, seconds: float) -> str:
        """Write how long something takes."""
        if seconds < 120:
            return self.quantity(seconds, "s", 1)
        if seconds < 7200:
            return self.quantity(seconds / 60, "min", 0)
        return self.quantity(seconds / 3600, "h", 1)

    def ms(self, milliseconds: float | None) -> str:
        """Write a duration given in milliseconds."""
        return _DASH if milliseconds is None else self.span(milliseconds / 1000)

    def time(self, at: datetime) -> str:
        """Write a time of day."""
        return str(format_time(at.astimezone(self.zone), "short", locale=self.locale))

    def date(self, at: datetime) -> str:
        """Write a date."""
        return str(format_date(at.astimezone(self.zone).date(), "medium", locale=self.locale))

    def moment(self, at: datetime | None) -> str:
        """Write a date and time; today's and yesterday's date is left to `ago`."""
        if at is None:
            return _DASH
        local = at.astimezone(self.zone)
        if local.date() == self.now.astimezone(self.zone).date():
            return self.time(at)
        return str(
            format_datetime(
                local, "d MMM, HH:mm" if self.locale.language == "en" else "d. MMM, HH:mm", locale=self.locale
            )
        )

    def age_s(self, at: datetime) -> int:
        """Give how many seconds ago something was; below zero for what is to come."""
        return round((self.now - at) / timedelta(seconds=1))

    def ago(self, at: datetime | None) -> Markup | str:
        """Write how long ago something was, in an element that the browser keeps up to date."""
        if at is None:
            return _DASH
        # What is of this very moment is not to come.
        delta = at - self.now if abs(at - self.now) >= timedelta(seconds=1) else -timedelta(seconds=1)
        text = format_timedelta(delta, granularity="second", add_direction=True, threshold=1.2, locale=self.locale)
        return Markup('<time datetime="{}" data-age-s="{}" title="{}">{}</time>').format(
            iso(at), self.age_s(at), f"{self.date(at)} {self.time(at)}", text
        )

    def clock(self, at: datetime | None) -> Markup | str:
        """Write a moment in an element that says it exactly."""
        if at is None:
            return _DASH
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            iso(at), f"{self.date(at)} {self.time(at)}", self.moment(at)
        )


def iso(at: datetime) -> str:
    """Give a time for programs."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
