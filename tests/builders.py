"""Things of the field for tests: each builder gives a sound one, and a test names only what matters to it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from plant_backend.domain.account import Principal
from plant_backend.domain.command import Action, Command, CommandState, Origin
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.model import (
    NO_DOSES,
    ActuatorClaim,
    DoseEffect,
    Manifest,
    Mode,
    PlantSnapshot,
    Profile,
    PumpLimits,
    PumpState,
    Sample,
    SensorClaim,
    SensorState,
)
from plant_backend.domain.telemetry import Batch

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
"""An ordinary noon."""

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Values = float | Sequence[float] | None


def some_samples(values: Values, *, until: datetime = NOW, every: timedelta = MINUTE) -> tuple[Sample, ...]:
    """Give samples that end at `until`. One value alone stands for a probe that says it twice."""
    if values is None:
        return ()
    if isinstance(values, int | float):
        values = [values, values]
    return tuple(Sample(until - every * (len(values) - 1 - place), value) for place, value in enumerate(values))


def a_sensor(key: str, kind: SensorKind, values: Values, *, heard: datetime = NOW) -> SensorState:
    """Give a sensor whose last sample is from `heard`."""
    return SensorState(key, kind, some_samples(values, until=heard))


def a_pump(**state: Any) -> PumpState:
    """Give a pump that has never run."""
    return PumpState("pump", **state)


def a_plant(
    *,
    soil: Values = 12,
    reservoir: Values = 80,
    air: Values = None,
    mode: Mode = Mode.ON,
    pump: PumpState | None = PumpState("pump"),  # noqa: B008 - frozen
    is_thirsty: bool = False,
    alerts: Iterable[tuple[str, str]] = (),
    heard: datetime = NOW,
    effect: DoseEffect = NO_DOSES,
    more: tuple[SensorState, ...] = (),
    **profile: Any,
) -> PlantSnapshot:
    """Give a dry plant that may be watered, as it stands at NOW. `None` takes a sensor away."""
    sensors = [
        a_sensor(key, kind, values, heard=heard)
        for key, kind, values in (
            ("soil", SensorKind.SOIL_MOISTURE, soil),
            ("tank", SensorKind.RESERVOIR_LEVEL, reservoir),
            ("air", SensorKind.AIR_TEMPERATURE, air),
        )
        if values is not None
    ]
    return PlantSnapshot(
        Profile(mode=mode, **profile),
        (*sensors, *more),
        pump,
        is_thirsty=is_thirsty,
        open_alerts=frozenset(alerts),
        effect=effect,
    )


def a_command(state: CommandState = CommandState.DELIVERED, **fields: Any) -> Command:
    """Give a pump dose of five seconds."""
    values: dict[str, Any] = {
        "id": 1,
        "device_id": "d",
        "seq": 1,
        "actuator": "pump",
        "action": Action.ON,
        "duration_ms": 5_000,
        "state": state,
        "origin": Origin.RULE,
        "is_forced": False,
        "created_at": NOW,
        "expires_at": NOW + 2 * MINUTE,
        "counted_ms": 5_000,
    }
    return Command(**(values | fields))


def a_manifest(*, limits: PumpLimits = PumpLimits()) -> Manifest:  # noqa: B008 - frozen
    """Give a node with a soil probe, a tank, a pump and a lamp."""
    return Manifest(
        "plant-node",
        "0.1.0",
        (
            SensorClaim("soil", SensorKind.SOIL_MOISTURE, "%"),
            SensorClaim("tank", SensorKind.RESERVOIR_LEVEL, "%"),
        ),
        (ActuatorClaim("pump", ActuatorKind.PUMP, limits), ActuatorClaim("lamp", ActuatorKind.LAMP)),
    )


def a_principal(user_id: int = 1, username: str = "ada") -> Principal:
    """Give somebody who is signed in."""
    return Principal(user_id, username)


def to_ms(moment: datetime) -> int:
    """Give the Unix milliseconds of a time."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def a_batch(
    batch_id: str = "b-1",
    readings: Sequence[tuple[int, float, int | None]] = ((1, 41.5, 0),),
    *,
    device: int = 1,
    boot_id: str = "boot",
    received: datetime = NOW,
) -> Batch:
    """Give a batch of (sensor id, value, age in ms)."""
    return Batch(
        device,
        batch_id,
        boot_id,
        to_ms(received),
        [sensor for sensor, _, _ in readings],
        [float(value) for _, value, _ in readings],
        [age for _, _, age in readings],
    )
