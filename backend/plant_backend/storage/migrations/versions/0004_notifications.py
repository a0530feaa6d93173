"""Targets of notifications, and what waits for them."""

import sqlalchemy as sa
from alembic import op
from plant_backend.storage.types import WHOLE

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "notification_targets",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sealed_url", sa.LargeBinary(), nullable=False),
        sa.Column("min_severity", sa.Text(), nullable=False),
        sa.Column("is_for_all_devices", sa.Boolean(), nullable=False),
        sa.Column("quiet_from", sa.Text(), nullable=True),
        sa.Column("quiet_until", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("wants_resolved", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", WHOLE, server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=True),
        sa.Column("last_success_at", sa.BigInteger(), nullable=True),
        sa.Column("last_failure_at", sa.BigInteger(), nullable=True),
        sa.Column("last_failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notification_targets_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_targets")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notification_targets_user_id"), "notification_targets", ["user_id"], unique=False)
    op.create_table(
        "notification_devices",
        sa.Column("target_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("device_number", WHOLE, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["notification_targets.id"],
            name=op.f("fk_notification_devices_target_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["device_number"],
            ["devices.number"],
            name=op.f("fk_notification_devices_device_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("target_id", "device_number", name=op.f("pk_notification_devices")),
    )
    op.create_index(
        op.f("ix_notification_devices_device_number"), "notification_devices", ["device_number"], unique=False
    )
    op.create_table(
        "notification_messages",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("target_id", WHOLE, nullable=False),
        sa.Column("alert_id", WHOLE, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("refusals", WHOLE, server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["notification_targets.id"],
            name=op.f("fk_notification_messages_target_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("fk_notification_messages_alert_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_messages")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_notification_messages_target_id"), "notification_messages", ["target_id"], unique=False)
    op.create_index(
        op.f("ix_notification_messages_finished_at"), "notification_messages", ["finished_at"], unique=False
    )
    op.create_index(
        "uq_notification_messages_once", "notification_messages", ["alert_id", "target_id", "change"], unique=True
    )
    op.create_index(
        "ix_notification_messages_waiting",
        "notification_messages",
        ["target_id", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_table("notification_messages")
    op.drop_table("notification_devices")
    op.drop_table("notification_targets")
