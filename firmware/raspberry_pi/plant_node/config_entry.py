"""Reads one table of the configuration file word by word, and refuses what is left over."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


class ConfigError(ValueError):
    """The configuration makes no sense; the text says where."""


class Entry:
    """One table. Each reader takes its word out; `no_more` refuses words that nobody took."""

    def __init__(self, name: str, table: Mapping[str, Any]) -> None:
        self.name = name
        self._left = dict(table)

    def choice(self, key: str, allowed: Iterable[str]) -> str:
        """A word out of a list; needed."""
        allowed = tuple(allowed)
        value = self._take(key, None, lambda found: found in allowed, f"must be one of {', '.join(allowed)}")
        if value is None:
            raise ConfigError(f"{self.name}.{key}: is needed, one of {', '.join(allowed)}")
        return str(value)

    def integer(self, key: str, default: Any, least: int = 0, most: int = 2**31 - 1) -> Any:
        """A whole number within bounds."""
        return self._take(
            key,
            default,
            lambda found: isinstance(found, int) and not isinstance(found, bool) and least <= found <= most,
            f"must be a whole number from {least} to {most}",
        )

    def needed_integer(self, key: str, least: int, most: int) -> int:
        """A whole number within bounds; needed."""
        value = self.integer(key, None, least, most)
        if value is None:
            raise ConfigError(f"{self.name}.{key}: is needed, a whole number from {least} to {most}")
        return int(value)

    def one_of_integers(self, key: str, allowed: Sequence[int]) -> int:
        """An address out of a chip's; its first one when none is given."""
        wanted = ", ".join(f"0x{each:02x}" for each in allowed)
        return int(self._take(key, allowed[0], lambda found: found in allowed, f"must be one of {wanted}"))

    def needed_number(self, key: str, least: float, most: float) -> float:
        """A number within bounds; needed."""
        if key not in self._left:
            raise ConfigError(f"{self.name}.{key}: is needed, {least:g} to {most:g}")
        return self.number(key, least, least, most)

    def number(self, key: str, default: float, least: float, most: float) -> float:
        """A number within bounds."""
        return float(
            self._take(
                key, default, lambda found: _is_number(found) and least <= found <= most, f"must be {least} to {most}"
            )
        )

    def boolean(self, key: str, default: bool) -> bool:
        """Yes or no."""
        return bool(self._take(key, default, lambda found: isinstance(found, bool), "must be true or false"))

    def text(self, key: str) -> str | None:
        """A non-empty text, if given."""
        value = self._take(key, None, lambda found: isinstance(found, str) and found != "", "must be a text")
        return None if value is None else str(value)

    def points(self, key: str) -> tuple[tuple[float, float], ...]:
        """Calibration points `[raw, value]`, sorted by raw."""

        def are_points(found: Any) -> bool:
            return (
                isinstance(found, list)
                and all(isinstance(point, list) and len(point) == 2 and all(map(_is_number, point)) for point in found)
                and len({point[0] for point in found}) == len(found)
            )

        value = self._take(key, [], are_points, "must be a list of [raw, value] with different raws")
        return tuple(sorted((float(raw), float(out)) for raw, out in value))

    def no_more(self) -> None:
        """Refuse what nobody asked for: a typo."""
        for key in self._left:
            raise ConfigError(f"{self.name}.{key}: unknown word")

    def _take(self, key: str, default: Any, is_right: Callable[[Any], bool], wanted: str) -> Any:
        if key not in self._left:
            return default
        value = self._left.pop(key)
        if not is_right(value):
            raise ConfigError(f"{self.name}.{key}: {wanted}")
        return value


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
