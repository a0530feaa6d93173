"""The languages that people are spoken to in."""

from enum import StrEnum


class Language(StrEnum):
    """English is what the sources are written in; each other one has a catalog of its own."""

    ENGLISH = "en"
    GERMAN = "de"
