"""Until when an alert calls nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("alerts", sa.Column("snoozed_until", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("alerts", "snoozed_until")
