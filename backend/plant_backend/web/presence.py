"""Whether a node speaks, as pages show it."""

from enum import StrEnum


class Presence(StrEnum):
    """Whether a device speaks. Beyond a few times of what its profile calls stale it counts as offline."""

    FRESH = "fresh"
    STALE = "stale"
    OFFLINE = "offline"
    NEVER_SEEN = "never_seen"
