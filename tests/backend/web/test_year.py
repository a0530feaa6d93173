"""A year of one-minute readings of one sensor, as a chart asks for it."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from plant_backend.web.chart_data import POINTS

from benchmarks.history import FULL, ask_plain, fill, plain_database
from tests.backend.web.visitor import Visitor
from tests.live_backend import Backend

MOST_BYTES = 100_000
ROUNDS = 7


@pytest.mark.slow
@pytest.mark.alone
async def test_a_year_is_a_small_answer_and_a_faster_one_than_grouping_it(tmp_path: Path) -> None:
    backend = Backend(tmp_path)
    with backend:
        node = backend.add_person("ada").add_device()
    end_ms = time.time_ns() // 60_000_000_000 * 60_000
    since_ms = end_ms - FULL.days * 86_400_000
    with closing(sqlite3.connect(backend.data_dir / "plant.db")) as database:
        where = "SELECT device_number, id FROM sensors WHERE key = 'soil'"
        device_number, sensor_id = database.execute(where).fetchone()
    await fill(backend.data_dir / "plant.db", FULL, end_ms, device_number, sensor_id)
    again = Backend(tmp_path)
    with again, Visitor(again) as visitor, closing(plain_database(tmp_path, FULL, end_ms)) as plain:
        visitor.sign_in("ada")
        span = {"sensor": "soil", "since": iso(since_ms), "until": iso(end_ms)}

        def chart() -> Any:
            return visitor.get(f"/web{node.path}/chart/data", **span)

        answer = chart()
        data = answer.json()
        assert POINTS / 2 <= len(data["t"]) <= POINTS
        assert min(data["min"]) < 32
        assert max(data["max"]) > 58
        assert len(answer.content) < MOST_BYTES
        assert int(answer.headers["content-length"]) < len(answer.content) / 2
        pairs = [(seconds(chart), seconds(lambda: ask_plain(plain, since_ms, end_ms, POINTS))) for _ in range(ROUNDS)]
        assert median(ours / theirs for ours, theirs in pairs) < 1


def seconds(act: Callable[[], object]) -> float:
    """Give how long something takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def iso(ms: int) -> str:
    """Give Unix milliseconds as the address of a chart has them."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")
