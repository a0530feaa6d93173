"""States that earlier versions left behind, each with what their API said of it.

`python -m tests.backend.migrations.states COMMIT` makes one, with the backend of that commit: a database after the life
of a plant, as SQL, named after its revision. Each version that changes the schema gets one; they are never made anew.
"""

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.live_backend import PASSWORD, Backend, Person, eventually, expect

FOLDER = Path(__file__).parent / "states"
REVISIONS = sorted(path.stem for path in FOLDER.glob("*.sql"))
SINCE, UNTIL = "2026-01-01T00:00:00Z", "2027-12-31T00:00:00Z"


def said(person: Person, device_id: str) -> dict[str, Any]:
    """Give what the API says of a device and its past, of all that time does not change."""

    def pick(path: str, name: str | None, *fields: str) -> list[dict[str, Any]]:
        document = expect(200, person.request("GET", path))
        return [{field: one[field] for field in fields} for one in (document if name is None else document[name])]

    path = f"/devices/{device_id}"
    span = f"since={SINCE}&until={UNTIL}"
    return {
        "devices": pick("/devices", None, "id", "name"),
        "channels": [one["key"] for one in person.get(path)["sensors"]],
        "soil": pick(f"{path}/readings?sensor=soil&{span}", "readings", "ts", "value"),
        "tank": pick(f"{path}/readings?sensor=tank&{span}", "readings", "ts", "value"),
        "commands": [
            one
            for one in pick(f"{path}/commands", "commands", "id", "seq", "actuator", "action", "state", "ran_ms")
            # What waits expires.
            if one["actuator"] == "pump"
        ],
        "decisions": [
            # An earlier version had no sentences.
            {
                **one,
                "reasons": [{name: reason[name] for name in ("code", "text", "until")} for reason in one["reasons"]],
            }
            for one in pick(f"{path}/decisions", "decisions", "id", "outcome", "reasons")
        ],
        "alerts": pick("/alerts", None, "id", "kind"),
        "viewers": pick("/viewers", None, "id", "username"),
        "tokens": pick("/tokens", None, "id", "name"),
    }


def unpack(revision: str, database: Path) -> dict[str, Any]:
    """Make the database of a state. Gives what was said of it."""
    database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript((FOLDER / f"{revision}.sql").read_text())
    answers: dict[str, Any] = json.loads((FOLDER / f"{revision}.json").read_text())
    return answers


def make(commit: str) -> None:
    """Let a plant live with the backend of a commit, and keep what is left."""
    root = Path(__file__).parents[3]
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", commit, "backend"], cwd=root, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        os.environ["PYTHONPATH"] = f"{folder}/backend"
        with Backend(Path(folder, "state"), evaluation_interval_ms=0, compact_at_batches=2) as backend:
            ada = backend.add_person()
            expect(201, ada.request("POST", "/viewers", json={"username": "vic", "password": PASSWORD}))
            node = ada.add_device("Fern")
            expect(200, ada.request("PUT", f"{node.path}/automation", json={"mode": "on"}))
            node.send(soil=[10, 10], tank=[5, 5], air=20)
            eventually(lambda: ada.get("/alerts"))
            node.send(tank=80, soil=10)
            (command,) = eventually(node.poll)
            node.ack(command, "accepted")
            node.ack(command, "succeeded", command["duration_ms"])
            node.send(tank=70, soil=11, air=21)
            expect(201, ada.request("POST", f"{node.path}/commands", json={"actuator": "lamp", "action": "on"}))
            eventually(lambda: len(ada.get(f"{node.path}/decisions")["decisions"]) > 2)
            answers = {"device_id": node.device_id, **said(ada, node.device_id)}
            backend.stop()
            with closing(sqlite3.connect(backend.data_dir / "plant.db")) as connection:
                (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                (FOLDER / f"{revision}.sql").write_text("\n".join(connection.iterdump()) + "\n")
        (FOLDER / f"{revision}.json").write_text(json.dumps(answers, indent=1) + "\n")
        print(revision, len((FOLDER / f"{revision}.sql").read_text()))  # noqa: T201 - for whoever makes one


if __name__ == "__main__":
    make(sys.argv[1])
