"""What the services need from the world, as protocols. `app.py` alone knows who fulfils them.

A transaction is a plain function of a `Transaction`: it cannot await, so it can neither hold a lock over the network
nor interleave with itself, a dialect may run it again after a serialization failure, and several share one commit.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from plant_backend.domain.account import ApiToken, AuditEntry, DeviceSecrets, Principal, Scope, Session, User
from plant_backend.domain.alert import Alert, AlertChange, AlertKind, AlertState, Severity
from plant_backend.domain.calibration import Calibration, Point
from plant_backend.domain.command import Action, Command, CommandState, Origin, Outcome
from plant_backend.domain.course import Run
from plant_backend.domain.history import Bucket, BucketSeries
from plant_backend.domain.ledger import DecisionOutcome, DecisionRecord, Event, EventType, UnreadableDecision, Verdict
from plant_backend.domain.model import (
    Actuator,
    Device,
    DoseEffect,
    Manifest,
    PlantSnapshot,
    Profile,
    PumpState,
    Sample,
)
from plant_backend.domain.notification import (
    Change,
    Message,
    NotificationService,
    Target,
    TargetHealth,
    TargetSettings,
    Text,
)
from plant_backend.domain.notification_form import ServiceForm
from plant_backend.domain.reason import Reason
from plant_backend.domain.telemetry import Batch, LoggedBatch, Receipt

T = TypeVar("T")


class Clock(Protocol):
    """Tells the time of the plants' world. Aware, UTC."""

    def now(self) -> datetime:
        """Give the time, to the millisecond: what is written down reads back the same."""
        ...

    def now_ms(self) -> int:
        """Give the time in Unix milliseconds."""
        ...

    def steady_ms(self) -> int:
        """Give milliseconds of the same world on a clock that nobody can set. Where it begins means nothing."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of the same world."""
        ...


@runtime_checkable
class SharedClock(Protocol):
    """A clock of many machines, which goes by what one of them says."""

    asked_at_ms: int
    """When the last question was asked that was answered, on the steady clock."""

    def steady_ms(self) -> int: ...

    def agree(self, told_ms: int, asked_at_ms: int, answered_at_ms: int) -> None:
        """Go by a time that was told between two moments of the steady clock."""
        ...


class Users(Protocol):
    """People, their password hashes and API tokens."""

    def add(self, username: str, password_hash: str, now: datetime, owner_id: int | None = None) -> User:
        """Raises Conflict when the name is taken."""
        ...

    def add_first(self, username: str, password_hash: str, now: datetime) -> User | None:
        """Make the first account. Gives None when there is one already."""
        ...

    def get(self, user_id: int) -> tuple[User, str] | None:
        """Give the user and the password hash."""
        ...

    def viewers(self, owner_id: int) -> Sequence[User]: ...

    def delete(self, user_id: int) -> None:
        """Remove the account with its tokens, sessions and viewers. The devices have to be gone."""
        ...

    def by_name(self, username: str) -> tuple[User, str] | None:
        """Give the user and the password hash."""
        ...

    def set_password(self, user_id: int, password_hash: str) -> None: ...

    def all(self) -> Sequence[User]: ...

    def add_token(
        self, user_id: int, name: str, prefix: str, digest: bytes, now: datetime, scope: Scope = Scope.ACCOUNT
    ) -> ApiToken: ...

    def principal_of(self, digest: bytes) -> Principal | None:
        """Give who holds the token with this SHA-256, unless it is revoked."""
        ...

    def touch_token(self, token_id: int, now: datetime) -> None: ...

    def tokens(self, who: Principal) -> Sequence[ApiToken]: ...

    def revoke_token(self, who: Principal, token_id: int, now: datetime) -> bool: ...

    def revoke_tokens(self, user_id: int, now: datetime) -> None: ...


class HomeUsers(Protocol):
    """Whose account is whose, of those who come through Home Assistant."""

    def account_of(self, home_id: str) -> tuple[bool, User | None]:
        """Tell whether the person was linked ever, and to which account now: None where it was ended."""
        ...

    def link(self, home_id: str, user_id: int, now: datetime) -> None: ...


class Sessions(Protocol):
    """Browsers that are signed in. Times here are real ones, in Unix milliseconds."""

    def add(self, user_id: int, digest: bytes, agent: str, address: str, now_ms: int, ends_at_ms: int) -> Session: ...

    def principal_of(self, digest: bytes, now_ms: int, idle_since_ms: int) -> Principal | None:
        """Give who holds the session with this SHA-256, unless it ended or was idle for longer."""
        ...

    def touch(self, session_id: int, address: str, now_ms: int) -> None: ...

    def all(self, user_id: int, now_ms: int, idle_since_ms: int) -> Sequence[Session]: ...

    def end(self, user_id: int, session_id: int) -> bool: ...

    def end_all(self, user_id: int, but: int | None = None) -> None: ...

    def purge(self, now_ms: int, idle_since_ms: int) -> None: ...


class Audit(Protocol):
    """Who did what. Times here are real ones, in Unix milliseconds."""

    def add(self, owner_id: int, actor: str, action: str, subject: str, address: str, now_ms: int) -> None: ...

    def all(self, owner_id: int, before_id: int | None, limit: int) -> Sequence[AuditEntry]: ...

    def forget(self, owner_id: int) -> None: ...


class RefreshTokens(Protocol):
    """Families of rotating refresh tokens of nodes. Times here are real ones, in Unix milliseconds."""

    def issue(
        self, device_number: int, family: str, digest: bytes, parent_id: int | None, now_ms: int, secret_tag: str = ""
    ) -> int: ...

    def find(self, digest: bytes) -> "RefreshToken | None": ...

    def has_used_child(self, token_id: int) -> bool: ...

    def mark_used(self, token_id: int, now_ms: int) -> None: ...

    def drop_children(self, token_id: int) -> None: ...

    def revoke_family(self, family: str) -> None: ...

    def revoke_device(self, device_number: int) -> None: ...

    def purge(self, device_number: int, before_ms: int) -> int: ...


class RefreshToken(Protocol):
    """A stored refresh token."""

    @property
    def id(self) -> int: ...
    @property
    def device_number(self) -> int: ...
    @property
    def family(self) -> str: ...
    @property
    def issued_at_ms(self) -> int: ...
    @property
    def used_at_ms(self) -> int | None: ...
    @property
    def secret_tag(self) -> str: ...


class Devices(Protocol):
    """Devices with their channels. Whatever takes a principal sees only what is theirs."""

    def add(self, who: Principal, device_id: str, name: str, secret_digest: bytes, now: datetime) -> Device: ...

    def all(self, who: Principal) -> Sequence[Device]: ...

    def get(self, who: Principal, device_id: str) -> Device:
        """Raises NotFound."""
        ...

    def by_number(self, number: int) -> Device | None: ...

    def by_secret(self, device_id: str, secret_digest: bytes, now_ms: int) -> Device | None: ...

    def secrets(self, number: int) -> DeviceSecrets | None: ...

    def note_sign_in(self, number: int, secret_digest: bytes, now_ms: int) -> None: ...

    def numbers(self) -> Sequence[int]: ...

    def rename(self, number: int, name: str) -> None: ...

    def set_secret(self, number: int, secret_digest: bytes, now_ms: int, overlap_ms: int) -> None:
        """Give a new secret. The current one becomes the previous one and works for `overlap_ms` more."""
        ...

    def delete(self, number: int) -> None:
        """Remove the device and everything that belongs to it."""
        ...

    def register(self, number: int, manifest: Manifest, now: datetime) -> bool:
        """Add new channels, update known ones, retire what is not named. Tells whether anything changed.

        Raises Conflict.
        """
        ...


class Calibrations(Protocol):
    """What the raw values of sensors mean. The newest counts; older ones are kept to be looked at."""

    def add(self, sensor_id: int, points: Sequence[Point], made_by: str, now: datetime) -> Calibration:
        """Give a sensor a calibration; one without points ends the one before."""
        ...

    def all(self, sensor_id: int, limit: int) -> Sequence[tuple[Calibration, str]]:
        """Give a sensor's calibrations with who made them, newest first."""
        ...


class Commands(Protocol):
    """The command queue."""

    def pump_state(self, actuator: Actuator, now: datetime) -> PumpState: ...

    def recent_of(self, actuator: Actuator, limit: int) -> Sequence[Command]:
        """Give the last commands of one actuator, newest first."""
        ...

    def runs(self, actuator: Actuator, since: datetime, until: datetime) -> Sequence[tuple[int, Run]]:
        """Give (command id, run) of what counts as having run and began in [since, until), oldest first."""
        ...

    def claim(
        self,
        device: Device,
        actuator: Actuator,
        action: Action,
        *,
        duration_ms: int | None,
        ttl_ms: int,
        origin: Origin,
        is_forced: bool,
        requested_by: str | None,
        guard: "PumpGuard | None",
        now: datetime,
    ) -> Command | None:
        """Queue a command in one guarded statement, or give None where a guard or a live command forbids it."""
        ...

    def add_unknown_run(self, device: Device, pump: Actuator, run_ms: int, reason: str, now: datetime) -> Command:
        """Write down a run that is over and that no command here is about, whatever else the pump is doing."""
        ...

    def get(self, device_number: int, command_id: int) -> Command | None: ...

    def all(self, device_number: int, before_id: int | None, limit: int) -> Sequence[Command]: ...

    def catch_up_seq(self, device_number: int, seq: int) -> None:
        """Go on from a `seq` that the node knows and the database, restored from a backup, does not."""
        ...

    def last_seq(self, device_number: int) -> int: ...

    def is_unfetched(self, device_number: int, seq: int) -> bool:
        """Tell whether there is a command of this `seq` that was never handed out."""
        ...

    def mark_fetched(self, device_number: int, through_seq: int, now: datetime) -> int:
        """Note that the node knows all numbers up to a `seq`. Gives how many of ours were not handed out for that.

        Those before the last one that was handed out do not count: the node passed over them. Nor do those whose end a
        restored backup knew: in no history were they handed out.
        """
        ...

    def deliverable(self, device_number: int, after: int | None, now: datetime, limit: int) -> Sequence[Command]: ...

    def mark_delivered(self, command_ids: Sequence[int], now: datetime) -> None: ...

    def record_outcome(
        self, command: Command, outcome: Outcome, ran_ms: int | None, reason: str | None, now: datetime
    ) -> Command: ...

    def has_unknown_outcome(self, pump: Actuator) -> bool:
        """Tell whether nobody knows what became of some run that the open alert about a pump can be of.

        Those before a run that went as asked, and before the alert opened, are no longer asked about.
        """
        ...

    def finish(self, command: Command, state: CommandState, reason: str, now: datetime) -> Command: ...

    def live(self, device_number: int) -> Sequence[Command]: ...

    def has_future(self, now: datetime) -> bool:
        """Tell whether commands are dated in the future: the clock was ahead and went back."""
        ...

    def redate_future(self, now: datetime) -> int:
        """Date such commands now, as if they had just happened: guards wait in full, and not for years."""
        ...

    def shift(self, jump_ms: int, now: datetime) -> int:
        """Move all dates with a clock that was set by `jump_ms` and says `now`: what lay an hour back still does."""
        ...

    def note_clock_moved(self, jump_ms: int) -> int:
        """Write down that dates were moved, for other processes. Gives by how much they were moved in all."""
        ...

    def overdue(self, now: datetime) -> Sequence[tuple[int, Command]]:
        """Give (device number, command) of commands whose life is over and whose outcome is unknown."""
        ...


class PumpGuard(Protocol):
    """The numbers that the guarded statement checks once more, inside the transaction."""

    @property
    def cap_ms(self) -> int: ...
    @property
    def cooldown_s(self) -> int: ...


class Alerts(Protocol):
    """The alert centre."""

    def apply(self, device_number: int, change: AlertChange, now: datetime) -> Alert | None:
        """Carry out one change. Gives the alert when it opened, became worse or was resolved, else None."""
        ...

    def move(self, device_number: int, kind: AlertKind, channel: str, to: str) -> None:
        """Let an open alert be about another channel, which has none of that kind."""
        ...

    def lasting(self, device_number: int, since: datetime, until: datetime, limit: int) -> Sequence[Alert]:
        """Give a device's alerts that were open at any time in [since, until), oldest first."""
        ...

    def open_keys(self, device_number: int) -> frozenset[tuple[str, str]]: ...

    def all(self, who: Principal, state: AlertState | None, device_id: str | None, limit: int) -> Sequence[Alert]: ...

    def get(self, who: Principal, alert_id: int) -> Alert:
        """Raises NotFound."""
        ...

    def resolve(self, who: Principal, alert_id: int, now: datetime) -> Alert:
        """Raises NotFound. Resolving a resolved alert gives it unchanged."""
        ...

    def acknowledge(self, who: Principal, alert_id: int, now: datetime) -> Alert: ...

    def snooze(self, who: Principal, alert_id: int, until: datetime | None) -> Alert:
        """Put an open alert off, with None no longer. Raises NotFound. Gives a resolved alert unchanged."""
        ...

    def snoozes_over(self, now: datetime) -> Sequence[tuple[int, int]]:
        """Give the device numbers and ids of open alerts whose snooze is over."""
        ...

    def end_snooze(self, alert_id: int) -> Alert: ...


class Memory(NamedTuple):
    """What the rules remember of a device."""

    is_thirsty: bool = False
    effect: DoseEffect = DoseEffect()
    held_back_since: datetime | None = None


class Automation(Protocol):
    """Profiles, the little state that rules keep, and the decision ledger."""

    def profile(self, device_number: int) -> tuple[Profile, int]:
        """Give the profile and its version; version 0 is the default that nobody changed."""
        ...

    def set_profile(self, device_number: int, profile: Profile, now: datetime) -> int: ...

    def memory(self, device_number: int) -> Memory: ...

    def set_effect(self, device_number: int, effect: DoseEffect) -> None: ...

    def set_thirsty(self, device_number: int, is_thirsty: bool) -> None: ...

    def set_held_back_since(self, device_number: int, since: datetime | None) -> None: ...

    def record(
        self,
        device_number: int,
        at: datetime,
        outcome: DecisionOutcome,
        reasons: Sequence[Reason],
        inputs: PlantSnapshot,
        command_id: int | None,
    ) -> DecisionRecord: ...

    def last(self, device_number: int) -> DecisionRecord | None:
        """Give what was decided last, or None where nothing was, or a newer version did and it cannot be read."""
        ...

    def shadow_doses(self, device_number: int, since: datetime) -> Sequence[tuple[datetime, int]]:
        """Give when shadow mode would have watered, and for how many ms, oldest first."""
        ...

    def verdicts(self, device_number: int, since: datetime, until: datetime) -> Iterable[Verdict]:
        """Give what was decided in [since, until), and the last before, oldest first, without inputs."""
        ...

    def decisions(self, device_number: int, before_id: int | None, limit: int) -> Sequence[DecisionRecord]:
        """Give the decisions of one device, newest first, without those that cannot be read."""
        ...

    def ledger(
        self, device_id: str | None, before_id: int | None, limit: int
    ) -> Sequence[DecisionRecord | UnreadableDecision]:
        """Give the decisions of one device, or of all, newest first; what cannot be read is no error."""
        ...


class History(Protocol):
    """Readings, compacted or not: nothing that was accepted ever looks missing."""

    def readings(
        self,
        sensor_id: int,
        since: datetime,
        until: datetime,
        limit: int,
        *,
        newest_first: bool = False,
        only_dated: bool = False,
    ) -> Sequence[Sample]:
        """Give what was measured in [since, until). `only_dated` leaves out values whose age nobody knows."""
        ...

    def buckets(self, sensor_id: int, since: datetime, until: datetime, points: int) -> BucketSeries:
        """Give the values of known age in [since, until) as at most `points` buckets (at least 2)."""
        ...

    def hours(self, sensor_id: int, since: datetime, limit: int) -> Sequence[Bucket]:
        """Give the compacted hours from `since` on, oldest first: all that is left of long ago."""
        ...

    def is_behind(self, device_number: int, log_id: int) -> bool:
        """Tell whether the log holds a batch of the device that came after this id."""
        ...


class Events(Protocol):
    """The outbox."""

    def add(self, device: Device, event_type: EventType, data: dict[str, Any], at: datetime) -> None: ...

    def after(self, event_id: int, limit: int) -> Sequence[Event]: ...

    def forget(self, owner_id: int) -> None: ...


class Notifications(Protocol):
    """Targets of notifications, and the outbox of what waits for them. Times here are real ones."""

    def add(
        self, user_id: int, settings: TargetSettings, service: str, address: str, sealed_url: bytes, now: datetime
    ) -> Target: ...

    def all(self, user_id: int) -> Sequence[Target]: ...

    def get(self, user_id: int, target_id: int) -> Target:
        """Raises NotFound."""
        ...

    def sealed_url(self, target_id: int) -> bytes | None: ...

    def change(self, target_id: int, settings: TargetSettings) -> None: ...

    def set_url(self, target_id: int, service: str, address: str, sealed_url: bytes) -> None: ...

    def set_health(self, target_id: int, health: TargetHealth) -> None: ...

    def delete(self, user_id: int, target_id: int) -> None:
        """Raises NotFound."""
        ...

    def concerned(self, device: Device) -> Sequence[Target]:
        """Give the targets that are switched on and hear of a device: the owner's and those of the owner's viewers."""
        ...

    def told(self, target_id: int, alert_id: int) -> frozenset[Change]:
        """Give what of an alert was sent."""
        ...

    def was_told_lately(self, target_id: int, device_number: int, alert: Alert, since: datetime) -> bool:
        """Tell whether something of another alert of this device, kind and channel was sent since, or waits."""
        ...

    def last_told_at(self, target_id: int, device_number: int, alert: Alert) -> datetime | None:
        """Give when an alert of this device, kind and channel was last sent."""
        ...

    def put(
        self,
        target_id: int,
        alert: Alert,
        change: Change,
        now: datetime,
        not_before: datetime,
        expires_at: datetime | None,
    ) -> None:
        """Add a message, once per target, alert and change."""
        ...

    def remind(self, target_id: int, alert: Alert, now: datetime) -> None:
        """Add a reminder of an alert in the place of its last one, unless something of the alert waits."""
        ...

    def supersede(self, target_id: int, alert_id: int, reason: str, now: datetime) -> None:
        """Drop what waits about an alert."""
        ...

    def trim(self, target_id: int, most: int, reason: str, now: datetime) -> int:
        """Drop what waits beyond `most`, the mildest and oldest first. Gives how many."""
        ...

    def waiting(self) -> Sequence[tuple[Target, Sequence[Message]]]: ...

    def mark_sent(self, message_ids: Sequence[int], now: datetime) -> None: ...

    def over_meanwhile(self, message_ids: Sequence[int]) -> Sequence[Alert]:
        """Give the alerts of these messages that were resolved before anything of them was known to be told."""
        ...

    def put_off(self, target_id: int, alert_id: int, severity: Severity, until: datetime) -> None:
        """Let what waits of this severity about openings of the same alert (device, kind, channel) wait until then."""
        ...

    def mark_refused(self, message_ids: Sequence[int]) -> None: ...

    def drop(self, drops: Sequence[tuple[int, str]], now: datetime) -> None: ...


class Transaction(Protocol):
    """All repositories over one connection, inside one transaction."""

    @property
    def users(self) -> Users: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def home_users(self) -> HomeUsers: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def refresh_tokens(self) -> RefreshTokens: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def calibrations(self) -> Calibrations: ...
    @property
    def commands(self) -> Commands: ...
    @property
    def alerts(self) -> Alerts: ...
    @property
    def automation(self) -> Automation: ...
    @property
    def history(self) -> History: ...
    @property
    def events(self) -> Events: ...
    @property
    def notifications(self) -> Notifications: ...


class Storage(Protocol):
    """The database."""

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction and return once it is on the disk. What `work` raises undoes it."""
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on one consistent snapshot."""
        ...

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes take batches and run the rules too."""
        ...

    @property
    def is_leader(self) -> bool:
        """Tell whether this process does what only one may do: sweep, compact, send notifications."""
        ...

    @property
    def clock_moved_ms(self) -> int:
        """Give by how much dates have been moved with the clock so far. Where nothing is shared it is not told."""
        ...

    async def catch_up(self) -> None:
        """Take in what other processes have written."""
        ...

    async def catch_up_if_shared(self) -> None:
        """Catch up where other processes take batches and run the rules too: what they acknowledged counts."""
        ...

    @property
    def failed_at_s(self) -> float:
        """When a commit last failed, by the monotonic clock."""
        ...

    async def check_writable(self) -> None:
        """Write something of no consequence. Raises Unavailable."""
        ...

    def append(self, batch: Batch) -> "Awaitable[Receipt]":
        """Put a batch into the log: the answer comes when it is on the disk. Raises Unavailable, Conflict."""
        ...

    def latest(self, sensor_id: int) -> tuple[Sample, ...]:
        """Give the newest samples of a sensor whose times are known, oldest first."""
        ...

    def unchanged_since(self, sensor_id: int) -> datetime | None:
        """Give since when a sensor has read exactly the same."""
        ...

    def shift_latest(self, jump_ms: int) -> None:
        """Move the times of the newest samples with a clock that was set by so much."""
        ...

    def last_seen(self, device_number: int) -> datetime | None:
        """Give when the device's last batch was accepted."""
        ...

    def batches_after(self, log_id: int, limit: int) -> Awaitable[Sequence[LoggedBatch]]: ...

    def forget(self, device_number: int, sensor_ids: Sequence[int]) -> None:
        """Drop what is kept in memory of a deleted device."""
        ...

    def log_bounds(self) -> tuple[int, int]:
        """Give the ids of the last batch that was dropped from the log, and of the last one in it."""
        ...

    def event_bounds(self) -> tuple[int, int]:
        """Give the ids of the last event that was dropped from the outbox, and of the last one in it."""
        ...


class Bus(Protocol):
    """Nudges: "there is news about X". Lost, doubled or reordered ones are harmless."""

    @property
    def is_carrying(self) -> bool:
        """Tell whether nudges reach other processes."""
        ...

    @property
    def state(self) -> str:
        """Say for people how nudges travel."""
        ...

    def publish(self, topic: str, key: int) -> None:
        """Let whom it concerns hear, wherever: one worker of work to do, everybody of all else."""
        ...

    def tell_here(self, topic: str, key: int) -> None:
        """Let the listeners in this process hear, and nobody else."""
        ...

    def tell_others(self, topic: str, key: int) -> None:
        """Let the listeners in other processes hear, and none here."""
        ...

    def done(self, topic: str, key: int) -> None:
        """Say that work was done: until then another worker may be asked to do it, should this process end."""
        ...

    def subscribe(self, topic: str, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call `listener` with each key. Gives the function that ends it."""
        ...


class NotSent(Exception):
    """A message did not get through. The text is for people and holds no secret.

    `is_refused`: the service was there and did not want it, so that another message may fare better.
    """

    def __init__(self, reason: str, *, is_refused: bool = False) -> None:
        super().__init__(reason)
        self.is_refused = is_refused


class Notifier(Protocol):
    """Speaks to the services by which people are told."""

    def services(self) -> Sequence[NotificationService]:
        """Give the services that may be notified."""
        ...

    async def forms(self) -> Sequence[ServiceForm]:
        """Give what the URLs of these services are made of. Raises Unavailable."""
        ...

    async def check(self, url: str) -> tuple[NotificationService, str]:
        """Give the service of a URL, and the URL without its secrets. Raises InvalidInput, Unavailable."""
        ...

    async def send(self, url: str, text: Text, *, is_urgent: bool = False) -> None:
        """Send a text. Raises NotSent, after its own time limit at the latest. `is_urgent`: somebody waits for it."""
        ...


class NotificationWriter(Protocol):
    """Puts what a target is told into the words, numbers and times of who reads it. Blocks while it reads a catalog."""

    def compose(self, messages: Sequence[Message], settings: TargetSettings, public_url: str) -> Text:
        """Write one text about one or more changes."""
        ...

    def trial(self, settings: TargetSettings, public_url: str) -> Text:
        """Write what a person sees who tries a target."""
        ...


class Sealer(Protocol):
    """Keeps secrets that have to be read again from being read out of the database."""

    def seal(self, text: str) -> bytes: ...

    def open(self, sealed: bytes) -> str | None:
        """Give what was sealed, or None where it was sealed with another key."""
        ...


class CommitListener(Protocol):
    """Hears, in the order of the commits, what was made durable."""

    def committed(self, batches: Sequence[LoggedBatch], events: Sequence[Event]) -> None: ...
