"""VPD and DLI against figures from their sources."""

from datetime import timedelta

import pytest
from plant_backend.domain.derived import LUX_TO_PPFD_DAYLIGHT, dli_mol_m2_d, saturation_vapour_pressure_kpa, vpd_kpa
from plant_backend.domain.model import Sample

from tests.builders import DAY, HOUR, MINUTE, NOW


def some_light(lux: float, *, hours: float = 24, every: timedelta = 10 * MINUTE) -> list[Sample]:
    count = int(hours * HOUR / every)
    return [Sample(NOW - every * place, lux) for place in range(count, -1, -1)]


@pytest.mark.parametrize(("celsius", "kpa"), [(1, 0.657), (15, 1.705), (24.5, 3.075), (30, 4.243), (40, 7.376)])
def test_saturation_is_that_of_fao_56_table_2_3(celsius: float, kpa: float) -> None:
    assert saturation_vapour_pressure_kpa(celsius) == pytest.approx(kpa, abs=0.002)


def test_the_deficit_of_a_warm_room() -> None:
    assert vpd_kpa(25, 60) == pytest.approx(1.267, abs=0.001)
    assert vpd_kpa(25, 100) == 0


@pytest.mark.parametrize(("celsius", "percent"), [(-21, 50), (61, 50), (20, -1), (20, 101)])
def test_no_deficit_where_the_formula_does_not_hold(celsius: float, percent: float) -> None:
    assert vpd_kpa(celsius, percent) is None


def test_a_day_of_steady_light() -> None:
    """10,000 lx for 24 hours: 185 µmol/s/m² times 86,400 s."""
    assert pytest.approx(1 / 54, rel=0.002) == LUX_TO_PPFD_DAYLIGHT
    assert dli_mol_m2_d(some_light(10_000), NOW) == pytest.approx(15.984)


def test_half_a_day_is_no_daily_light() -> None:
    assert dli_mol_m2_d(some_light(10_000, hours=12), NOW) is None
    assert dli_mol_m2_d([], NOW) is None


def test_a_gap_is_not_bridged_and_a_short_one_is_scaled() -> None:
    light = [sample for sample in some_light(10_000) if not NOW - 5 * HOUR < sample.ts < NOW - 3 * HOUR]
    assert dli_mol_m2_d(light, NOW) == pytest.approx(15.984)
    light = [sample for sample in some_light(10_000) if not NOW - 8 * HOUR < sample.ts < NOW - 3 * HOUR]
    assert dli_mol_m2_d(light, NOW) is None


def test_what_is_older_than_a_day_does_not_count() -> None:
    older = [Sample(NOW - 2 * DAY, 100_000), Sample(NOW - DAY - MINUTE, 100_000)]
    assert dli_mol_m2_d([*older, *some_light(10_000)], NOW) == pytest.approx(15.984)
