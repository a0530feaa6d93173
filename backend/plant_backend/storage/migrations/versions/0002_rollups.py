"""Rollups of 5 minutes and of an hour, filled from the readings that are there."""

import sqlalchemy as sa
from alembic import op
from plant_backend.storage.types import WHOLE

revision = "0002"
down_revision = "0001"

_FIVE_MINUTES_MS = 5 * 60 * 1000
_HOUR_MS = 3600 * 1000


def upgrade() -> None:
    for name in ("rollups_5min", "rollups_1h"):
        op.create_table(
            name,
            sa.Column("sensor_id", WHOLE, nullable=False),
            sa.Column("ts", sa.BigInteger(), nullable=False),
            sa.Column("lowest", sa.Float(), nullable=False),
            sa.Column("highest", sa.Float(), nullable=False),
            sa.Column("total", sa.Float(), nullable=False),
            sa.Column("count", WHOLE, nullable=False),
            sa.Column("last", sa.Float(), nullable=False),
            sa.Column("last_ts", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("sensor_id", "ts", name=op.f(f"pk_{name}")),
            sqlite_with_rowid=False,
        )
    op.execute(
        f"""
        INSERT INTO rollups_5min (sensor_id, ts, lowest, highest, total, count, last, last_ts)
        SELECT g.sensor_id, g.start, g.lowest, g.highest, g.total, g.count, r.value, g.last_ts
        FROM (
            SELECT sensor_id, ts - ((ts % {_FIVE_MINUTES_MS}) + {_FIVE_MINUTES_MS}) % {_FIVE_MINUTES_MS} AS start,
                min(value) AS lowest, max(value) AS highest, coalesce(sum(value), 0.0) AS total, count(*) AS count,
                max(ts) AS last_ts
            FROM readings WHERE is_age_known GROUP BY 1, 2
        ) AS g JOIN readings AS r ON r.sensor_id = g.sensor_id AND r.ts = g.last_ts
        """  # noqa: S608 - our own numbers
    )
    op.execute(
        f"""
        INSERT INTO rollups_1h (sensor_id, ts, lowest, highest, total, count, last, last_ts)
        SELECT g.sensor_id, g.start, g.lowest, g.highest, g.total, g.count, r.last, r.last_ts
        FROM (
            SELECT sensor_id, ts - ((ts % {_HOUR_MS}) + {_HOUR_MS}) % {_HOUR_MS} AS start,
                min(lowest) AS lowest, max(highest) AS highest, coalesce(sum(total), 0.0) AS total,
                sum(count) AS count, max(ts) AS last_start
            FROM rollups_5min GROUP BY 1, 2
        ) AS g JOIN rollups_5min AS r ON r.sensor_id = g.sensor_id AND r.ts = g.last_start
        """  # noqa: S608 - our own numbers
    )


def downgrade() -> None:
    op.drop_table("rollups_1h")
    op.drop_table("rollups_5min")
