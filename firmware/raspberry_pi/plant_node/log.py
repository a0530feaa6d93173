"""Log lines: one an event, on stderr, for people and grep."""

from __future__ import annotations

import logging
import sys

from plant_node.clock import Clock, rfc3339

_LEVELS = {logging.WARNING: "WARN", logging.CRITICAL: "FATAL"}


class _Lines(logging.Formatter):
    """`2026-11-23T20:00:00Z INFO  pump: on for 8000 ms`; in accelerated time the date is the plant's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        when = rfc3339(self._clock.wall_ms())[:19] + "Z"
        text = record.getMessage().replace("\n", " ")
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += f" ({type(error).__name__}: {error})"
        level = _LEVELS.get(record.levelno, record.levelname)
        return f"{when} {level:<5} {text}"


def start_logging(clock: Clock) -> None:
    """Send the agent's own log to stderr; other libraries speak up only when something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(clock))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("plant_node").setLevel(logging.INFO)
    # urllib3 says with each lost connection what the link says once.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
