"""Which languages there are, and their words."""

import gettext
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from babel import Locale, negotiate_locale

from plant_backend.domain.language import Language

LANGUAGES: dict[str, str] = {Language.ENGLISH: "English", Language.GERMAN: "Deutsch"}
"""The languages, each in its own name."""

LANGUAGE_COOKIE = "plant_language"
_CATALOGS = Path(__file__).with_name("locale")


def choose(wished: str | None, accepted: str) -> str:
    """Give the language that a person chose, else the first that their browser asks for and we have."""
    if wished in LANGUAGES:
        return str(wished)
    return negotiate_locale(_preferences(accepted), list(LANGUAGES), sep="-") or "en"


def _preferences(accepted: str) -> Sequence[str]:
    weighted = []
    for part in accepted.split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if tag and tag != "*" and weight > 0:
            weighted.append((-weight, tag))
    return [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]


@cache
def words(language: str) -> gettext.NullTranslations:
    """Give the catalog of a language; that of the sources is empty."""
    return gettext.translation("plant", _CATALOGS, [language], fallback=language == "en")


@cache
def locale(language: str) -> Locale:
    """Give how a language writes numbers and times."""
    return Locale.parse("en_GB" if language == "en" else language)


class Say(Protocol):
    """Translates a text, and puts values in the place of its %(names)s."""

    def __call__(self, text: str, /, **values: object) -> str: ...


def mark(text: str) -> str:
    """Mark a text for the catalogs; it is translated where it is shown."""
    return text
