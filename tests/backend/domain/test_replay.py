"""A decision can be replayed: from the same values, also after they were written down as JSON and read back."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given, settings
from hypothesis import strategies as st
from plant_backend.domain.alert import RaiseAlert
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import (
    LampCatchUp,
    LampMode,
    LampState,
    Mode,
    PlantSnapshot,
    Profile,
    PumpLimits,
    PumpState,
    Sample,
    SensorState,
)
from plant_backend.domain.rules import decide
from plant_backend.storage.json_codec import decode_limits, decode_profile, decode_reasons, decode_snapshot, dump

from tests.builders import NOW, a_plant, a_pump

times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
near = st.timedeltas(timedelta(hours=-30), timedelta(hours=1)).map(lambda offset: NOW + offset)
numbers = st.floats(allow_nan=False, allow_infinity=False)
percents = st.floats(0, 100)
counts = st.integers(0, 2**53)
keys = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=32)
samples = st.lists(
    st.builds(Sample, st.one_of(near, times), st.one_of(percents, percents, numbers, st.integers(0, 100))),
    max_size=5,
    unique_by=lambda sample: sample.ts,
).map(lambda found: tuple(sorted(found, key=lambda sample: sample.ts)))
plants = st.builds(
    PlantSnapshot,
    st.builds(
        Profile,
        mode=st.sampled_from(Mode),
        soil_moisture_min_percent=percents,
        soil_moisture_hysteresis_percent=percents,
        dose_ms=st.integers(1, 600_000),
        cooldown_s=st.integers(60, 2_592_000),
        soak_s=st.integers(0, 86_400),
        daily_cap_ms=st.integers(0, 3_600_000),
        air_temperature_min_c=st.none() | numbers,
        air_temperature_max_c=st.none() | numbers,
        stale_after_s=st.integers(30, 86_400),
        lamp_mode=st.sampled_from(LampMode),
        lamp_on_at=st.none() | st.times(),
        lamp_off_at=st.none() | st.times(),
        latitude=st.none() | st.floats(-90, 90),
        longitude=st.none() | st.floats(-180, 180),
        lamp_hours_min=st.floats(0, 24),
        lamp_catch_up=st.sampled_from(LampCatchUp),
        time_zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    ),
    st.lists(st.builds(SensorState, keys, st.sampled_from(SensorKind), samples), max_size=5).map(tuple),
    st.none()
    | st.builds(
        PumpState,
        keys,
        st.builds(PumpLimits, *[st.none() | counts] * 4),
        started_at=st.none() | near,
        ended_at=st.none() | near,
        failed_at=st.none() | near,
        used_ms=counts,
        is_busy=st.booleans(),
        has_dose_failed=st.none() | st.booleans(),
    ),
    st.booleans(),
    st.frozensets(st.tuples(st.sampled_from(["reservoir_low", "probe_stale", "daily_cap_reached"]), keys), max_size=4),
    lamp=st.none()
    | st.builds(
        LampState,
        keys,
        is_on=st.booleans(),
        until=st.none() | near,
        is_busy=st.booleans(),
        asked_at=st.none() | near,
        by_hand_at=st.none() | near,
        failures=st.integers(0, 16),
        failed_at=st.none() | near,
    ),
)


@settings(max_examples=300)
@given(plants, near)
@example(a_plant(), NOW)
@example(a_plant(soil=[12.1, 1e-9], pump=a_pump(started_at=NOW.replace(microsecond=1))), NOW)
def test_a_decision_replays_from_its_written_inputs(plant: PlantSnapshot, now: datetime) -> None:
    decision = decide(plant, now)

    read_back = decode_snapshot(dump(plant))

    assert read_back == plant
    assert decide(read_back, now) == decision
    assert decode_reasons(dump(decision.reasons)) == decision.reasons


@settings(max_examples=100)
@given(plants, near)
def test_every_decision_has_a_reason_in_words(plant: PlantSnapshot, now: datetime) -> None:
    """ "No watering and no visible reason": HAsmartirrigation #841."""
    decision = decide(plant, now)
    assert decision.reasons
    assert all(reason.text.strip() and "nan" not in reason.text for reason in decision.reasons)
    assert all(change.message.strip() for change in decision.alerts if isinstance(change, RaiseAlert))
    assert all(reason.until is None or reason.until > now for reason in decision.reasons)


@given(plants)
def test_the_same_values_make_the_same_text(plant: PlantSnapshot) -> None:
    """So that two ledgers can be compared as text."""
    text = dump(decode_snapshot(dump(plant)))
    assert dump(decode_snapshot(text)) == text
    assert decode_profile(dump(plant.profile)) == plant.profile
    if plant.pump is not None:
        assert decode_limits(dump(plant.pump.limits)) == plant.pump.limits


def test_a_time_of_another_zone_is_the_same_instant() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    plant = a_plant(heard=east)
    assert decode_snapshot(dump(plant)) == plant
    assert decide(plant, NOW) == decide(a_plant(), NOW)
