"""How times are written for a person."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup
from plant_backend.wording.formats import Formats
from plant_backend.wording.language import locale

NOW = datetime(2026, 6, 17, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "language", "text"),
    [
        (timedelta(0), "en", "1 second ago"),
        (timedelta(milliseconds=-400), "de", "vor 1 Sekunde"),
        (timedelta(minutes=5), "en", "5 minutes ago"),
        (-timedelta(hours=7), "en", "in 7 hours"),
    ],
)
def test_what_is_of_this_very_moment_is_not_to_come(age: timedelta, language: str, text: str) -> None:
    written = Formats(locale(language), ZoneInfo("UTC"), NOW).ago(NOW - age)
    assert isinstance(written, Markup)
    assert written.striptags() == text
