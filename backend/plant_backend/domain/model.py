"""The things of the field, as plain frozen values."""

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum

from plant_backend.domain.calibration import Calibration
from plant_backend.domain.kinds import ActuatorKind, SensorKind


class Mode(StrEnum):
    """Who waters: nobody or somebody else (`off`), the rules on paper only (`shadow`), the rules (`on`)."""

    OFF = "off"
    SHADOW = "shadow"
    ON = "on"


class LampMode(StrEnum):
    """When the lamp burns: not by the rules, at fixed times of day, or to lengthen the daylight of its place."""

    OFF = "off"
    FIXED = "fixed"
    SUN = "sun"


class LampCatchUp(StrEnum):
    """What becomes of a period of light whose beginning was missed: what is left of it is lit, or none of it."""

    RUN_LATE = "run_late"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class PumpLimits:
    """The envelope that a node says it enforces on a pump. None where it has no such limit."""

    max_run_ms: int | None = None
    min_off_ms: int | None = None
    max_day_ms: int | None = None
    flow_ml_per_min: int | None = None


@dataclass(frozen=True, slots=True)
class Sensor:
    """A channel that measures.

    unit: of its values. raw_unit: what the node sends, where that is something else and needs a calibration.
    retired_at: since when the node's manifest no longer names it; its history stays, and no rule looks at it.
    """

    id: int
    key: str
    kind: SensorKind
    unit: str
    raw_unit: str | None = None
    calibration: Calibration | None = None
    retired_at: datetime | None = None

    @property
    def is_calibrated(self) -> bool:
        """Tell whether its values mean something."""
        return self.raw_unit is None or self.calibration is not None

    @property
    def shown_unit(self) -> str:
        """Give the unit of what is shown: raw values, where nobody knows what they mean."""
        return self.unit if self.is_calibrated or self.raw_unit is None else self.raw_unit

    def value_of(self, raw: float) -> float | None:
        """Give what a raw value means, or None where nobody knows."""
        if self.calibration is not None:
            return self.calibration.value_of(self.kind, raw)
        return raw if self.raw_unit is None else None

    def shown(self, raw: float) -> float:
        """Give what is shown of a raw value."""
        return raw if self.calibration is None else self.calibration.value_of(self.kind, raw)


@dataclass(frozen=True, slots=True)
class Actuator:
    """A channel that acts. retired_at: since when the node's manifest no longer names it."""

    id: int
    key: str
    kind: ActuatorKind
    limits: PumpLimits = PumpLimits()
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """The record of one node. `id` is public, `number` the key inside the database."""

    number: int
    id: str
    owner_id: int
    name: str
    created_at: datetime
    firmware: str | None = None
    version: str | None = None
    sensors: tuple[Sensor, ...] = ()
    actuators: tuple[Actuator, ...] = ()


@dataclass(frozen=True, slots=True)
class SensorClaim:
    """A sensor as a node's manifest describes it."""

    key: str
    kind: SensorKind
    unit: str


@dataclass(frozen=True, slots=True)
class ActuatorClaim:
    """An actuator as a node's manifest describes it."""

    key: str
    kind: ActuatorKind
    limits: PumpLimits = PumpLimits()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a node says that it is made of."""

    firmware: str
    version: str
    sensors: tuple[SensorClaim, ...] = ()
    actuators: tuple[ActuatorClaim, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person wants for one device. Percentages are of the sensor's scale; None switches a limit off.

    soil_moisture_min_percent: a dose is due below it, and doses go on until `… + soil_moisture_hysteresis_percent`.
    dose_ms: how long one dose runs; dose_ml, where it is given, counts instead (the pump must state its flow).
    cooldown_s: from the start of a dose to the next.
    soak_s: from the end of a dose until the probe is believed again. daily_cap_ms: all runs in any 24 hours.
    quiet_from, quiet_until: no dose of the rules between these times of day in `time_zone`.
    stale_after_s: a value older than this is not acted on.
    stuck_after_s: a soil probe whose value has not changed for so long is a fault; 0 switches this off.
    probe_drop_max_percent: soil does not dry by more than this between fresh samples; a probe that says so is out.
    probe_pair_tolerance_percent: how far the device's soil probes may lie apart; None where they are in different pots.
    doses_without_effect_max: after so many doses that did not raise the moisture by `dose_rise_min_percent`, the pump
    is blocked until a person resolves the alert; 0 switches this off.
    lamp_on_at, lamp_off_at: for lamp_mode `fixed`, times of day in `time_zone`; the light may reach across midnight.
    latitude, longitude, lamp_hours_min: for lamp_mode `sun`, the place in degrees and the hours of light wanted each
    day: the lamp burns before sunrise and after sunset, alike around solar noon, and only for what daylight lacks.
    lamp_catch_up: whether a period of light that began unlit is lit for what is left of it.
    """

    mode: Mode = Mode.OFF
    soil_moisture_min_percent: float = 30.0
    soil_moisture_hysteresis_percent: float = 5.0
    dose_ms: int = 5_000
    dose_ml: int | None = None
    cooldown_s: int = 3_600
    soak_s: int = 900
    daily_cap_ms: int = 60_000
    quiet_from: time | None = None
    quiet_until: time | None = None
    time_zone: str = "UTC"
    reservoir_min_percent: float = 10.0
    reservoir_hysteresis_percent: float = 5.0
    air_temperature_min_c: float | None = 5.0
    air_temperature_max_c: float | None = 40.0
    air_temperature_hysteresis_c: float = 0.5
    air_humidity_min_percent: float | None = None
    air_humidity_max_percent: float | None = None
    air_humidity_hysteresis_percent: float = 2.0
    stale_after_s: int = 900
    stuck_after_s: int = 86_400
    probe_drop_max_percent: float = 25.0
    probe_pair_tolerance_percent: float | None = None
    doses_without_effect_max: int = 3
    dose_rise_min_percent: float = 1.0
    lamp_mode: LampMode = LampMode.OFF
    lamp_on_at: time | None = None
    lamp_off_at: time | None = None
    latitude: float | None = None
    longitude: float | None = None
    lamp_hours_min: float = 12.0
    lamp_catch_up: LampCatchUp = LampCatchUp.RUN_LATE


SAMPLES_KEPT = 5
"""How many samples of a sensor are held for the rules."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value whose time is known."""

    ts: datetime
    value: float


@dataclass(frozen=True, slots=True)
class SensorState:
    """A sensor with its latest samples, oldest first, and since when its value has been exactly the same.

    is_calibrated: False where what it sends means nothing yet; it has no samples then.
    """

    key: str
    kind: SensorKind
    samples: tuple[Sample, ...] = ()
    unchanged_since: datetime | None = None
    is_calibrated: bool = True


@dataclass(frozen=True, slots=True)
class PumpState:
    """What the rules must know of a pump.

    started_at: the start of the last run that counts (a run that maybe happened does).
    ended_at: when that run was over at the latest. failed_at: when the last command came to nothing, if it did.
    has_dose_failed: whether the rules' last one did; None in what an earlier version wrote, where failed_at says it.
    used_ms: run time that counts in the 24 hours before now. is_busy: a command is under way.
    """

    key: str
    limits: PumpLimits = PumpLimits()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failed_at: datetime | None = None
    used_ms: int = 0
    is_busy: bool = False
    has_dose_failed: bool | None = None


@dataclass(frozen=True, slots=True)
class LampState:
    """What the rules must know of a lamp, as its commands tell it.

    is_on, until: whether it is believed to burn, and when that ends by itself (None: not by itself).
    is_busy: a command is on its way, or the outcome of a run is awaited. asked_at: when the rules last asked for light.
    by_hand_at: when a person gave the last order, if a person did.
    failures, failed_at: how many orders of the rules in a row came to nothing, and when the last of them did.
    """

    key: str
    is_on: bool = False
    until: datetime | None = None
    is_busy: bool = False
    asked_at: datetime | None = None
    by_hand_at: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoseEffect:
    """What the doses since the last one that worked came to.

    doses: how many were given. baseline_percent: the soil moisture before the first of them.
    is_blocked: they did nothing; the pump waits for a person.
    """

    doses: int = 0
    baseline_percent: float | None = None
    is_blocked: bool = False


NO_DOSES = DoseEffect()


@dataclass(frozen=True, slots=True)
class PlantSnapshot:
    """All that a decision depends on, except the time.

    is_thirsty: the soil fell below its minimum and has not risen above minimum + hysteresis since.
    held_back_since: since when it has been waiting for water that something keeps back.
    open_alerts: (kind, channel) of the alerts that are open; the channel is "" where an alert has none.
    """

    profile: Profile
    sensors: tuple[SensorState, ...] = ()
    pump: PumpState | None = None
    is_thirsty: bool = False
    open_alerts: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    effect: DoseEffect = NO_DOSES
    lamp: LampState | None = None
    held_back_since: datetime | None = None
