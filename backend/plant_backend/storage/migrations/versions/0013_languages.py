"""The language in which a target is told; English is what all were told in before."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column(
        "notification_targets", sa.Column("language", sa.Text(), nullable=False, server_default=sa.text("'en'"))
    )


def downgrade() -> None:
    op.drop_column("notification_targets", "language")
