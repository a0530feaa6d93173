"""Since when a plant has been held back from water."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("devices", sa.Column("held_back_since", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("devices", "held_back_since")
