"""The backend's log of batches on SQLite, as it lies in the file."""

import sqlite3
from contextlib import closing

from plant_backend.domain.telemetry import Batch
from plant_backend.storage.batch_codec import decode

from tests.live_backend import Backend, Node


def logged_batches(backend: Backend, node: Node) -> list[Batch]:
    """Give all batches of a device that the log holds, in the order of their arrival."""
    with closing(sqlite3.connect(backend.data_dir / "plant.db", timeout=10)) as database:
        rows = database.execute(
            "SELECT device_number, batch_id, received_at, content, offsets FROM batches"
            " JOIN devices ON number = device_number WHERE devices.id = ? ORDER BY batches.id",
            (node.device_id,),
        ).fetchall()
    return [decode(*row) for row in rows]
