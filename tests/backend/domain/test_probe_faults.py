"""A probe that lies opens one alert and never waters."""

from dataclasses import replace

import pytest
from plant_backend.domain.alert import AlertKind, ClearAlert, RaiseAlert
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import PlantSnapshot, SensorState
from plant_backend.domain.rules import decide

from tests.builders import DAY, HOUR, NOW, a_plant, a_sensor


def raised(plant: PlantSnapshot) -> set[tuple[str, str]]:
    return {(item.kind, item.channel) for item in decide(plant, NOW).alerts if isinstance(item, RaiseAlert)}


def cleared(plant: PlantSnapshot) -> set[tuple[str, str]]:
    return {(item.kind, item.channel) for item in decide(plant, NOW).alerts if isinstance(item, ClearAlert)}


def stuck(value: float, hours: int) -> SensorState:
    return replace(a_sensor("soil", SensorKind.SOIL_MOISTURE, value), unchanged_since=NOW - hours * HOUR)


DROPPED = (AlertKind.PROBE_DROPPED, "soil")
STUCK = (AlertKind.PROBE_STUCK, "soil")
DISAGREE = (AlertKind.PROBES_DISAGREE, "")


def test_an_unplugged_probe_does_not_water() -> None:
    """Unplugged probe waters for ever: GrowCube port #2."""
    plant = a_plant(soil=[55, 55, 2, 2])
    assert not decide(plant, NOW).doses
    assert raised(plant) == {DROPPED}


def test_it_stays_blocked_when_the_fall_has_left_the_memory() -> None:
    plant = a_plant(soil=[2, 2, 2, 2, 2], alerts=[DROPPED])
    assert not decide(plant, NOW).doses
    assert not cleared(plant)


@pytest.mark.parametrize(
    "soil", [[55, 55, 55, 2], [55, 2, 55, 2], [55, 55, 31, 31], [2, 2, 55, 55], [28, 28, 90, 28, 28]]
)
def test_a_single_odd_value_or_a_rise_is_no_fall(soil: list[float]) -> None:
    """Alerts flap: Olen #352."""
    assert not raised(a_plant(soil=soil))


def test_a_probe_put_back_clears_its_alert_by_itself() -> None:
    assert cleared(a_plant(soil=[2, 2, 2, 50, 50], alerts=[DROPPED])) == {DROPPED}


def test_a_fall_over_a_gap_is_drying() -> None:
    long_ago = a_sensor("soil", SensorKind.SOIL_MOISTURE, [55, 55], heard=NOW - HOUR).samples
    now = a_sensor("soil", SensorKind.SOIL_MOISTURE, [12, 12]).samples
    probe = SensorState("soil", SensorKind.SOIL_MOISTURE, (*long_ago, *now))
    assert len(decide(a_plant(soil=None, more=(probe,)), NOW).doses) == 1


def test_a_frozen_value_does_not_water() -> None:
    """Quiet probe, dead or merely steady: NeverDry #234; frozen value: miflora-mqtt-daemon #28."""
    plant = a_plant(soil=None, more=(stuck(12, 24),))
    assert not decide(plant, NOW).doses
    assert raised(plant) == {STUCK}
    assert "exactly 12 %" in next(item.message for item in decide(plant, NOW).alerts)


def test_a_frozen_value_is_told_even_while_it_reads_moist() -> None:
    """A plant reads OK while its sensor is offline: Olen #105."""
    assert raised(a_plant(soil=None, more=(stuck(60, 24),))) == {STUCK}


def test_a_probe_that_moves_again_clears_its_alert() -> None:
    assert cleared(a_plant(soil=None, more=(stuck(12, 1),), alerts=[STUCK])) == {STUCK}


def test_two_probes_in_one_pot_must_agree() -> None:
    def pair(value: float, **more: object) -> PlantSnapshot:
        other = a_sensor("soil_2", SensorKind.SOIL_MOISTURE, value)
        return a_plant(soil=12, more=(other,), probe_pair_tolerance_percent=10, **more)

    assert raised(pair(23)) == {DISAGREE}
    assert not decide(pair(23), NOW).doses
    assert len(decide(pair(22), NOW).doses) == 1
    assert cleared(pair(22, alerts=[DISAGREE])) == {DISAGREE}


def test_a_silent_partner_leaves_the_other_unconfirmed() -> None:
    other = a_sensor("soil_2", SensorKind.SOIL_MOISTURE, 12, heard=NOW - DAY)
    plant = a_plant(soil=12, more=(other,), probe_pair_tolerance_percent=10)
    assert not decide(plant, NOW).doses


def test_probes_in_different_pots_are_not_compared() -> None:
    other = a_sensor("soil_2", SensorKind.SOIL_MOISTURE, 90)
    assert len(decide(a_plant(soil=12, more=(other,)), NOW).doses) == 1


def test_humidity_is_told_only_where_a_limit_is_set() -> None:
    damp = a_sensor("humidity", SensorKind.AIR_HUMIDITY, 95)
    assert not raised(a_plant(more=(damp,)))
    assert raised(a_plant(more=(damp,), air_humidity_max_percent=90)) == {(AlertKind.AIR_HUMIDITY_HIGH, "humidity")}
    dry = a_sensor("humidity", SensorKind.AIR_HUMIDITY, 20)
    assert raised(a_plant(more=(dry,), air_humidity_min_percent=30)) == {(AlertKind.AIR_HUMIDITY_LOW, "humidity")}
