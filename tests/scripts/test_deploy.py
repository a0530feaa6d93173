"""scripts/deploy.sh against a docker that writes down what it is asked, and runs what a container would."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

DOCKER = """#!{python}
import json, os, pathlib, subprocess, sys

here = pathlib.Path(os.environ["FAKE"])
said = json.loads((here / "said.json").read_text())
arguments = sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
words = [word for word in arguments if not word.startswith("--profile") and word not in ("tls", "demo")]
if words[:2] == ["compose", "version"]:
    print(said["version"]) if said["version"] else sys.exit(1)
elif words[:2] == ["volume", "inspect"]:
    sys.exit(0 if (here / "data/plant.db").exists() else 1)
elif words[:2] == ["compose", "run"]:
    # What a container would run, on the volume's folder.
    script = words[words.index("-c") + 1].replace("/data/", f"{{here}}/data/")
    path = f"{{pathlib.Path(sys.executable).parent}}:{{os.environ['PATH']}}"
    environment = dict(os.environ, PLANT_DATA_DIR=f"{{here}}/data", PATH=path)
    sys.exit(subprocess.run(["sh", "-c", script], env=environment).returncode)
elif words[:2] == ["compose", "up"]:
    sys.exit(said["up"])
elif words[:2] == ["compose", "exec"]:
    print(said["people"], end="")
elif words[:2] == ["compose", "logs"]:
    print(said["logs"])
"""


class Machine:
    """A folder with the script, and a PATH with a docker and an id of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "plants"
        self.fake = folder / "fake"
        (self.folder / "scripts").mkdir(parents=True)
        self.fake.mkdir()
        shutil.copy(ROOT / "scripts/deploy.sh", self.folder / "scripts/deploy.sh")
        self.answer()
        self.program("docker", DOCKER.format(python=sys.executable))
        self.user(1000)

    def program(self, name: str, text: str) -> None:
        path = self.fake / name
        path.write_text(text)
        path.chmod(0o755)

    def user(self, number: int) -> None:
        self.program("id", f"#!/bin/sh\necho {number}\n")

    def answer(self, *, up: int = 0, version: str = "2.40.0", people: str = "", logs: str = "") -> None:
        said = {"up": up, "version": version, "people": people, "logs": logs}
        (self.fake / "said.json").write_text(json.dumps(said))

    def deploy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        (self.fake / "calls").write_text("")
        return subprocess.run(
            [self.folder / "scripts/deploy.sh", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.fake}:{os.environ['PATH']}", "FAKE": str(self.fake), "HOME": str(self.fake)}

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.fake / "calls").read_text().splitlines()]

    @property
    def changes(self) -> list[list[str]]:
        """What docker was asked beyond looking."""
        looks = ({"version"}, {"inspect"}, {"exec"}, {"logs"})
        return [call for call in self.calls if not any(look & set(call) for look in looks)]

    @property
    def settings(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def add_database(self) -> None:
        (self.fake / "data").mkdir()
        with sqlite3.connect(self.fake / "data/plant.db") as connection:
            connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
            connection.execute("CREATE TABLE kept (word TEXT)")
            connection.execute("INSERT INTO kept VALUES ('basil')")
        connection.close()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_one_command_builds_starts_waits_and_prints_the_link_of_the_first_account(machine: Machine) -> None:
    machine.answer(logs="… no_account_yet link=http://127.0.0.1:8000/web/setup#pst_abc-DEF_1 hint=…")

    answer = machine.deploy()

    assert answer.returncode == 0, answer.stderr
    assert machine.changes == [
        ["compose", "build"],
        ["compose", "up", "--detach", "--wait", "--wait-timeout", "180"],
    ]
    assert ":8000/web/setup#pst_abc-DEF_1" in answer.stdout


def test_settings_are_made_for_their_owner_alone_with_a_secret_of_their_own(machine: Machine, tmp_path: Path) -> None:
    machine.deploy()
    other = Machine(tmp_path / "other")
    other.deploy()

    assert stat.S_IMODE((machine.folder / ".env").stat().st_mode) == 0o600
    token = machine.settings["PLANT_METRICS_TOKEN"]
    assert len(token) == 64
    assert token != other.settings["PLANT_METRICS_TOKEN"]


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    machine.answer(people="anna\towner\t2026-11-01\n")
    machine.deploy()
    before = {path: path.read_bytes() for path in machine.folder.rglob("*") if path.is_file()}
    asked = machine.calls

    again = machine.deploy()

    assert again.returncode == 0, again.stderr
    assert {path: path.read_bytes() for path in machine.folder.rglob("*") if path.is_file()} == before
    assert machine.calls == asked
    assert "setup#" not in again.stdout


def test_what_is_in_env_is_kept_and_only_what_is_missing_appended(machine: Machine) -> None:
    mine = "# mine\nPLANT_METRICS_TOKEN=chosen-by-me-4711\nPLANT_PORT=9000"  # no end of line
    (machine.folder / ".env").write_text(mine)

    answer = machine.deploy("--tls", "plants.example.org")

    assert answer.returncode == 0, answer.stderr
    assert (machine.folder / ".env").read_text().startswith(mine + "\n")
    assert machine.settings == {
        "PLANT_METRICS_TOKEN": "chosen-by-me-4711",
        "PLANT_PORT": "9000",
        "PLANT_DOMAIN": "plants.example.org",
    }
    assert stat.S_IMODE((machine.folder / ".env").stat().st_mode) == 0o600


def test_another_domain_than_the_one_in_env_is_refused(machine: Machine) -> None:
    machine.deploy("--tls", "plants.example.org")

    answer = machine.deploy("--tls", "other.example.org")

    assert answer.returncode == 1
    assert "PLANT_DOMAIN in .env is plants.example.org" in answer.stderr
    assert machine.changes == []


def test_tls_and_demo_are_profiles_and_tls_stays_on(machine: Machine) -> None:
    machine.deploy("--tls", "plants.example.org", "--demo")
    assert ["compose", "--profile", "tls", "--profile", "demo", "build"] in machine.calls

    machine.deploy()
    assert ["compose", "--profile", "tls", "build"] in machine.calls


def test_a_dry_run_says_what_would_happen_and_does_nothing(machine: Machine) -> None:
    machine.add_database()

    answer = machine.deploy("--dry-run", "--upgrade", "--tls", "plants.example.org")

    assert answer.returncode == 0, answer.stderr
    assert machine.changes == []
    assert [path.name for path in machine.folder.iterdir()] == ["scripts"]
    for promise in ("add PLANT_METRICS_TOKEN", "add PLANT_DOMAIN", "back up", "build --pull", "up --detach --wait"):
        assert promise in answer.stdout


def test_containers_that_stay_ill_end_it_with_3_and_their_last_words(machine: Machine) -> None:
    machine.answer(up=1, logs="backend-1 | cannot open the database")

    answer = machine.deploy()

    assert answer.returncode == 3
    assert "cannot open the database" in answer.stderr
    assert "setup" not in answer.stdout


def test_an_upgrade_has_a_whole_copy_of_the_database_before_anything_changes(machine: Machine) -> None:
    machine.deploy()
    machine.add_database()
    (machine.fake / "data/.copy").write_text("left by a run that was cut short")

    answer = machine.deploy("--upgrade")

    assert answer.returncode == 0, answer.stderr
    verbs = [call[1] for call in machine.changes]
    assert verbs == ["run", "build", "up"]
    (folder,) = (machine.folder / "backups").iterdir()
    with sqlite3.connect(folder / "plant.db") as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("basil",)
    connection.close()
    assert (folder / "env").read_text() == (machine.folder / ".env").read_text()
    assert stat.S_IMODE((folder / "plant.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in (machine.fake / "data").iterdir()) == ["plant.db"]


def test_an_upgrade_without_a_backup_does_not_happen(machine: Machine) -> None:
    machine.add_database()
    (machine.fake / "data/plant.db").write_bytes(b"no database at all, and long enough to be looked at")

    answer = machine.deploy("--upgrade")

    assert answer.returncode == 1
    assert "could not be backed up" in answer.stderr
    assert [call[1] for call in machine.changes] == ["run"]
    assert list((machine.folder / "backups").iterdir()) == []


def test_a_first_upgrade_has_nothing_to_back_up(machine: Machine) -> None:
    answer = machine.deploy("--upgrade")

    assert answer.returncode == 0, answer.stderr
    assert [call[1] for call in machine.changes] == ["build", "up"]


def test_the_image_can_be_pulled_and_left_unstarted(machine: Machine) -> None:
    answer = machine.deploy("--pull", "--no-start")

    assert answer.returncode == 0, answer.stderr
    assert machine.changes == [["compose", "pull"]]


def test_root_is_refused_unless_it_is_meant(machine: Machine) -> None:
    machine.user(0)

    refused = machine.deploy()
    assert refused.returncode == 1
    assert "--allow-root" in refused.stderr
    assert machine.calls == []

    assert machine.deploy("--allow-root").returncode == 0


@pytest.mark.parametrize("version", ["2.23.3", "1.29.2", "v2.9.0-desktop.1"])
def test_a_compose_that_is_too_old_is_named(machine: Machine, version: str) -> None:
    machine.answer(version=version)

    answer = machine.deploy()

    assert answer.returncode == 1
    assert f"Compose is {version.removeprefix('v')}; 2.24.0 or newer is needed" in answer.stderr


@pytest.mark.parametrize("version", ["2.24.0", "v2.24.0-desktop.1", "5.0.1"])
def test_a_compose_that_is_new_enough_is_taken(machine: Machine, version: str) -> None:
    machine.answer(version=version)

    assert machine.deploy().returncode == 0


def test_a_docker_without_compose_is_named(machine: Machine) -> None:
    machine.answer(version="")

    answer = machine.deploy()

    assert answer.returncode == 1
    assert "docker has no compose" in answer.stderr


@pytest.mark.parametrize("arguments", [("--tls",), ("--tls", "https://a.example"), ("--postgres",)])
def test_wrong_arguments_are_refused_before_anything_is_done(machine: Machine, arguments: tuple[str, ...]) -> None:
    answer = machine.deploy(*arguments)

    assert answer.returncode == 2
    assert machine.calls == []
    assert not (machine.folder / ".env").exists()


def test_the_documented_way_back_brings_everybody_back(machine: Machine) -> None:
    """The line of docs/install.md, as the container would run it, on a real database."""

    def backend(*arguments: str) -> str:
        environment = {**machine.environment, "PLANT_DATA_DIR": str(machine.fake / "data")}
        command = [sys.executable, "-m", "plant_backend", *arguments]
        done = subprocess.run(
            command, env=environment, input="basil-and-mint-4711\n", capture_output=True, text=True, check=True
        )
        return done.stdout

    backend("user", "add", "anna", "--password-stdin")
    machine.deploy("--upgrade")
    backend("user", "add", "bert", "--password-stdin")
    (folder,) = (machine.folder / "backups").iterdir()
    (line,) = [line for line in (ROOT / "docs/install.md").read_text().splitlines() if "plant-backend restore" in line]
    line = line.replace("backups/20261124T050000Z/plant.db", str(folder / "plant.db"))

    subprocess.run(["sh", "-c", line], env=machine.environment, capture_output=True, check=True)

    assert [person.split("\t")[0] for person in backend("user", "list").splitlines()] == ["anna"]
    assert not (machine.fake / "data/copy").exists()
