"""What the raw values of sensors mean."""

import sqlalchemy as sa
from alembic import op
from plant_backend.storage.types import WHOLE

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "calibrations",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("sensor_id", WHOLE, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sensor_id"], ["sensors.id"], name=op.f("fk_calibrations_sensor_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibrations")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_calibrations_sensor_id_version", "calibrations", ["sensor_id", "version"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_calibrations_sensor_id_version", table_name="calibrations")
    op.drop_table("calibrations")
