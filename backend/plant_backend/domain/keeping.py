"""How long what is kept is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keeping:
    """Days, each. Hourly rollups are kept for ever."""

    raw_days: int = 32
    five_minutes_days: int = 366
    decision_days: int = 90
    record_days: int = 730
    audit_days: int = 365
