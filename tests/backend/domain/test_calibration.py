"""What raw values mean: lines through points, and out where an unplugged probe is, a value that no soil can have."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_backend.domain.alert import RaiseAlert
from plant_backend.domain.calibration import Calibration, Point, calibration_errors
from plant_backend.domain.history import Bucket
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import SensorState
from plant_backend.domain.reason import ReasonCode
from plant_backend.domain.rules import decide
from plant_backend.storage.json_codec import decode_reasons, decode_sentences, dump

from tests.builders import NOW, a_plant

SOIL = SensorKind.SOIL_MOISTURE
PROBE = Calibration(1, NOW, (Point(1.2, 100), Point(1.8, 40), Point(2.8, 0)))
"""Capacitive: the wetter, the lower the voltage."""

STEEP = Calibration(1, NOW, (Point(1, 0), Point(1.5, 100)))

raws = st.floats(-60, 60)
calibrations = st.tuples(
    st.lists(st.integers(-60_000, 60_000), min_size=2, max_size=16, unique=True),
    st.lists(st.integers(0, 10_000), min_size=16, max_size=16, unique=True),
    st.booleans(),
).map(
    lambda drawn: Calibration(
        1,
        NOW,
        tuple(
            Point(raw / 1_000, value / 100)
            for raw, value in zip(sorted(drawn[0]), sorted(drawn[1][: len(drawn[0])], reverse=drawn[2]), strict=True)
        ),
    )
)


@pytest.mark.parametrize(
    ("raw", "value"), [(1.2, 100), (1.5, 70), (1.8, 40), (2.3, 20), (2.8, 0), (2.9, 0), (1.15, 100), (2.0, 32)]
)
def test_a_value_between_points_lies_on_the_line(raw: float, value: float) -> None:
    assert PROBE.value_of(SOIL, raw) == pytest.approx(value)


@pytest.mark.parametrize("raw", [sys.float_info.max, -sys.float_info.max, 1e307])
def test_what_is_beyond_all_numbers_is_the_largest_of_them(raw: float) -> None:
    """Infinity is none in JSON: an alert that told of it could be written and never be read again."""
    value = STEEP.value_of(SOIL, raw)
    assert value == math.copysign(sys.float_info.max, raw)
    decision = decide(a_plant(soil=(value, value)), NOW)
    (alert,) = (change for change in decision.alerts if isinstance(change, RaiseAlert))
    assert decision.reasons[0].code is ReasonCode.PROBE_IMPLAUSIBLE
    assert decode_sentences(dump(alert.sentences)) == alert.sentences
    assert decode_reasons(dump(decision.reasons)) == decision.reasons


@pytest.mark.parametrize("raw", [0.0, 3.3, -1, 5])
def test_an_unplugged_probe_stays_implausible(raw: float) -> None:
    """A clamp at 0 and 100 % would make a short circuit look like a wet pot, and an open wire like a dry one."""
    assert not 0 <= PROBE.value_of(SOIL, raw) <= 100


def test_a_temperature_is_never_held_at_an_end() -> None:
    celsius = Calibration(1, NOW, (Point(0, 0), Point(100, 100)))
    assert celsius.value_of(SensorKind.AIR_TEMPERATURE, 86) == 86


@given(calibrations, raws, raws)
def test_more_never_means_less_here_and_more_there(calibration: Calibration, one: float, other: float) -> None:
    rises = calibration.points[-1].value > calibration.points[0].value
    low, high = (calibration.value_of(SOIL, raw) for raw in sorted((one, other)))
    assert low <= high + 1e-4 if rises else low >= high - 1e-4


@given(calibrations)
def test_each_point_means_what_it_says(calibration: Calibration) -> None:
    assert calibration_errors(SOIL, calibration.points) == []
    for point in calibration.points:
        assert calibration.value_of(SOIL, point.raw) == pytest.approx(point.value, abs=1e-4)


@given(calibrations, st.lists(raws, min_size=1, max_size=20))
def test_a_bucket_holds_what_its_values_mean(calibration: Calibration, values: list[float]) -> None:
    mean = min(max(sum(values) / len(values), min(values)), max(values))
    bucket = calibration.bucket_of(SOIL, Bucket(NOW, min(values), max(values), mean, len(values), values[-1]))
    meant = [calibration.value_of(SOIL, raw) for raw in values]

    assert (bucket.min, bucket.max, bucket.last) == (min(meant), max(meant), meant[-1])
    assert bucket.min - 1e-4 <= bucket.mean <= bucket.max + 1e-4


@given(st.lists(st.floats(1.3, 1.7), min_size=1, max_size=50))
def test_between_two_points_the_mean_of_a_bucket_is_exact(values: list[float]) -> None:
    mean = sum(values) / len(values)
    bucket = PROBE.bucket_of(SOIL, Bucket(NOW, min(values), max(values), mean, len(values), values[-1]))
    assert bucket.mean == pytest.approx(sum(PROBE.value_of(SOIL, raw) for raw in values) / len(values), abs=1e-3)


@pytest.mark.parametrize(
    ("points", "field"),
    [
        ([], "points"),
        ([(1, 0)], "points"),
        ([(place, place) for place in range(17)], "points"),
        ([(1, 0), (1, 100)], "points[1].raw"),
        ([(2, 0), (1, 50), (2, 100)], "points[2].raw"),
        ([(1, 0), (2, 50), (3, 40), (4, 100)], "points[2].value"),
        ([(1, 100), (2, 100)], "points[1].value"),
        ([(1, 0), (2, 101)], "points[1].value"),
        ([(1, -1), (2, 100)], "points[0].value"),
        ([(1e10, 0), (2, 100)], "points[0].raw"),
        ([(math.inf, 0), (2, 100)], "points[0].raw"),
    ],
)
def test_points_that_make_no_line_are_named(points: list[tuple[float, float]], field: str) -> None:
    errors = calibration_errors(SOIL, [Point(*point) for point in points])
    assert [name for name, _ in errors] == [field]


def test_a_probe_that_means_nothing_yet_waters_nothing_and_says_so() -> None:
    probe = SensorState("soil", SOIL, (), None, is_calibrated=False)
    decision = decide(a_plant(soil=None, more=(probe,)), NOW)
    assert (decision.doses, decision.reasons[0].code) == ((), ReasonCode.PROBE_UNCALIBRATED)


def test_a_reservoir_that_means_nothing_yet_keeps_the_pump_off() -> None:
    tank = SensorState("tank", SensorKind.RESERVOIR_LEVEL, (), None, is_calibrated=False)
    decision = decide(a_plant(reservoir=None, more=(tank,)), NOW)
    assert (decision.doses, decision.reasons[0].code) == ((), ReasonCode.RESERVOIR_UNKNOWN)
    assert "calibrate" in decision.reasons[0].text
