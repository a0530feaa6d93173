"""Bare psycopg: what PostgreSQL takes of the writes that the backend makes, with no HTTP, no checks and no rules."""

import itertools
import time
from contextlib import closing
from dataclasses import dataclass

from plant_backend.domain.telemetry import Batch
from plant_backend.storage.batch_codec import encode
from plant_backend.storage.migrate import migrate_postgres
from plant_backend.storage.postgres import connect

from benchmarks.procfs import family_cpu_us
from benchmarks.workload import BOOT_ID, TEN_CHANNELS, batch_id
from tests.servers import Postgres

_INSERT = """
    INSERT INTO batches (device_number, batch_id, received_at, content, offsets)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[])
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class BareWrites:
    """Batches a second, and CPU time for one: that of the one who writes, and PostgreSQL's."""

    rps: float
    cpu_us: float
    postgresql_cpu_us: float


def bare_writes(warm_up_s: float, seconds: float, group: int) -> BareWrites:
    """Append batches to the log as fast as one connection does, so many in a commit that reaches the disk."""
    sensors = list(range(1, len(TEN_CHANNELS) + 1))
    with Postgres(is_durable=True) as postgres:
        url = postgres.make_database()
        migrate_postgres(url)
        with closing(connect(url)) as connection:
            numbers = itertools.count(1)

            def write_for(duration_s: float) -> int:
                written, until = 0, time.perf_counter() + duration_s
                while time.perf_counter() < until:
                    number = next(numbers)
                    values = [20.0 + number % 8 + place for place in range(len(sensors))]
                    content, offsets = encode(Batch(1, "", BOOT_ID, number, sensors, values, [0] * len(sensors)))
                    rows = [(device, batch_id(number), number, content, offsets) for device in range(1, group + 1)]
                    with connection.transaction():
                        connection.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
                    written += group
                return written

            write_for(warm_up_s)
            began_s, own_s, server_us = time.perf_counter(), time.process_time(), family_cpu_us(postgres.pid)
            written = write_for(seconds)
            took_s = time.perf_counter() - began_s
            return BareWrites(
                written / took_s,
                (time.process_time() - own_s) * 1e6 / written,
                (family_cpu_us(postgres.pid) - server_us) / written,
            )
