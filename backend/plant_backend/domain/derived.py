"""Values that are worked out from several sensors or from a day of one: never measured, never acted on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from plant_backend.domain.model import Sample

LUX_TO_PPFD_DAYLIGHT = 0.0185
"""µmol/s/m² (400 to 700 nm) per lux of daylight: 1 / 54, Thimijan & Heins 1983, HortScience 18(6), table 3.

It holds for sun and sky. Under lamps it is another one (cool white fluorescent 1/74, high-pressure sodium 1/82; LEDs
differ by kind, and red and blue ones give a luxmeter next to nothing), so a DLI under a lamp is a rough guess.
"""

LIGHT_GAP_MAX = timedelta(hours=1)
"""How far apart two samples of light may lie to be joined by a line; what lies in a longer gap is unknown."""

LIGHT_COVERED_MIN = 0.9
"""The share of the 24 hours that must be known for a DLI to be told."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from a device's readings; None where a channel is missing or stale."""

    vpd_kpa: float | None = None
    dli_mol_m2_d: float | None = None


def saturation_vapour_pressure_kpa(temperature_c: float) -> float:
    """Give the pressure of saturated water vapour over water: FAO Irrigation and Drainage Paper 56 (1998), equation 11.

    Tetens' form of the Magnus formula. Good to some 0.1 % between 0 and 50 °C; under frost, ice has less.
    """
    return 0.6108 * math.exp(17.27 * temperature_c / (temperature_c + 237.3))


def vpd_kpa(air_temperature_c: float, air_humidity_percent: float) -> float | None:
    """Give the vapour pressure deficit of the air (FAO-56, equations 11 and 17); None outside -20 to 60 °C.

    The leaf is taken to be as warm as the air. In the sun it is warmer, in a draught cooler: 0.2 kPa a degree or so.
    """
    if not (-20 <= air_temperature_c <= 60 and 0 <= air_humidity_percent <= 100):
        return None
    return saturation_vapour_pressure_kpa(air_temperature_c) * (1 - air_humidity_percent / 100)


def dli_mol_m2_d(light: Sequence[Sample], until: datetime) -> float | None:
    """Give the light of the 24 hours before `until`, from samples in lux, oldest first; None where too much is unknown.

    Trapezoids between samples, times LUX_TO_PPFD_DAYLIGHT. What is known stands for the whole day.
    """
    since, day = until - timedelta(days=1), timedelta(days=1)
    lux_s, known = 0.0, timedelta(0)
    samples = [sample for sample in light if since <= sample.ts <= until and sample.value >= 0]
    for before, after in pairwise(samples):
        gap = after.ts - before.ts
        if gap <= LIGHT_GAP_MAX:
            lux_s += (before.value + after.value) / 2 * gap.total_seconds()
            known += gap
    if known < day * LIGHT_COVERED_MIN:
        return None
    return lux_s * (day / known) * LUX_TO_PPFD_DAYLIGHT / 1e6
