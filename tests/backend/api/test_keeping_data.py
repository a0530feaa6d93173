"""Backup, restore, export and replay by the command line, beside a real server."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from plant_backend.storage.migrate import alembic_config
from plant_backend.storage.sqlite import sqlite_engine

from tests.live_backend import MANIFEST, Backend, Node, Person, eventually, expect


@pytest.fixture
def busy(tmp_path: Path) -> Any:
    """Give a backend of its own with a plant that was watered, and an alert."""
    with Backend(tmp_path / "server", evaluation_interval_ms=0, sweep_interval_s=3_600) as backend:
        node = backend.add_person().add_device("Fern")
        expect(200, node.owner.request("PUT", f"{node.path}/automation", json={"mode": "on"}))
        node.send(soil=[10, 10], tank=[5, 5], air=20)
        eventually(lambda: node.owner.get("/alerts"))
        node.send(tank=80, soil=10)
        eventually(node.poll)
        yield backend, node


def answers(person: Person, node: Node) -> dict[str, Any]:
    """Give all that the API says of a device and its history."""
    paths = [
        "/devices",
        node.path,
        f"{node.path}/automation",
        f"{node.path}/commands",
        f"{node.path}/decisions",
        "/alerts",
        f"{node.path}/readings?sensor=soil",
        f"{node.path}/readings?sensor=tank&points=10",
    ]
    found = {path: expect(200, person.request("GET", path)) for path in paths}
    found["export"] = person.request("GET", f"{node.path}/readings/export").text
    return found


def test_a_restore_drill(busy: tuple[Backend, Node], tmp_path: Path) -> None:
    """What was backed up, while the server ran, is what the API says after a restore."""
    backend, node = busy
    before = answers(node.owner, node)
    file = tmp_path / "plants.backup"
    made = backend.command_line("backup", str(file))
    assert made.returncode == 0, made.stderr
    assert str(file) in made.stdout
    assert " MB" in made.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM batches").fetchone() == (2,), "the tail of the log is in it"
    again = backend.command_line("backup", str(file))
    assert again.returncode == 1
    assert "never overwrites" in again.stderr

    node.send(soil=99)
    expect(204, node.owner.request("DELETE", node.path))
    refused = backend.command_line("restore", str(file))
    assert refused.returncode == 1
    assert "stop it first" in refused.stderr

    backend.stop()
    restored = backend.command_line("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert "is kept as" in restored.stdout
    backend.start()

    after = answers(node.owner, node)
    decisions, known = (found.pop(f"{node.path}/decisions")["decisions"] for found in (after, before))
    assert after == before
    assert decisions[-len(known) :] == known, "the worker may have decided once more since"
    node.sign_in(MANIFEST)
    node.send(soil=50)
    (kept,) = backend.data_dir.glob("plant.db.before-restore-*")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT count(*) FROM devices").fetchone() == (0,), "what was there is kept whole"
    assert {path.name for path in backend.data_dir.iterdir() if "restoring" in path.name} == set()


def test_a_restore_refuses_what_is_no_backup(tmp_path: Path) -> None:
    backend = Backend(tmp_path / "server")
    assert backend.command_line("migrate").returncode == 0
    database = backend.data_dir / "plant.db"
    content = database.read_bytes()
    good = tmp_path / "good"
    assert backend.command_line("backup", str(good)).returncode == 0
    other, newer, broken, text = (tmp_path / name for name in ("other", "newer", "broken", "text"))
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE mine (a)")
    newer.write_bytes(good.read_bytes())
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    broken.write_bytes(good.read_bytes()[:20_000] + b"\xff" * 4_000 + good.read_bytes()[24_000:])
    text.write_text("no database")
    for file in (other, newer, broken, text, tmp_path / "missing"):
        answer = backend.command_line("restore", str(file))
        assert answer.returncode == 1, file
        assert answer.stderr.startswith("plant-backend: "), answer.stderr
        assert answer.stderr.count("\n") == 1, answer.stderr
    assert database.read_bytes() == content
    assert [path.name for path in backend.data_dir.iterdir() if "restor" in path.name] == []


def test_a_backup_of_an_older_version_is_migrated(busy: tuple[Backend, Node], tmp_path: Path) -> None:
    backend, node = busy
    file = tmp_path / "old"
    assert backend.command_line("backup", str(file)).returncode == 0
    _downgrade(file, "0001")
    before = file.read_bytes()
    backend.stop()
    restored = backend.command_line("restore", str(file))
    assert "was at 0001" in restored.stdout, restored.stderr
    assert file.read_bytes() == before
    backend.start()
    assert node.owner.get(node.path)["id"] == node.device_id


def test_an_export_holds_everything_and_no_secret(busy: tuple[Backend, Node], tmp_path: Path) -> None:
    backend, node = busy
    folder = tmp_path / "export"
    made = backend.command_line("export", str(folder))
    assert made.returncode == 0, made.stderr
    (place,) = folder.iterdir()
    assert place.name == f"fern-{node.device_id[:8]}"
    assert {path.name for path in place.iterdir()} == {
        "alerts.csv",
        "commands.csv",
        "decisions.ndjson",
        "device.json",
        "hours.csv",
        "readings.csv",
    }
    with (place / "readings.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["ts", "soil (%)", "tank (%)", "air (°C)"]
    assert [row[1] for row in rows[1:] if row[1]] == ["10.0", "10.0", "10.0"]
    with (place / "commands.csv").open(newline="") as file:
        assert [row["origin"] for row in csv.DictReader(file)] == ["rule"]
    decisions = [json.loads(line) for line in (place / "decisions.ndjson").read_text().splitlines()]
    assert decisions == node.owner.get(f"{node.path}/decisions")["decisions"]
    written = "".join(path.read_text() for path in place.iterdir())
    assert not any(secret in written for secret in (node.secret, node.owner.token, "argon2", "digest"))
    again = backend.command_line("export", str(folder))
    assert (again.returncode, "never overwrites" in again.stderr) == (1, True)


def test_every_decision_comes_out_the_same_again(busy: tuple[Backend, Node]) -> None:
    """ "No watering and no visible reason": HAsmartirrigation #841. The ledger holds all that a decision came from."""
    backend, node = busy
    count = len(node.owner.get(f"{node.path}/decisions")["decisions"])
    # A decision of before is judged by the profile of before, and one that nobody knew more of by the defaults.
    expect(200, node.owner.request("PUT", f"{node.path}/automation", json={"mode": "on", "dose_ms": 7_000}))
    node.send(soil=90)
    eventually(lambda: len(node.owner.get(f"{node.path}/decisions")["decisions"]) > count)
    with closing(sqlite3.connect(backend.data_dir / "plant.db")) as connection:
        (decision_id, inputs) = connection.execute("SELECT id, inputs FROM decisions ORDER BY id LIMIT 1").fetchone()
        older = json.loads(inputs)
        del older["profile"]["air_temperature_hysteresis_c"]
        older["profile"]["a_setting_of_yore"] = 3
        connection.execute("UPDATE decisions SET inputs = ? WHERE id = ?", (json.dumps(older), decision_id))
        connection.commit()
    backend.stop()

    replayed = backend.command_line("replay")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "0 different" in replayed.stdout
    assert int(replayed.stdout.split()[0]) > count
    assert backend.command_line("replay", "--limit", "1").stdout.startswith("1 decided again")
    assert backend.command_line("replay", "--device", "nobody").stdout.startswith("0 decided again")
    assert backend.command_line("replay", "--device", node.device_id).stdout == replayed.stdout


def test_a_decision_that_comes_out_different_is_told(busy: tuple[Backend, Node]) -> None:
    backend, _ = busy
    backend.stop()
    with closing(sqlite3.connect(backend.data_dir / "plant.db")) as connection:
        rows = connection.execute("SELECT id, inputs FROM decisions WHERE outcome = 'watered'").fetchall()
        other = json.loads(rows[0][1])
        other["is_thirsty"], other["profile"]["soil_moisture_min_percent"] = False, 5
        connection.execute("UPDATE decisions SET inputs = ? WHERE id = ?", (json.dumps(other), rows[0][0]))
        connection.execute("UPDATE decisions SET inputs = '{' WHERE id = (SELECT min(id) FROM decisions)")
        connection.commit()

    replayed = backend.command_line("replay")

    assert replayed.returncode == 1
    assert f"decision {rows[0][0]} of " in replayed.stdout
    assert "it was watered, now it is not_needed" in replayed.stdout
    assert "its inputs cannot be read" in replayed.stdout
    assert "2 different" in replayed.stdout


def _downgrade(file: Path, revision: str) -> None:
    """Take a database back to what an earlier version wrote."""
    engine = sqlite_engine(file)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.downgrade(alembic_config(connection), revision)
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
