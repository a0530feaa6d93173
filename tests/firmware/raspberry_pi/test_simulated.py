"""The simulated plant is a plant: it dries, drinks late, empties its reservoir, and lives on through kills."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_node.channels import SIMULATED_CHANNELS, Sensor
from plant_node.config_entry import ConfigError
from plant_node.drivers import OnTime, SensorError
from plant_node.drivers.faults import read_faults
from plant_node.drivers.simulated import SimulatedDriver
from plant_node.drivers.world import HOUR_MS, World, WorldParameters

from tests.firmware.raspberry_pi.builders import HandClock, channels, wait_for

NOON_MS = 1_795_435_200_000
STILL = WorldParameters(noise=0)
SOIL = Sensor("soil", "soil_moisture")
TANK = Sensor("tank", "reservoir_level")


def driver(tmp_path: Path, clock: HandClock) -> SimulatedDriver:
    return SimulatedDriver(SIMULATED_CHANNELS, clock, tmp_path, STILL, pin_trace=True)


def test_soil_dries_over_hours_and_never_below_wilting() -> None:
    world = World.begin(STILL, NOON_MS)
    levels = []
    for hour in range(0, 2000, 20):
        world.advance(NOON_MS + hour * HOUR_MS)
        levels.append(world.state.soil_percent)
    assert levels == sorted(levels, reverse=True)
    assert 44 > levels[1] > 30
    assert STILL.wilting_percent <= levels[-1] < STILL.wilting_percent + 1


def test_water_arrives_some_minutes_late() -> None:
    world = World.begin(STILL, NOON_MS)
    world.pour(100)
    assert world.state.soil_percent == 45
    world.advance(NOON_MS + 60_000)
    assert 45.5 < world.state.soil_percent < 50
    world.advance(NOON_MS + 30 * 60_000)
    assert 54 < world.state.soil_percent < 55


def test_an_empty_reservoir_gives_nothing() -> None:
    world = World.begin(WorldParameters(reservoir_ml=100, reservoir_percent=50), NOON_MS)
    assert world.pour(80) == 50
    assert world.pour(80) == 0
    assert world.measure("reservoir_level", NOON_MS) == 0


def test_days_are_warm_and_bright_and_lamps_shine_at_night() -> None:
    world = World.begin(STILL, NOON_MS - 12 * HOUR_MS)
    night = world.measure("illuminance", NOON_MS - 10 * HOUR_MS)
    lit = world.measure("illuminance", NOON_MS - 10 * HOUR_MS, lamp_is_on=True)
    cold = world.measure("air_temperature", NOON_MS - 8 * HOUR_MS)
    assert (night, lit) == (0, 8000)
    assert world.measure("illuminance", NOON_MS) > 10_000  # type: ignore[operator]
    assert world.measure("air_temperature", NOON_MS + 3 * HOUR_MS) > cold + 5  # type: ignore[operator]


@given(st.lists(st.tuples(st.integers(-HOUR_MS, 100 * HOUR_MS), st.floats(0, 500)), max_size=20))
def test_no_water_is_made_or_lost_and_the_soil_stays_soil(steps: list[tuple[int, float]]) -> None:
    world = World.begin(STILL, NOON_MS)
    now, poured = NOON_MS, 0.0
    for span_ms, wanted_ml in steps:
        now += span_ms
        world.advance(now)
        poured += world.pour(wanted_ml)
        assert 0 <= world.state.soil_percent <= 100
        assert world.state.reservoir_ml + poured == pytest.approx(STILL.reservoir_ml)
        assert world.state.on_top_ml >= 0


def test_the_same_seed_gives_the_same_noise() -> None:
    one, two, other = (World.begin(WorldParameters(seed=seed), NOON_MS) for seed in (7, 7, 8))
    values = [world.measure("soil_moisture", NOON_MS + 5000) for world in (one, two, other)]
    assert values[0] == values[1] != values[2]


def test_parameters_come_from_file_and_environment() -> None:
    built = WorldParameters.build({"seed": 3, "soil_percent": 20}, {"soil_percent": "30.5"})
    assert (built.seed, built.soil_percent) == (3, 30.5)
    for source in ({"soill": "1"}, {"soil_percent": "wet"}, {"drying_hours": "0"}, {"reservoir_ml": "nan"}):
        with pytest.raises(ConfigError):
            WorldParameters.build({}, source)


def test_the_driver_stops_at_its_own_deadline_to_the_millisecond(tmp_path: Path) -> None:
    clock = HandClock()
    built = driver(tmp_path, clock)
    built.turn_on("pump", 8000)
    clock.turn(60_000)
    assert built.turn_off("pump") == OnTime(8000, 1_008_000)
    assert built.turn_off("pump") is None
    delivered_ml = 8000 * 100 / 60_000
    assert built.read(TANK) == round(100 * (2000 - delivered_ml) / 2000, 2)


def test_the_driver_stops_though_nobody_asks(tmp_path: Path) -> None:
    clock = HandClock()
    built = driver(tmp_path, clock)
    built.turn_on("pump", 8000)
    clock.turn(8000)
    trace = tmp_path / "pin_trace.jsonl"
    wait_for(lambda: trace.read_text().count("\n") == 2)
    off = json.loads(trace.read_text().splitlines()[1])
    assert (off["actuator"], off["on"], off["at_ms"]) == ("pump", False, 1_008_000)
    assert built.turn_off("pump") == OnTime(8000, 1_008_000)


def test_a_killed_node_goes_on_with_its_world_and_the_pump_stopped_at_the_kill(tmp_path: Path) -> None:
    clock = HandClock()
    killed = driver(tmp_path, clock)
    killed.turn_on("pump", 30_000)
    clock.turn(6000)
    alive = tmp_path / "world.alive"
    wait_for(lambda: alive.exists() and alive.read_bytes() == b"%020d" % clock.mono)
    # From here on the killed process does nothing any more; its files are what is left of it.
    left = {file: file.read_bytes() for file in tmp_path.iterdir()}
    killed.close()
    for file, content in left.items():
        file.write_bytes(content)
    clock.turn(3600_000)
    again = driver(tmp_path, clock)
    assert again.read(TANK) == round(100 * (2000 - 10) / 2000, 2), "six seconds are ten millilitres"
    edges = [json.loads(line) for line in (tmp_path / "pin_trace.jsonl").read_text().splitlines()]
    assert (edges[-1]["on"], edges[-1]["at_ms"], edges[-1]["recovered"]) == (False, 1_006_000, True)
    again.close()
    assert driver(tmp_path, clock).read(TANK) == 99.5


def test_a_damaged_world_is_a_fresh_pot(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text('{"world": {')
    assert driver(tmp_path, HandClock(wall_ms=NOON_MS)).read(SOIL) == 45


def test_a_sensor_that_the_room_has_not_got_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SensorError):
        driver(tmp_path, HandClock()).read(Sensor("battery", "battery"))


def pumped(tmp_path: Path, *faults: str) -> SimulatedDriver:
    """A pot that got a dose of 50 ml half an hour ago, with these faults."""
    clock = HandClock(wall_ms=NOON_MS)
    built = SimulatedDriver(
        SIMULATED_CHANNELS, clock, tmp_path, STILL, faults=read_faults({"faults": list(faults)}, {})
    )
    built.read(SOIL)
    built.turn_on("pump", 30_000)
    clock.turn(30_000)
    built.turn_off("pump")
    clock.turn(30 * 60_000)
    return built


@pytest.mark.parametrize(
    ("faults", "soil", "tank"),
    [
        ((), 49.6, 97.5),
        (("clogged_hose",), 44.7, 100),
        (("leak",), 44.7, 97.5),
        (("empty_tank",), 44.7, 0),
        (("unplugged_probe",), -17.5, 97.5),
        (("stuck_probe",), 45, 97.5),
        (("stuck_probe", "leak"), 45, 97.5),
    ],
)
def test_a_fault_shows_where_it_would(tmp_path: Path, faults: tuple[str, ...], soil: float, tank: float) -> None:
    built = pumped(tmp_path, *faults)
    assert built.read(SOIL) == pytest.approx(soil, abs=0.3)
    assert built.read(TANK) == pytest.approx(tank, abs=0.1)


def test_a_noisy_probe_jumps(tmp_path: Path) -> None:
    clock = HandClock(wall_ms=NOON_MS)
    noisy = SimulatedDriver(
        SIMULATED_CHANNELS, clock, tmp_path, WorldParameters(), faults=read_faults({}, {"faults": "noisy_probe"})
    )
    values = []
    for _ in range(30):
        clock.turn(60_000)
        values.append(noisy.read(SOIL))
    assert max(values) - min(values) > 8


def test_a_fault_begins_and_ends_with_a_word_in_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    built = pumped(tmp_path)
    file = tmp_path / "faults"
    file.write_text("unplugged_probe\nbroken_heart\n")
    assert built.read(SOIL) == -17.5
    assert "broken_heart" in caplog.text
    file.unlink()
    assert built.read(SOIL) > 40
    built.close()


def test_a_fault_with_a_typo_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"simulated\.faults: must be some of stuck_probe"):
        read_faults({"faults": ["stuck"]}, {})
    with pytest.raises(ConfigError, match="PLANT_NODE_SIM_FAULTS: must be"):
        read_faults({}, {"faults": "leek"})


def test_a_flow_meter_counts_what_really_flows(tmp_path: Path) -> None:
    clock = HandClock(wall_ms=NOON_MS)
    built = SimulatedDriver(channels(pulses_per_l=450), clock, tmp_path, STILL)
    assert built.flowed_ml("lamp") is None
    for faults, flowed_ml in (("", 50), ("clogged_hose", 0), ("leak", 50)):
        (tmp_path / "faults").write_text(faults)
        built.turn_on("pump", 30_000)
        clock.turn(30_000)
        assert built.flowed_ml("pump") == pytest.approx(flowed_ml)
        built.turn_off("pump")
        clock.turn(1_000)
