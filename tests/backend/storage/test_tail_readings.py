"""What a compaction holds in memory is in the order of the tables, however it came."""

from hypothesis import given
from hypothesis import strategies as st
from plant_backend.storage.compactor import TailReadings

ROWS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9), st.floats(allow_nan=False), st.booleans()), max_size=40)


@given(ROWS, st.integers(0, 45), st.integers(0, 45))
def test_any_slice_is_what_a_stable_sort_gives(rows: list[tuple[int, int, float, bool]], start: int, stop: int) -> None:
    readings = TailReadings()
    for sensor_id, ts, value, is_age_known in rows:
        readings.add(sensor_id, ts, value, is_age_known=is_age_known)
    readings.sort()

    expected = sorted(rows, key=lambda row: row[:2])
    assert len(readings) == len(expected)
    assert readings[:] == expected
    assert readings[start:stop] == expected[start:stop]
