"""Names that several modules share."""

import logging
from datetime import timedelta
from typing import Final

DOMAIN: Final = "plant_automation"
LOGGER: Final = logging.getLogger(__package__)

CONF_IMPORT_STATISTICS: Final = "import_statistics"
CONF_ASSISTANTS_MAY_WATER: Final = "assistants_may_water"

SAFETY_REFRESH: Final = timedelta(minutes=5)
"""Events bring every change; this finds what a fault would have hidden, however many events come."""

CLOCK_TICK: Final = timedelta(seconds=30)
"""Silence brings no event: how often it is looked for."""
