"""On PostgreSQL, the ids of accepted batches by their time: so that those that may go are found without reading all."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_accepted_batches_received_at", "accepted_batches", ["received_at"])


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_accepted_batches_received_at")
