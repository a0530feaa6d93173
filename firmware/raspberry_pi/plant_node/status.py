"""What the state folder says about the node, without disturbing it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from plant_node.clock import Clock
from plant_node.envelope import DAY_MS
from plant_node.lived import Checkpoint, certainly_elapsed


def describe(path: Path, clock: Clock) -> Iterator[str]:
    """The lines of `plant-node status`.

    Raises sqlite3.Error.
    """
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
        depth = database.execute("SELECT count(*) FROM readings").fetchone()[0]
        seq = database.execute("SELECT coalesce(max(seq), 0) FROM commands").fetchone()[0]
        acks = database.execute("SELECT count(*) FROM commands WHERE acked_status IS NOT status").fetchone()[0]
        yield f"readings waiting  {depth}"
        yield f"last seq          {seq}"
        yield f"acks waiting      {acks}"
        row = database.execute("SELECT lived_ms, boot_id, speed, mono_ms FROM lived").fetchone()
        if row is None:
            return
        last = Checkpoint(*row)
        speed = last.speed if last.boot_id == clock.boot_id else 1.0
        mono_ms = int(clock.mono_ms() * speed)
        now = last.lived_ms + certainly_elapsed(last, boot_id=clock.boot_id, speed=speed, mono_ms=mono_ms)
        runs = database.execute(
            "SELECT actuator, count(*), sum(coalesce(counted_ms, planned_ms, 0)), sum(ended_lived_ms IS NULL) FROM runs"
            " WHERE ended_lived_ms IS NULL OR ended_lived_ms > ? GROUP BY actuator ORDER BY actuator",
            (now - DAY_MS,),
        )
        for actuator, count, total_ms, running in runs:
            is_on = ", one of them open" if running else ""
            yield f"{actuator}, last 24 h  {count} runs, {total_ms / 1000:g} s{is_on}"
