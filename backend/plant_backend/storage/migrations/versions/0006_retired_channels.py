"""Since when a node no longer names a channel."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for table in ("sensors", "actuators"):
        op.add_column(table, sa.Column("retired_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for table in ("sensors", "actuators"):
        op.drop_column(table, "retired_at")
