"""The command line beside a server that runs on the same data."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.live_backend import PASSWORD, Backend, Node, Person, expect

pytestmark = pytest.mark.slow


def test_an_account_made_beside_the_server_may_sign_in_at_once(backend: Backend) -> None:
    made = backend.command_line("user", "add", "bob", "--password-stdin", stdin=f"{PASSWORD}\n")

    assert (made.returncode, made.stdout.strip()) == (0, "Made the account bob.")
    assert backend.sign_in("bob").get("/devices") == []
    assert "bob" in backend.command_line("user", "list").stdout


@pytest.mark.parametrize(
    ("username", "password", "word"),
    [("ada", PASSWORD, "ada"), ("Bad Name", PASSWORD, "username"), ("carl", "short", "password"), ("carl", "", "10")],
)
def test_an_account_that_cannot_be_is_refused_in_one_line(
    backend: Backend, ada: Person, username: str, password: str, word: str
) -> None:
    refused = backend.command_line("user", "add", username, "--password-stdin", stdin=f"{password}\n")

    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert word in refused.stderr
    assert PASSWORD not in refused.stderr


def test_a_token_made_beside_the_server_works_at_once(backend: Backend, ada: Person) -> None:
    made = backend.command_line("user", "token", "ada", "Home Assistant")

    token = made.stdout.strip()
    expect(200, backend.request("GET", "/devices", token=token))
    assert "Home Assistant" in [shown["name"] for shown in ada.get("/tokens")]


def test_a_device_made_beside_the_server_can_be_used_at_once(backend: Backend, ada: Person) -> None:
    made = backend.command_line("device", "add", "ada", "Balcony")
    values = dict(line.split("=", 1) for line in made.stdout.split())
    node = Node(backend, values["PLANT_DEVICE_ID"], values["PLANT_DEVICE_SECRET"], ada)

    node.sign_in({"firmware": "x", "version": "1", "sensors": [{"key": "v", "kind": "voltage", "unit": "V"}]})
    node.send(v=3.3)
    assert ada.get(node.path)["name"] == "Balcony"
    assert node.device_id in backend.command_line("device", "list", "ada").stdout


def test_an_account_that_is_not_there_is_named(backend: Backend) -> None:
    for arguments in (("user", "token", "nobody", "x"), ("device", "add", "nobody", "x"), ("device", "list", "nobody")):
        refused = backend.command_line(*arguments)
        assert refused.returncode == 1
        assert refused.stderr.splitlines() == [
            "plant-backend: There is no account nobody. Make it with: plant-backend user add nobody"
        ]


def test_the_server_did_not_mind_its_guests(backend: Backend, ada: Person) -> None:
    node = ada.add_device()
    for number in range(3):
        node.send(soil=40 + number)
        assert backend.command_line("device", "add", "ada", f"Pot {number}").returncode == 0
    node.send(soil=50)

    assert len(ada.get(f"{node.path}/readings", sensor="soil")["readings"]) == 4
    assert "Traceback" not in backend.log()


def test_a_listener_hears_of_what_was_made_beside_the_server(backend: Backend, ada: Person) -> None:
    with ada.listen() as stream:
        stream.take(2)
        assert backend.command_line("device", "add", "ada", "Beside").returncode == 0
        expect(201, ada.request("POST", "/devices", json={"name": "After"}))
        heard = stream.until("device", name="After")

    names = [event.data["device"]["name"] for event in heard if event.type == "device"]
    assert [name for name in names if name in ("Beside", "After")] == ["Beside", "After"]


def test_the_doctor_finds_a_healthy_installation_healthy(backend: Backend, ada: Person) -> None:
    said = backend.command_line("doctor")

    assert said.returncode == 0, said.stdout
    assert not [line for line in said.stdout.splitlines() if line.startswith("BAD")]
    for what in ("data folder", "free space", "database", "signing key"):
        assert what in said.stdout


def test_the_doctor_names_what_is_wrong_and_changes_nothing(tmp_path: Path) -> None:
    sick = Backend(tmp_path)
    assert sick.command_line("migrate").returncode == 0
    key = sick.data_dir / "signing.key"
    key.write_text("0" * 64)
    key.chmod(0o644)
    (sick.data_dir / "plant.db").write_bytes(b"no database" * 1000)
    said = sick.command_line("doctor")

    assert said.returncode == 1
    bad = [line.split(":")[0] for line in said.stdout.splitlines() if line.startswith("BAD")]
    assert bad == ["BAD  database", "BAD  signing key"]
    assert "Traceback" not in said.stderr
    assert (sick.data_dir / "plant.db").read_bytes() == b"no database" * 1000


def test_the_doctor_of_an_empty_place_makes_nothing(tmp_path: Path) -> None:
    nobody = Backend(tmp_path)

    assert nobody.command_line("doctor").returncode == 0
    assert not nobody.data_dir.exists()


def test_migrate_twice_is_harmless(tmp_path: Path) -> None:
    new = Backend(tmp_path)
    first, second = new.command_line("migrate"), new.command_line("migrate")

    assert (first.returncode, second.returncode) == (0, 0)
    with closing(sqlite3.connect(new.data_dir / "plant.db")) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def test_time_zones_are_known_where_the_system_has_none(tmp_path: Path) -> None:
    """As in slim containers: without them not even the default profile, which is in UTC, could be evaluated."""
    code = "from plant_backend.services.profiles import profile_errors; from plant_backend.domain.model import Profile;"
    code += "assert not profile_errors(Profile(time_zone='Europe/Berlin'))"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONTZPATH": ""}, cwd=tmp_path, check=True)
