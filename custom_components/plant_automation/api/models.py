"""The backend's documents as frozen values.

A newer backend may know more kinds, states and fields than this client: words are kept as plain text, and what is not
known is passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Self

API_VERSION = 1
"""The version of the API that this client speaks."""

LIVE_STATES = frozenset({"queued", "delivered", "accepted"})
NEVER_RAN_STATES = frozenset({"rejected", "expired", "cancelled"})

type Document = Mapping[str, Any]


def parse_time(value: Any) -> datetime | None:
    """Read an RFC 3339 time."""
    return None if value is None else datetime.fromisoformat(value)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


@dataclass(frozen=True, slots=True)
class Info:
    """What a backend says of itself."""

    version: str
    api_version: int
    instance_id: str
    time: datetime

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(str(data["version"]), int(data["api_version"]), str(data["instance_id"]), _time(data["time"]))


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value."""

    ts: datetime
    value: float

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(_time(data["ts"]), float(data["value"]))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a sensor measured from `ts` on, for as long as buckets were asked for; or one value by itself."""

    ts: datetime
    min: float
    max: float
    mean: float
    count: int

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(_time(data["ts"]), float(data["min"]), float(data["max"]), float(data["mean"]), int(data["count"]))


@dataclass(frozen=True, slots=True)
class Sensor:
    """A channel that measures, with its newest value. `retired_at`: since when its node does not name it any more."""

    key: str
    kind: str
    unit: str
    latest: Sample | None = None
    retired_at: datetime | None = None

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        latest = data.get("latest")
        return cls(
            data["key"],
            data["kind"],
            data["unit"],
            None if latest is None else Sample.parse(latest),
            parse_time(data.get("retired_at")),
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """The envelope that a node enforces by itself; None where it has no such limit."""

    max_run_ms: int | None = None
    min_off_ms: int | None = None
    max_day_ms: int | None = None
    flow_ml_per_min: int | None = None


@dataclass(frozen=True, slots=True)
class Actuator:
    """A channel that acts. `retired_at`: since when its node does not name it any more."""

    key: str
    kind: str
    limits: Limits
    retired_at: datetime | None = None

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        limits = data.get("limits") or {}
        return cls(data["key"], data["kind"], Limits(**_known(Limits, limits)), parse_time(data.get("retired_at")))

    def run_ms(self, ml: float) -> int | None:
        """Turn water into run time; None where the pump's flow is not known."""
        flow = self.limits.flow_ml_per_min
        return max(1, int(ml * 60_000 / flow)) if flow else None

    def litres(self, ms: int) -> float | None:
        """Turn run time into water; None where the pump's flow is not known."""
        flow = self.limits.flow_ml_per_min
        return round(ms * flow / 60_000 / 1000, 4) if flow else None


@dataclass(frozen=True, slots=True)
class Derived:
    """What the backend works out from several readings; None where it cannot. Only snapshots bring it."""

    dli_mol_m2_d: float | None = None

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(**_known(cls, data))


@dataclass(frozen=True, slots=True)
class Device:
    """The record of one node."""

    id: str
    name: str
    firmware: str | None
    version: str | None
    last_seen_at: datetime | None
    sensors: tuple[Sensor, ...] = ()
    actuators: tuple[Actuator, ...] = ()
    derived: Derived | None = None

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(
            id=data["id"],
            name=data["name"],
            firmware=data.get("firmware"),
            version=data.get("version"),
            last_seen_at=parse_time(data.get("last_seen_at")),
            sensors=tuple(Sensor.parse(item) for item in data.get("sensors", ())),
            actuators=tuple(Actuator.parse(item) for item in data.get("actuators", ())),
            derived=None if data.get("derived") is None else Derived.parse(data["derived"]),
        )

    def sensor(self, key: str) -> Sensor | None:
        """Find a sensor."""
        return next((sensor for sensor in self.sensors if sensor.key == key), None)

    def first(self, kind: str) -> Sensor | None:
        """Give the first sensor of a kind: the one that the rules look at."""
        return next((sensor for sensor in self.sensors if sensor.kind == kind and sensor.retired_at is None), None)

    def actuator(self, key: str) -> Actuator | None:
        """Find an actuator."""
        return next((actuator for actuator in self.actuators if actuator.key == key), None)

    @property
    def pump(self) -> Actuator | None:
        """The pump that the rules drive: the first."""
        return self._first_actuator("pump")

    @property
    def lamp(self) -> Actuator | None:
        """The lamp that the rules drive: the first."""
        return self._first_actuator("lamp")

    @property
    def has_rules(self) -> bool:
        """Whether there is anything for the rules to drive."""
        return any(actuator.retired_at is None for actuator in self.actuators)

    def _first_actuator(self, kind: str) -> Actuator | None:
        return next((known for known in self.actuators if known.kind == kind and known.retired_at is None), None)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person wants for one device. The names and meanings are the backend's.

    It holds whatever the backend has, also what this client does not know: whole profiles are replaced, and what is
    left out falls back to its default. A field that an older backend does not have is not there.
    """

    version: int
    fields: Mapping[str, Any]

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(int(data["version"]), {name: value for name, value in data.items() if name != "version"})

    def get(self, name: str) -> Any:
        """Give a field; None where it is not set, or not there."""
        return self.fields.get(name)

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """Give a profile that differs in some fields."""
        return replace(self, fields={**self.fields, **changes})

    @property
    def mode(self) -> str:
        """Who waters."""
        return str(self.fields["mode"])

    @property
    def soil_moisture_min_percent(self) -> float:
        """Below it a dose is due."""
        return float(self.fields["soil_moisture_min_percent"])

    @property
    def reservoir_min_percent(self) -> float:
        """Below it nothing is watered."""
        return float(self.fields["reservoir_min_percent"])

    @property
    def cooldown_s(self) -> int:
        """From the start of a dose to the next."""
        return int(self.fields["cooldown_s"])

    @property
    def daily_cap_ms(self) -> int:
        """How long all runs in any 24 hours may be together."""
        return int(self.fields["daily_cap_ms"])

    @property
    def stale_after_s(self) -> int:
        """An older reading is not acted on."""
        return int(self.fields["stale_after_s"])

    def dose_ms(self, pump: Actuator) -> int | None:
        """Give how long one dose runs: `dose_ml`, where given, counts before `dose_ms`. None: the flow is not known."""
        ml = self.get("dose_ml")
        return int(self.fields["dose_ms"]) if ml is None else pump.run_ms(ml)


@dataclass(frozen=True, slots=True)
class Command:
    """One order to one actuator, with its life."""

    id: int
    actuator: str
    action: str
    duration_ms: int | None
    state: str
    origin: str
    created_at: datetime
    delivered_at: datetime | None
    accepted_at: datetime | None
    finished_at: datetime | None
    ran_ms: int | None
    counted_ms: int
    reason: str | None
    requested_by: str | None

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(
            id=int(data["id"]),
            actuator=data["actuator"],
            action=data["action"],
            duration_ms=data["duration_ms"],
            state=data["state"],
            origin=data["origin"],
            created_at=_time(data["created_at"]),
            delivered_at=parse_time(data.get("delivered_at")),
            accepted_at=parse_time(data.get("accepted_at")),
            finished_at=parse_time(data.get("finished_at")),
            ran_ms=data.get("ran_ms"),
            counted_ms=int(data.get("counted_ms") or 0),
            reason=data.get("reason"),
            requested_by=data.get("requested_by"),
        )

    @property
    def is_live(self) -> bool:
        """It may still run, or runs."""
        return self.state in LIVE_STATES

    @property
    def may_have_run(self) -> bool:
        """It ran, runs, or nobody can tell that it did not."""
        return self.state not in NEVER_RAN_STATES and self.state != "queued" and not self.came_to_nothing

    @property
    def came_to_nothing(self) -> bool:
        """It is over and moved nothing."""
        return not self.is_live and self.counted_ms == 0 and self.action == "on" and self.duration_ms is not None

    @property
    def started_at(self) -> datetime:
        """When it began at the latest."""
        return self.accepted_at or self.delivered_at or self.created_at


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should know. At most one is open per device, kind and channel."""

    id: int
    device_id: str
    kind: str
    channel: str
    severity: str
    state: str
    message: str
    count: int
    first_seen_at: datetime
    acknowledged_at: datetime | None
    snoozed_until: datetime | None = None

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(
            id=int(data["id"]),
            device_id=data["device_id"],
            kind=data["kind"],
            channel=data["channel"],
            severity=data["severity"],
            state=data["state"],
            message=data["message"],
            count=int(data["count"]),
            first_seen_at=_time(data["first_seen_at"]),
            acknowledged_at=parse_time(data.get("acknowledged_at")),
            snoozed_until=parse_time(data.get("snoozed_until")),
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, for programs and for people."""

    code: str
    text: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the decision ledger."""

    id: int
    at: datetime
    mode: str
    outcome: str
    reasons: tuple[Reason, ...]
    command_id: int | None

    @classmethod
    def parse(cls, data: Document) -> Self:
        """Read a document."""
        return cls(
            id=int(data["id"]),
            at=_time(data["at"]),
            mode=data["mode"],
            outcome=data["outcome"],
            reasons=tuple(
                Reason(item["code"], item["text"], parse_time(item.get("until"))) for item in data["reasons"]
            ),
            command_id=data.get("command_id"),
        )

    @property
    def text(self) -> str:
        """All reasons in one line."""
        return " ".join(reason.text for reason in self.reasons)


def _known(kind: type[Any], data: Document) -> dict[str, Any]:
    """Keep the fields that we know."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in data.items() if name in names}
