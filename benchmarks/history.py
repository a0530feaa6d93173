"""History: a year of one sensor's one-minute readings as 1,000 buckets over HTTP, beside plain SQL over raw rows.

The backend is asked as a chart asks it: `GET /devices/{id}/readings?…&points=1000`, from the first byte of the request
to the last of the answer. Beside it, in the same run and in turns, stands what somebody would write first: all readings
in one SQLite table, clustered by sensor and time, and one statement that groups them. It runs in this process, without
HTTP, JSON or a login.

A node may be a month late and no more, so the year is not sent: it is put into the backend's log as it would have been
accepted, batch by batch, and compacted, before the backend starts.
"""

import argparse
import asyncio
import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from plant_backend import logs
from plant_backend.clock import SystemClock
from plant_backend.domain.telemetry import Batch
from plant_backend.storage.store import SqliteStorage

from benchmarks.backend import Backend, running_backend
from benchmarks.servers import scratch_folder, separate_cores
from benchmarks.workload import Channel

POINTS = 1_000
_MINUTE_MS = 60_000
_BATCH = 500
_SOIL = Channel("soil", "soil_moisture", "%", 0, 100)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many days of history there are, and how often each side is asked."""

    days: int
    rounds: int


FULL = Plan(days=365, rounds=15)
SHORT = Plan(days=20, rounds=3)


def readings(plan: Plan, end_ms: int) -> Iterator[tuple[int, float]]:
    """Give soil that dries and is watered, a value a minute, up to a time."""
    count = plan.days * 24 * 60
    for number in range(count):
        yield end_ms - (count - number) * _MINUTE_MS, round(45 + 15 * math.sin(number / 700) + number % 7 / 10, 1)


async def fill(database: Path, plan: Plan, end_ms: int, device_number: int, sensor_id: int) -> None:
    """Accept and compact the year in a database that no server has open."""
    storage = SqliteStorage(database, SystemClock())
    await storage.open()
    try:
        rows = list(readings(plan, end_ms))
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            received_ms = part[-1][0]
            offsets: list[int | None] = [received_ms - ts for ts, _ in part]
            values = [value for _, value in part]
            batch_id = f"year-{start:08d}"
            await storage.append(
                Batch(device_number, batch_id, "", received_ms, [sensor_id] * len(part), values, offsets)
            )
        await storage.compact()
    finally:
        await storage.close()


def plain_database(folder: Path, plan: Plan, end_ms: int) -> sqlite3.Connection:
    """Make the one table that somebody would write first."""
    connection = sqlite3.connect(folder / "plain.db")
    connection.execute(
        "CREATE TABLE readings (sensor_id INTEGER, ts INTEGER, value REAL, PRIMARY KEY (sensor_id, ts)) WITHOUT ROWID"
    )
    connection.executemany("INSERT INTO readings VALUES (1, ?, ?)", readings(plan, end_ms))
    connection.commit()
    return connection


def ask_plain(connection: sqlite3.Connection, since_ms: int, until_ms: int, points: int = POINTS) -> int:
    """Group its readings by one statement. Gives how many groups there are."""
    width_ms = -(-(until_ms - since_ms) // points)
    rows = connection.execute(
        "SELECT min(ts), min(value), max(value), avg(value), count(*) FROM readings "
        "WHERE sensor_id = 1 AND ts >= ? AND ts < ? GROUP BY (ts - ?) / ?",
        (since_ms, until_ms, since_ms, width_ms),
    ).fetchall()
    return len(rows)


def _milliseconds(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return (time.perf_counter() - started) * 1000


def _measure(backend: Backend, path: str, plain: Callable[[], int], plan: Plan) -> dict[str, float]:
    connection = HTTPConnection("127.0.0.1", backend.server.port, timeout=30)
    bodies: list[bytes] = []

    def ours() -> None:
        connection.request("GET", path, headers={"Authorization": f"Bearer {backend.user_token}"})
        answer = connection.getresponse()
        bodies.append(answer.read())
        if answer.status != 200:
            raise AssertionError(f"{answer.status} {bodies[-1][:500].decode(errors='replace')}")

    ours()
    plain()
    pairs = [(_milliseconds(ours), _milliseconds(plain)) for _ in range(plan.rounds)]
    document = json.loads(bodies[-1])
    held = sum(bucket["count"] for bucket in document["buckets"])
    if held != plan.days * 24 * 60 or not POINTS / 2 <= len(document["buckets"]) <= POINTS:
        raise AssertionError(f"{len(document['buckets'])} buckets hold {held} readings")
    connection.close()
    ours_ms, plain_ms = (median(side) for side in zip(*pairs, strict=True))
    print(f"  {len(document['buckets'])} buckets of {document['bucket_ms'] / 60_000:g} min: {ours_ms:.1f} ms over HTTP")
    print(f"  {plain()} groups by plain SQL: {plain_ms:.1f} ms")
    return {
        "latency_ratio": round(median(ours / plain for ours, plain in pairs), 4),
        "bytes": len(bodies[-1]),
        "latency_ms": round(ours_ms, 2),
        "plain_latency_ms": round(plain_ms, 2),
        "buckets": len(document["buckets"]),
    }


def run(plan: Plan) -> dict[str, float]:
    """Run both and give the figures."""
    logs.configure("warning", "console")
    end_ms = time.time_ns() // 1_000_000 // _MINUTE_MS * _MINUTE_MS
    since_ms = end_ms - plan.days * 24 * 60 * _MINUTE_MS
    cores = separate_cores()
    with scratch_folder() as folder:
        with running_backend(folder, cores) as backend:
            node = backend.add_node("Plant", (_SOIL,), {"mode": "off"})
        database = folder / "data" / "plant.db"
        with closing(sqlite3.connect(database)) as connection:
            number, sensor_id = connection.execute("SELECT device_number, id FROM sensors").fetchone()
        asyncio.run(fill(database, plan, end_ms, number, sensor_id))
        path = f"/devices/{node.device_id}/readings?" + urlencode(
            {"sensor": "soil", "since": _iso(since_ms), "until": _iso(end_ms), "points": POINTS}
        )
        with running_backend(folder, cores) as backend, closing(plain_database(folder, plan, end_ms)) as plain:
            return _measure(backend, path, lambda: ask_plain(plain, since_ms, end_ms), plan)


def _iso(ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench history", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="20 days instead of a year: to see that it works")
    print(json.dumps(run(SHORT if parser.parse_args().short else FULL)))


if __name__ == "__main__":
    main()
