"""People who come through Home Assistant, and tokens that may do less than who made them."""

import sqlalchemy as sa
from alembic import op
from plant_backend.storage.types import WHOLE

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "home_users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", WHOLE, nullable=True),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_home_users_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_users")),
    )
    op.create_index(op.f("ix_home_users_user_id"), "home_users", ["user_id"], unique=False)
    op.add_column("api_tokens", sa.Column("scope", sa.Text(), server_default=sa.text("'account'"), nullable=False))


def downgrade() -> None:
    op.drop_column("api_tokens", "scope")
    op.drop_index(op.f("ix_home_users_user_id"), table_name="home_users")
    op.drop_table("home_users")
