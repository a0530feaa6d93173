"""What an alert says, as codes with values beside the English text. What was written before has the text alone."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("alerts", sa.Column("sentences", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("alerts", "sentences")
