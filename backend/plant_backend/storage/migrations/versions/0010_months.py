"""Readings and 5-minute rollups by months, on PostgreSQL alone."""

from datetime import datetime, timedelta

from alembic import op

revision = "0010"
down_revision = "0009"

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as the database gives it: UTC without saying so

_MONTHS = "SELECT DISTINCT date_trunc('month', to_timestamp(ts / 1000.0) AT TIME ZONE 'UTC') FROM {table}"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in ("readings", "rollups_5min"):
            _by_months(table)


def _by_months(table: str) -> None:
    _set_aside(table)
    op.execute(
        f"CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS,"
        f" CONSTRAINT pk_{table} PRIMARY KEY (sensor_id, ts)) PARTITION BY RANGE (ts)"
    )
    for (begins,) in op.get_bind().exec_driver_sql(_MONTHS.format(table=f"{table}_before")).fetchall():
        ends = begins.replace(year=begins.year + begins.month // 12, month=begins.month % 12 + 1)
        begins_ms, ends_ms = ((at - _EPOCH) // timedelta(milliseconds=1) for at in (begins, ends))
        op.execute(
            f"CREATE TABLE {table}_{begins:%Y_%m} PARTITION OF {table} FOR VALUES FROM ({begins_ms}) TO ({ends_ms})"
        )
    _bring_back(table)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in ("readings", "rollups_5min"):
            _set_aside(table)
            op.execute(
                f"CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS,"
                f" CONSTRAINT pk_{table} PRIMARY KEY (sensor_id, ts))"
            )
            _bring_back(table)


def _set_aside(table: str) -> None:
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    op.execute(f"ALTER TABLE {table}_before RENAME CONSTRAINT pk_{table} TO pk_{table}_before")


def _bring_back(table: str) -> None:
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")  # noqa: S608 - our own names
    op.execute(f"DROP TABLE {table}_before CASCADE")
