"""Viewers, sessions, the audit log, and secrets that overlap."""

import sqlalchemy as sa
from alembic import op
from plant_backend.storage.types import WHOLE

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", WHOLE, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_index(op.f("ix_audit_owner_id"), "audit", ["owner_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.add_column("users", sa.Column("owner_id", WHOLE, nullable=True))
    op.create_index(op.f("ix_users_owner_id"), "users", ["owner_id"], unique=False)
    for column in (
        sa.Column("secret_made_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("secret_used_at", sa.BigInteger(), nullable=True),
        sa.Column("previous_digest", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("previous_used_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("devices", column)
    op.execute("UPDATE devices SET secret_made_at = created_at")
    op.add_column("refresh_tokens", sa.Column("secret_tag", sa.Text(), server_default=sa.text("''"), nullable=False))
    # Nodes stay signed in: what they hold was made for the secret that they have.
    hexadecimal = "encode(secret_digest, 'hex')" if op.get_bind().dialect.name == "postgresql" else "hex(secret_digest)"
    op.execute(
        "UPDATE refresh_tokens SET secret_tag ="  # noqa: S608
        f" (SELECT lower(substr({hexadecimal}, 1, 12)) FROM devices WHERE number = device_number)"
    )


def downgrade() -> None:
    op.drop_column("refresh_tokens", "secret_tag")
    for name in ("previous_used_at", "previous_until", "previous_digest", "secret_used_at", "secret_made_at"):
        op.drop_column("devices", name)
    op.drop_index(op.f("ix_users_owner_id"), table_name="users")
    op.drop_column("users", "owner_id")
    op.drop_index(op.f("ix_sessions_user_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_audit_owner_id"), table_name="audit")
    op.drop_index(op.f("ix_audit_at"), table_name="audit")
    op.drop_table("audit")
