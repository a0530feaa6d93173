"""The first tables."""

import sqlalchemy as sa
from alembic import op
from plant_backend.storage.types import WHOLE

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "accepted_batches",
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted", WHOLE, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("device_number", "batch_id", name=op.f("pk_accepted_batches")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batches",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("offsets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("uq_batches_device_number_batch_id", "batches", ["device_number", "batch_id"], unique=True)
    op.create_table(
        "events",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", WHOLE, nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "instance",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_instance")),
    )
    op.create_table(
        "log_state",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_log_state")),
    )
    op.create_table(
        "readings",
        sa.Column("sensor_id", WHOLE, nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("is_age_known", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_id", "ts", name=op.f("pk_readings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "users",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_tokens_digest")),
    )
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"], unique=False)
    op.create_table(
        "devices",
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_digest", sa.LargeBinary(), nullable=False),
        sa.Column("firmware", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("last_seq", WHOLE, server_default=sa.text("0"), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("is_thirsty", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_devices_owner_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_devices")),
        sa.UniqueConstraint("id", name=op.f("uq_devices_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_devices_owner_id"), "devices", ["owner_id"], unique=False)
    op.create_table(
        "actuators",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.Column("claims", WHOLE, server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_number"], ["devices.number"], name=op.f("fk_actuators_device_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actuators")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_actuators_device_number_key", "actuators", ["device_number", "key"], unique=True)
    op.create_table(
        "alerts",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_number"], ["devices.number"], name=op.f("fk_alerts_device_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alerts_device_number_id", "alerts", ["device_number", "id"], unique=False)
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["device_number", "kind", "channel"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("command_id", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(
            ["device_number"], ["devices.number"], name=op.f("fk_decisions_device_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decisions_device_number_id", "decisions", ["device_number", "id"], unique=False)
    op.create_table(
        "profiles",
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_number"], ["devices.number"], name=op.f("fk_profiles_device_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_number", name=op.f("pk_profiles")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("parent_id", WHOLE, nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_number"], ["devices.number"], name=op.f("fk_refresh_tokens_device_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_refresh_tokens_digest")),
    )
    op.create_index(op.f("ix_refresh_tokens_family"), "refresh_tokens", ["family"], unique=False)
    op.create_index(op.f("ix_refresh_tokens_issued_at"), "refresh_tokens", ["issued_at"], unique=False)
    op.create_index(op.f("ix_refresh_tokens_parent_id"), "refresh_tokens", ["parent_id"], unique=False)
    op.create_table(
        "sensors",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_number"], ["devices.number"], name=op.f("fk_sensors_device_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sensors")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_sensors_device_number_key", "sensors", ["device_number", "key"], unique=True)
    op.create_table(
        "commands",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("device_number", WHOLE, nullable=False),
        sa.Column("actuator_id", WHOLE, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("duration_ms", WHOLE, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("is_forced", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("ran_ms", WHOLE, nullable=True),
        sa.Column("counted_ms", WHOLE, nullable=False),
        sa.Column("late_status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("counted_ms >= 0", name=op.f("ck_commands_counted_ms")),
        sa.CheckConstraint("duration_ms IS NULL OR duration_ms > 0", name=op.f("ck_commands_duration_ms")),
        sa.ForeignKeyConstraint(
            ["actuator_id"], ["actuators.id"], name=op.f("fk_commands_actuator_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["device_number"], ["devices.number"], name=op.f("fk_commands_device_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_commands_actuator_id_created_at", "commands", ["actuator_id", "created_at"], unique=False)
    op.create_index("ix_commands_actuator_id_finished_at", "commands", ["actuator_id", "finished_at"], unique=False)
    op.create_index(
        "ix_commands_open",
        "commands",
        ["device_number"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'delivered', 'accepted')"),
        postgresql_where=sa.text("state IN ('queued', 'delivered', 'accepted')"),
    )
    op.create_index("uq_commands_device_number_seq", "commands", ["device_number", "seq"], unique=True)
    op.create_index(
        "uq_commands_live",
        "commands",
        ["actuator_id"],
        unique=True,
        sqlite_where=sa.text("action = 'on' AND state IN ('queued', 'delivered', 'accepted')"),
        postgresql_where=sa.text("action = 'on' AND state IN ('queued', 'delivered', 'accepted')"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_commands_live",
        table_name="commands",
        sqlite_where=sa.text("action = 'on' AND state IN ('queued', 'delivered', 'accepted')"),
        postgresql_where=sa.text("action = 'on' AND state IN ('queued', 'delivered', 'accepted')"),
    )
    op.drop_index("uq_commands_device_number_seq", table_name="commands")
    op.drop_index(
        "ix_commands_open",
        table_name="commands",
        sqlite_where=sa.text("state IN ('queued', 'delivered', 'accepted')"),
        postgresql_where=sa.text("state IN ('queued', 'delivered', 'accepted')"),
    )
    op.drop_index("ix_commands_actuator_id_finished_at", table_name="commands")
    op.drop_index("ix_commands_actuator_id_created_at", table_name="commands")
    op.drop_table("commands")
    op.drop_index("uq_sensors_device_number_key", table_name="sensors")
    op.drop_table("sensors")
    op.drop_index(op.f("ix_refresh_tokens_parent_id"), table_name="refresh_tokens")
    op.drop_index(op.f("ix_refresh_tokens_issued_at"), table_name="refresh_tokens")
    op.drop_index(op.f("ix_refresh_tokens_family"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_table("profiles")
    op.drop_index("ix_decisions_device_number_id", table_name="decisions")
    op.drop_table("decisions")
    op.drop_index(
        "uq_alerts_open",
        table_name="alerts",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_index("ix_alerts_device_number_id", table_name="alerts")
    op.drop_table("alerts")
    op.drop_index("uq_actuators_device_number_key", table_name="actuators")
    op.drop_table("actuators")
    op.drop_index(op.f("ix_devices_owner_id"), table_name="devices")
    op.drop_table("devices")
    op.drop_index(op.f("ix_api_tokens_user_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_table("users")
    op.drop_table("readings")
    op.drop_table("log_state")
    op.drop_table("instance")
    op.drop_table("events")
    op.drop_table("batches")
    op.drop_table("accepted_batches")
