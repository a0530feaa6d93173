"""What requests and answers look like. Field names are the domain's."""

import re
from datetime import datetime, time
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from plant_backend.domain.account import Role, Scope
from plant_backend.domain.alert import AlertKind, AlertState, Severity
from plant_backend.domain.command import AckStatus, Action, CommandState, Origin
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.domain.model import LampCatchUp, LampMode, Mode
from plant_backend.domain.reason import ReasonCode

Int = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]
ChannelKey = Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_]{0,31}$")]
LimitMs = Annotated[int, Field(strict=True, ge=0, le=7 * 24 * 3600 * 1000)]
_TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"


def _time_of_day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(_TIME_OF_DAY.rstrip("$"), value):
        raise ValueError("must be a time of day without a zone, such as 06:30")
    if not isinstance(value, str | time):
        raise ValueError("must be a text such as 06:30")
    return value


TimeOfDay = Annotated[
    time, BeforeValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": _TIME_OF_DAY, "title": "Time"})
]
"""On the calendar of the profile's zone. JSON Schema's own format `time` wants a zone."""

Id = Annotated[int, Field(strict=True, ge=1, le=2**53)]


class Input(BaseModel):
    """The root of what comes in: an unknown field is an error, not a guess."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """The root of what goes out."""

    model_config = ConfigDict(from_attributes=True)


# People and tokens


class TokenRequest(Input):
    """A password, to be exchanged for a named token."""

    username: Annotated[Text, Field(max_length=64, examples=["demo"])]
    password: Annotated[Text, Field(max_length=200, examples=["a long password"])]
    name: Annotated[Text, Field(min_length=1, max_length=100, examples=["Home Assistant"])]


class TokenCreate(Input):
    """A new token for the caller."""

    name: Annotated[Text, Field(min_length=1, max_length=100, examples=["Dashboard"])]


class TokenRead(Output):
    """A token, without itself."""

    id: int
    name: str
    prefix: str = Field(examples=["pat_2Wn7fYpQ"])
    created_at: datetime
    last_used_at: datetime | None
    scope: Scope = Field(description="`plants`: for looking after plants alone, nothing of accounts and secrets.")


class TokenCreated(TokenRead):
    """A token that was just made. `token` is shown this once."""

    token: str


class SessionCreate(Input):
    """A password, to be exchanged for a browser's session."""

    username: Annotated[Text, Field(max_length=64, examples=["demo"])]
    password: Annotated[Text, Field(max_length=200, examples=["a long password"])]


class SessionRead(Output):
    """A browser that is signed in."""

    id: int
    username: str
    role: Role
    agent: str
    address: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    is_current: bool


class PasswordChange(Input):
    """The old password and a new one."""

    current_password: Annotated[Text, Field(max_length=200)]
    new_password: Annotated[Text, Field(max_length=200, examples=["a longer password"])]


class UserCreate(Input):
    """A new account."""

    username: Annotated[Text, Field(max_length=64, examples=["grandma"])]
    password: Annotated[Text, Field(max_length=200, examples=["a long password"])]


class SetupRequest(UserCreate):
    """The first account, and the token of the set-up link."""

    token: Annotated[Text, Field(max_length=200)]


class UserRead(Output):
    """An account."""

    id: int
    username: str
    role: Role
    created_at: datetime


class AuditEntryRead(Output):
    """Who did what, to what, when, and from where."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    address: str


class AuditList(Output):
    """The audit log, newest first. `next_before` gives the next page."""

    entries: list[AuditEntryRead]
    next_before: int | None


# Nodes


class SensorClaimIn(Input):
    """A sensor as a node describes it."""

    key: ChannelKey = Field(examples=["soil"])
    kind: SensorKind
    unit: str = Field(examples=["%"])


class LimitsIn(Input):
    """The envelope that a node enforces by itself."""

    max_run_ms: LimitMs | None = None
    min_off_ms: LimitMs | None = None
    max_day_ms: LimitMs | None = None
    flow_ml_per_min: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = None


class ActuatorClaimIn(Input):
    """An actuator as a node describes it."""

    key: ChannelKey = Field(examples=["pump"])
    kind: ActuatorKind
    limits: LimitsIn = Field(default_factory=LimitsIn)


class ManifestIn(Input):
    """What a node is made of."""

    firmware: Annotated[Text, Field(min_length=1, max_length=64, examples=["plant-node"])]
    version: Annotated[Text, Field(min_length=1, max_length=64, examples=["0.1.0"])]
    sensors: Annotated[list[SensorClaimIn], Field(max_length=64)] = []
    actuators: Annotated[list[ActuatorClaimIn], Field(max_length=32)] = []


class DeviceSignIn(Input):
    """A device's id and secret."""

    device_id: Annotated[Text, Field(max_length=64, examples=["0b8f6a62-5a0e-4c3e-9a0e-0f5b7a3a1c55"])]
    secret: Annotated[Text, Field(max_length=200, examples=["pds_…"])]
    manifest: ManifestIn | None = None


class DeviceRefresh(Input):
    """A refresh token."""

    refresh_token: Annotated[Text, Field(max_length=200, examples=["prt_…"])]


class TokenPairRead(Output):
    """What a node needs for the next quarter of an hour, and for staying signed in."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 - the OAuth name of the scheme
    expires_in: int = Field(examples=[900], description="Seconds.")


class PumpUseRead(Output):
    """What a pump may have run, as far as the backend knows."""

    key: str
    used_ms: int = Field(description="In the last 24 hours; a run whose end is unknown counts in full.")


class SignedInRead(TokenPairRead):
    """What a node gets when it signs in with its secret."""

    pumps: list[PumpUseRead]


class ReadingIn(Input):
    """One value. Its time is `age_ms` before the request arrives, or `measured_at`; with neither it is unknown."""

    sensor: str | int = Field(examples=["soil"])
    value: float = Field(examples=[41.5])
    age_ms: int | None = Field(None, ge=0, examples=[1200])
    measured_at: datetime | None = None


class BatchIn(Input):
    """A batch of readings."""

    batch_id: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", examples=["6f1c2d-00000001"])
    boot_id: str = Field("", examples=["6f1c2d"])
    readings: Annotated[list[ReadingIn], Field(max_length=500)]


class BatchAccepted(Output):
    """The readings are on the disk."""

    accepted: int
    duplicate: bool


class CommandForNode(Output):
    """A command as a node gets it."""

    id: int
    seq: int
    actuator: str
    action: Action
    duration_ms: int | None
    ttl_ms: int


class CommandsForNode(Output):
    """Up to 8 commands, by `seq`."""

    held_ms: int = Field(description="How long after the request came each `ttl_ms` was taken.")
    commands: list[CommandForNode]


class AckIn(Input):
    """What became of one command."""

    id: Id = Field(examples=[4711])
    seq: Id = Field(examples=[18])
    status: AckStatus
    ran_ms: LimitMs | None = None
    reason: Annotated[Text, Field(max_length=200)] | None = None


class AcksIn(Input):
    """What became of some commands."""

    acks: Annotated[list[AckIn], Field(min_length=1, max_length=50)]


class AckResultRead(Output):
    """The state of a command after its ack; None where the device has no such command."""

    id: int
    state: CommandState | None


class AckResults(Output):
    """The states after the acks."""

    results: list[AckResultRead]


# Devices


class DeviceCreate(Input):
    """A new device."""

    name: Annotated[Text, Field(max_length=200, examples=["Balcony tomatoes"])]


class SampleRead(Output):
    """A measured value."""

    ts: datetime
    value: float


class PointRead(Output):
    """What a raw value means."""

    raw: float
    value: float


class CalibrationBrief(Output):
    """What raw values mean: lines through these points."""

    version: int
    made_at: datetime
    points: list[PointRead]


class SensorRead(Output):
    """A sensor with its newest value."""

    id: int
    key: str
    kind: SensorKind
    unit: str
    latest: SampleRead | None = Field(None, description="Calibrated; null where what the node sends means nothing yet.")
    raw_unit: str | None = Field(None, description="What the node sends, where that needs a calibration: V, or raw.")
    raw: SampleRead | None = Field(None, description="The newest value as the node sent it.")
    calibration: CalibrationBrief | None = None
    retired_at: datetime | None = Field(
        None, description="Since when the node no longer names it; no rule looks at it."
    )


class LimitsRead(Output):
    """The envelope that the node enforces by itself; null where it has no such limit."""

    max_run_ms: int | None
    min_off_ms: int | None
    max_day_ms: int | None
    flow_ml_per_min: int | None


class ActuatorRead(Output):
    """An actuator."""

    id: int
    key: str
    kind: ActuatorKind
    limits: LimitsRead
    retired_at: datetime | None = Field(None, description="Since when the node no longer names it.")


class DerivedRead(Output):
    """What follows from several readings; null where a channel is missing or stale."""

    vpd_kpa: float | None = Field(description="Vapour pressure deficit of the air (FAO-56).")
    dli_mol_m2_d: float | None = Field(
        description="Light of the last 24 hours, from lux as if it were daylight (0.0185 µmol/s/m² per lx)."
    )


class DeviceRead(Output):
    """A device with its channels and what was last heard of it."""

    id: str
    name: str
    created_at: datetime
    last_seen_at: datetime | None
    firmware: str | None
    version: str | None
    sensors: list[SensorRead]
    actuators: list[ActuatorRead]
    derived: DerivedRead


class DeviceCreated(DeviceRead):
    """A device that was just made. `secret` is shown this once."""

    secret: str


class SecretRead(Output):
    """A new secret, shown this once."""

    secret: str


class NodeFileRead(Output):
    """A file for a node's folder."""

    name: str = Field(examples=["balcony-0b8f.yaml"])
    text: str


class NodeFilesRead(Output):
    """What a node reads to find this backend."""

    files: list[NodeFileRead]


class SecretRotate(Input):
    """How long the old secret goes on working beside the new one."""

    overlap_s: Annotated[int, Field(strict=True, ge=0, le=30 * 24 * 3600, examples=[3600])] = 0


class SecretStates(Output):
    """Since when a device has its secret, and until when the one before it works. Neither is shown."""

    made_at: datetime
    used_at: datetime | None = Field(description="The last sign-in with it.")
    previous_until: datetime | None = Field(description="Null where no older secret works.")
    previous_used_at: datetime | None


class PointIn(Input):
    """A raw value as the node sends it, and what it means."""

    raw: Number
    value: Number


class CalibrationIn(Input):
    """What raw values mean: lines through two or more points, whose values only rise or only fall."""

    points: Annotated[
        list[PointIn], Field(max_length=64, examples=[[{"raw": 2.61, "value": 0}, {"raw": 1.18, "value": 100}]])
    ]


class CalibrationVersionRead(CalibrationBrief):
    """A calibration that was made; one without points ended the one before."""

    made_by: str


class CalibrationRead(Output):
    """What a channel's raw values mean, and its newest one both ways."""

    sensor: str
    kind: SensorKind
    unit: str
    raw_unit: str
    is_calibrated: bool = Field(description="False where the node sends volts or counts and there are no points.")
    points: list[PointRead]
    ts: datetime | None
    raw: float | None
    value: float | None
    versions: list[CalibrationVersionRead]


class ProfileIn(Input):
    """What a person wants for one device. See `domain/model.py` for the meanings."""

    mode: Mode = Mode.OFF
    soil_moisture_min_percent: Number = 30.0
    soil_moisture_hysteresis_percent: Number = 5.0
    dose_ms: Int = 5_000
    dose_ml: Int | None = None
    cooldown_s: Int = 3_600
    soak_s: Int = 900
    daily_cap_ms: Int = 60_000
    quiet_from: Annotated[TimeOfDay | None, Field(examples=["22:00"])] = None
    quiet_until: Annotated[TimeOfDay | None, Field(examples=["07:00"])] = None
    time_zone: Annotated[Text, Field(max_length=64, examples=["Europe/Berlin"])] = "UTC"
    reservoir_min_percent: Number = 10.0
    reservoir_hysteresis_percent: Number = 5.0
    air_temperature_min_c: Number | None = 5.0
    air_temperature_max_c: Number | None = 40.0
    air_temperature_hysteresis_c: Number = 0.5
    air_humidity_min_percent: Number | None = None
    air_humidity_max_percent: Number | None = None
    air_humidity_hysteresis_percent: Number = 2.0
    stale_after_s: Int = 900
    stuck_after_s: Int = 86_400
    probe_drop_max_percent: Number = 25.0
    probe_pair_tolerance_percent: Number | None = None
    doses_without_effect_max: Int = 3
    dose_rise_min_percent: Number = 1.0
    lamp_mode: LampMode = LampMode.OFF
    lamp_on_at: Annotated[TimeOfDay | None, Field(examples=["06:30"])] = None
    lamp_off_at: Annotated[TimeOfDay | None, Field(examples=["20:30"])] = None
    latitude: Annotated[Number | None, Field(examples=[52.5])] = None
    longitude: Annotated[Number | None, Field(examples=[13.4])] = None
    lamp_hours_min: Number = 12.0
    lamp_catch_up: LampCatchUp = LampCatchUp.RUN_LATE


class ProfileRead(ProfileIn):
    """A profile with its version, which grows with each change."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)

    version: int


class SimulationIn(Input):
    """What to try: fields of the profile that are to be other than now, over so many days."""

    profile: ProfileIn = Field(
        default_factory=ProfileIn,
        examples=[{"soil_moisture_min_percent": 35}],
        description="What is left out is as it is now; the mode is `on` where it is left out.",
    )
    days: Annotated[int, Field(strict=True, ge=1, le=31)] = 7


class SentenceRead(Output):
    """What a text says in English, as a code with its values, for programs that speak other languages.

    Units are in the names of the values, moments are RFC 3339 in UTC. Codes may be added; what one means stays.
    """

    code: str = Field(examples=["moist"])
    values: dict[str, int | float | str] = Field(examples=[{"moisture_percent": 41, "minimum_percent": 35}])


Sentences = Annotated[list[SentenceRead], Field(description="Empty where an earlier version wrote the text.")]


class CourseDoseRead(Output):
    """One run of the pump: simulated, or as it was."""

    at: datetime
    ended_at: datetime
    duration_ms: int
    volume_ml: int | None = Field(description="By the pump's flow; null where the node does not say it.")
    origin: Origin
    reason: "ReasonRead | None"


class CourseRefusalRead(Output):
    """How often and how long the rules refused for one reason."""

    code: ReasonCode
    text: str
    sentences: Sentences
    spells: int
    lasted_s: int
    first_at: datetime
    last_until: datetime


class CourseAlertRead(Output):
    """An alert that was open in that time, or would have been."""

    kind: AlertKind
    channel: str
    severity: Severity
    message: str
    sentences: Sentences
    opened_at: datetime
    closed_at: datetime | None


class CourseRead(Output):
    """What happened. Sums are of all, lists end at 1000 entries."""

    dose_count: int
    duration_ms: int
    volume_ml: int | None
    doses: list[CourseDoseRead]
    refusals: list[CourseRefusalRead]
    alert_count: int
    alerts: list[CourseAlertRead]


class DrySpellRead(Output):
    """A time in which the soil was too dry for the simulated profile. `ended_at` is null where it lasts."""

    began_at: datetime
    ended_at: datetime | None
    doses: int


class AssumptionRead(Output):
    """What a simulation takes for granted."""

    code: str = Field(examples=["moisture_as_recorded"])
    text: str


class SimulationRead(Output):
    """What would have happened, beside what did, and what is taken for granted."""

    since: datetime
    until: datetime
    step_s: float = Field(description="How far apart the simulated looks were at least.")
    profile: ProfileIn
    readings: int
    simulated: CourseRead
    dry_spell_count: int
    dry_spells: list[DrySpellRead]
    recorded: CourseRead
    assumptions: list[AssumptionRead]


class CommandCreate(Input):
    """A command from a person. `force` skips the cooldown and nothing else."""

    actuator: ChannelKey = Field(examples=["pump"])
    action: Action
    duration_ms: Int | None = Field(None, examples=[5000], description="Required for a pump's `on`.")
    force: Flag = False


class CommandRead(Output):
    """A command with its life."""

    id: int
    device_id: str
    seq: int
    actuator: str
    action: Action
    duration_ms: int | None
    state: CommandState
    origin: Origin
    is_forced: bool
    created_at: datetime
    expires_at: datetime
    delivered_at: datetime | None
    accepted_at: datetime | None
    finished_at: datetime | None
    ran_ms: int | None
    counted_ms: int
    late_status: AckStatus | None
    reason: str | None
    requested_by: str | None


class CommandList(Output):
    """Commands, newest first. `next_before` gives the next page."""

    commands: list[CommandRead]
    next_before: int | None


class ReadingsRead(Output):
    """What a sensor measured."""

    sensor: str
    kind: SensorKind
    unit: str
    readings: list[SampleRead]


class BucketRead(Output):
    """What a sensor measured from `ts` on, for `bucket_ms`."""

    ts: datetime
    min: float
    max: float
    mean: float
    count: int
    last: float


class BucketsRead(Output):
    """What a sensor measured, in at most as many buckets as asked for; there is none where nothing was measured."""

    sensor: str
    kind: SensorKind
    unit: str
    bucket_ms: int | None = Field(description="How long each bucket is; null where each is one reading by itself.")
    buckets: list[BucketRead]


class ReasonRead(Output):
    """Why, for programs and for people."""

    code: ReasonCode
    text: str
    until: datetime | None
    sentences: Sentences


class DecisionRead(Output):
    """One line of the decision ledger. `inputs` and `at` reproduce it exactly."""

    id: int
    device_id: str
    at: datetime
    mode: Mode
    outcome: DecisionOutcome
    reasons: list[ReasonRead]
    inputs: dict[str, Any]
    command_id: int | None


class DecisionList(Output):
    """Decisions, newest first. `next_before` gives the next page."""

    decisions: list[DecisionRead]
    next_before: int | None


class AlertRead(Output):
    """An alert with its life."""

    id: int
    device_id: str
    kind: AlertKind
    channel: str
    severity: Severity
    state: AlertState
    message: str
    sentences: Sentences
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    snoozed_until: datetime | None = Field(description="The alert is open, and calls nobody until then.")


class Snooze(Input):
    """For how long an alert calls nobody: give one of the two."""

    minutes: Annotated[Int, Field(ge=15, le=7 * 24 * 60, examples=[60])] | None = None
    until: AwareDatetime | None = Field(None, description="Between 15 minutes and 7 days from now.")


class InfoRead(Output):
    """What this server is."""

    name: str = "plant-automation"
    version: str
    api_version: int
    instance_id: str
    time: datetime
