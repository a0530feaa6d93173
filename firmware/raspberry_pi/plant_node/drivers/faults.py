"""Faults of the simulated plant, to see what the node, the rules and the alerts make of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from plant_node.config_entry import ConfigError

log = logging.getLogger(__name__)


class Fault(StrEnum):
    """What can be wrong."""

    STUCK_PROBE = "stuck_probe"
    """The soil probe shows what it showed when the fault began."""
    UNPLUGGED_PROBE = "unplugged_probe"
    NOISY_PROBE = "noisy_probe"
    EMPTY_TANK = "empty_tank"
    CLOGGED_HOSE = "clogged_hose"
    """The pump runs, and the water stays in the reservoir."""
    LEAK = "leak"
    """The water leaves the reservoir and never gets to the soil."""


class Faults:
    """Those of the configuration, and those that a file names while the node runs: one word a line."""

    def __init__(self, given: Iterable[Fault], file: Path) -> None:
        self._given = frozenset(given)
        self._file = file
        self._read_at_ns = -1
        self._from_file: frozenset[Fault] = frozenset()

    def now(self) -> frozenset[Fault]:
        """The faults of this moment."""
        try:
            changed_at_ns = self._file.stat().st_mtime_ns
            if changed_at_ns != self._read_at_ns:
                self._from_file = self._parse(self._file.read_text(encoding="utf-8"))
                self._read_at_ns = changed_at_ns
        except (OSError, UnicodeDecodeError):
            self._from_file, self._read_at_ns = frozenset(), -1
        return self._given | self._from_file

    def _parse(self, text: str) -> frozenset[Fault]:
        words = set(text.split())
        known = {fault.value for fault in Fault}
        if words - known:
            log.warning("simulated: %s names no faults: %s", self._file.name, ", ".join(sorted(words - known)))
        return frozenset(Fault(word) for word in words & known)


def read_faults(from_file: Mapping[str, Any], from_env: Mapping[str, str]) -> frozenset[Fault]:
    """`faults` of [simulated], a list, and PLANT_NODE_SIM_FAULTS, with commas between. Raises ConfigError."""
    given = from_file.get("faults", [])
    wanted = f"must be some of {', '.join(Fault)}"
    if not isinstance(given, list):
        raise ConfigError(f"simulated.faults: {wanted}")
    named = [("simulated.faults", word) for word in given]
    named += [("PLANT_NODE_SIM_FAULTS", word) for word in from_env.get("faults", "").replace(",", " ").split()]
    for name, word in named:
        if word not in list(Fault):
            raise ConfigError(f"{name}: {wanted}")
    return frozenset(Fault(word) for _, word in named)
