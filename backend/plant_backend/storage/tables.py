"""The database schema. Times are Unix milliseconds UTC (`…_at`), keys are integers, documents are JSON text.

What a table means is said in `docs/architecture.md`; changes go through a migration beside this file.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from plant_backend.storage.types import WHOLE

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _device_number(*, primary_key: bool = False) -> "Column[int]":
    return Column(
        "device_number", ForeignKey("devices.number", ondelete="CASCADE"), primary_key=primary_key, nullable=False
    )


instance = Table(
    "instance",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("username", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # Whose devices a viewer sees; null for who has devices of their own. No foreign key, since SQLite adds none later.
    Column("owner_id", WHOLE, index=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("agent", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("owner_id", WHOLE, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("address", Text, nullable=False),
    sqlite_autoincrement=True,
)

home_users = Table(
    "home_users",
    metadata,
    # Home Assistant's own id of a person.
    Column("id", Text, primary_key=True),
    # Null when the account was ended: who was sent away does not come in again as somebody new.
    Column("user_id", ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("linked_at", BigInteger, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("scope", Text, nullable=False, server_default=text("'account'")),
)

devices = Table(
    "devices",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("owner_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("secret_digest", LargeBinary, nullable=False),
    Column("secret_made_at", BigInteger, nullable=False, server_default=text("0")),
    Column("secret_used_at", BigInteger),
    Column("previous_digest", LargeBinary),
    Column("previous_until", BigInteger, nullable=False, server_default=text("0")),
    Column("previous_used_at", BigInteger),
    Column("firmware", Text),
    Column("version", Text),
    Column("last_seq", WHOLE, nullable=False, server_default=text("0")),
    Column("last_seen_at", BigInteger),
    Column("is_thirsty", Boolean, nullable=False, server_default=text("false")),
    Column("effect", Text),
    Column("held_back_since", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    # A number is never given twice: what an old device left in a cache or log must not become a new one's.
    sqlite_autoincrement=True,
)

sensors = Table(
    "sensors",
    metadata,
    Column("id", WHOLE, primary_key=True),
    _device_number(),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("retired_at", BigInteger),
    Index("uq_sensors_device_number_key", "device_number", "key", unique=True),
    sqlite_autoincrement=True,
)

calibrations = Table(
    "calibrations",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("sensor_id", ForeignKey("sensors.id", ondelete="CASCADE"), nullable=False),
    Column("version", WHOLE, nullable=False),
    # Without points the raw values mean themselves again.
    Column("points", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Index("uq_calibrations_sensor_id_version", "sensor_id", "version", unique=True),
    sqlite_autoincrement=True,
)

actuators = Table(
    "actuators",
    metadata,
    Column("id", WHOLE, primary_key=True),
    _device_number(),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("limits", Text, nullable=False),
    Column("claims", WHOLE, nullable=False, server_default=text("0")),
    Column("retired_at", BigInteger),
    Index("uq_actuators_device_number_key", "device_number", "key", unique=True),
    sqlite_autoincrement=True,
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("id", WHOLE, primary_key=True),
    _device_number(),
    Column("family", Text, nullable=False, index=True),
    Column("parent_id", WHOLE, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("issued_at", BigInteger, nullable=False, index=True),
    Column("used_at", BigInteger),
    Column("secret_tag", Text, nullable=False, server_default=text("''")),
)

batches = Table(
    "batches",
    metadata,
    Column("id", WHOLE, primary_key=True),
    # No foreign key and no index: this table is the hot path, one row per accepted batch.
    Column("device_number", WHOLE, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("offsets", LargeBinary, nullable=False),
    # PostgreSQL alone: there no process knows all of the tail, and no card wears out by one page more.
    Index("uq_batches_device_number_batch_id", "device_number", "batch_id", unique=True).ddl_if(dialect="postgresql"),
)

accepted_batches = Table(
    "accepted_batches",
    metadata,
    Column("device_number", WHOLE, primary_key=True),
    Column("batch_id", Text, primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("accepted", WHOLE, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    # PostgreSQL alone: a month of ten thousand nodes is not read whole each hour to find what may go.
    Index("ix_accepted_batches_received_at", "received_at").ddl_if(dialect="postgresql"),
    sqlite_with_rowid=False,
)

readings = Table(
    "readings",
    metadata,
    Column("sensor_id", WHOLE, primary_key=True),
    Column("ts", BigInteger, primary_key=True),
    Column("value", Float, nullable=False),
    Column("is_age_known", Boolean, nullable=False),
    sqlite_with_rowid=False,
    # By months: see `months`.
    postgresql_partition_by="RANGE (ts)",
)


def _rollups(name: str, **more: Any) -> Table:
    """Make a table of what a sensor measured in each whole span of time, from `ts` on."""
    return Table(
        name,
        metadata,
        Column("sensor_id", WHOLE, primary_key=True),
        Column("ts", BigInteger, primary_key=True),
        Column("lowest", Float, nullable=False),
        Column("highest", Float, nullable=False),
        Column("total", Float, nullable=False),
        Column("count", WHOLE, nullable=False),
        Column("last", Float, nullable=False),
        Column("last_ts", BigInteger, nullable=False),
        sqlite_with_rowid=False,
        **more,
    )


rollups_5min = _rollups("rollups_5min", postgresql_partition_by="RANGE (ts)")
rollups_1h = _rollups("rollups_1h")

log_state = Table(
    "log_state",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    _device_number(primary_key=True),
    Column("version", WHOLE, nullable=False),
    Column("document", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

_LIVE_ON = text("action = 'on' AND state IN ('queued', 'delivered', 'accepted')")

commands = Table(
    "commands",
    metadata,
    Column("id", WHOLE, primary_key=True),
    _device_number(),
    Column("actuator_id", ForeignKey("actuators.id", ondelete="CASCADE"), nullable=False),
    Column("seq", WHOLE, nullable=False),
    Column("action", Text, nullable=False),
    Column("duration_ms", WHOLE),
    Column("state", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("is_forced", Boolean, nullable=False),
    Column("requested_by", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    Column("accepted_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("ran_ms", WHOLE),
    Column("counted_ms", WHOLE, nullable=False),
    Column("late_status", Text),
    Column("reason", Text),
    CheckConstraint("duration_ms IS NULL OR duration_ms > 0", name="duration_ms"),
    CheckConstraint("counted_ms >= 0", name="counted_ms"),
    Index("uq_commands_device_number_seq", "device_number", "seq", unique=True),
    # Two workers may be here at once: one live run per actuator is the database's word, not a worker's.
    Index("uq_commands_live", "actuator_id", unique=True, sqlite_where=_LIVE_ON, postgresql_where=_LIVE_ON),
    Index("ix_commands_actuator_id_created_at", "actuator_id", "created_at"),
    Index("ix_commands_actuator_id_finished_at", "actuator_id", "finished_at"),
    Index(
        "ix_commands_open",
        "device_number",
        sqlite_where=text("state IN ('queued', 'delivered', 'accepted')"),
        postgresql_where=text("state IN ('queued', 'delivered', 'accepted')"),
    ),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", WHOLE, primary_key=True),
    _device_number(),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("count", WHOLE, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("acknowledged_at", BigInteger),
    Column("resolved_at", BigInteger),
    Column("resolved_by", Text),
    Column("snoozed_until", BigInteger),
    Column("sentences", Text),
    Index(
        "uq_alerts_open",
        "device_number",
        "kind",
        "channel",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_alerts_device_number_id", "device_number", "id"),
    sqlite_autoincrement=True,
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", WHOLE, primary_key=True),
    _device_number(),
    Column("at", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("command_id", WHOLE),
    Index("ix_decisions_device_number_id", "device_number", "id"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("owner_id", WHOLE, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("data", Text, nullable=False),
    sqlite_autoincrement=True,
)

notification_targets = Table(
    "notification_targets",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("sealed_url", LargeBinary, nullable=False),
    Column("min_severity", Text, nullable=False),
    Column("is_for_all_devices", Boolean, nullable=False),
    Column("quiet_from", Text),
    Column("quiet_until", Text),
    Column("time_zone", Text, nullable=False),
    Column("wants_resolved", Boolean, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("failures", WHOLE, nullable=False, server_default=text("0")),
    Column("next_try_at", BigInteger),
    Column("last_success_at", BigInteger),
    Column("last_failure_at", BigInteger),
    Column("last_failure", Text),
    Column("language", Text, nullable=False, server_default=text("'en'")),
    sqlite_autoincrement=True,
)

notification_devices = Table(
    "notification_devices",
    metadata,
    Column(
        "target_id", ForeignKey("notification_targets.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column(
        "device_number",
        ForeignKey("devices.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
)

_WAITING = text("state = 'waiting'")

notification_messages = Table(
    "notification_messages",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("target_id", ForeignKey("notification_targets.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("alert_id", ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    Column("change", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("refusals", WHOLE, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    Column("finished_at", BigInteger, index=True),
    Column("reason", Text),
    # Told twice is told once too often: the database knows what was put there for whom.
    Index("uq_notification_messages_once", "alert_id", "target_id", "change", unique=True),
    Index("ix_notification_messages_waiting", "target_id", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
    sqlite_autoincrement=True,
)
