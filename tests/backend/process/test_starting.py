"""A start that cannot succeed: one clear line, a non-zero exit, and no damage."""

import hashlib
import os
import socket
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.live_backend import Backend, Person, expect

pytestmark = pytest.mark.slow


@pytest.fixture
def new_backend(tmp_path: Path) -> Backend:
    """Give a backend that was never started."""
    return Backend(tmp_path, host="127.0.0.1", port=0)


def test_a_port_in_use_is_told_with_what_to_do(new_backend: Backend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = _refuses(new_backend, "serve", "--port", str(port))

    assert str(port) in said
    assert "--port" in said
    assert not (new_backend.data_dir / "plant.db").exists()


def test_a_second_server_on_the_same_data_is_refused(backend: Backend, ada: Person) -> None:
    before = ada.get("/devices")
    said = _refuses(backend, "serve", "--host", "127.0.0.1", "--port", "0")

    assert str(backend.data_dir) in said
    assert ada.get("/devices") == before
    expect(200, backend.request("GET", "/readyz"))


def _is_a_file(folder: Path) -> None:
    folder.write_text("a file")


def _below_a_file(folder: Path) -> None:
    folder.symlink_to(folder.parent / "nowhere" / "x")
    (folder.parent / "nowhere").write_text("a file")


def _no_database(folder: Path) -> None:
    folder.mkdir()
    (folder / "plant.db").write_bytes(b"These are my tomatoes.\n" * 500)


def _a_folder_for_a_database(folder: Path) -> None:
    (folder / "plant.db").mkdir(parents=True)


def _newer_database(folder: Path) -> None:
    folder.mkdir()
    with closing(sqlite3.connect(folder / "plant.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")


def _damaged_key(folder: Path) -> None:
    folder.mkdir()
    (folder / "signing.key").write_text("abc")


def _folder_for_a_key(folder: Path) -> None:
    (folder / "signing.key").mkdir(parents=True)


def _key_that_is_no_hex(folder: Path) -> None:
    folder.mkdir()
    (folder / "signing.key").write_text("z" * 64)


def _key_that_is_no_text(folder: Path) -> None:
    folder.mkdir()
    (folder / "signing.key").write_bytes(b"\xff" * 64)


DAMAGES: dict[Callable[[Path], None], str] = {
    _is_a_file: "data",
    _below_a_file: "data",
    _no_database: "plant.db",
    _a_folder_for_a_database: "plant.db",
    _newer_database: "newer",
    _damaged_key: "signing.key",
    _folder_for_a_key: "signing.key",
    _key_that_is_no_hex: "signing.key",
    _key_that_is_no_text: "signing.key",
}


@pytest.mark.parametrize("damage", [pytest.param(damage, id=damage.__name__.strip("_")) for damage in DAMAGES])
def test_data_that_cannot_be_used_is_named_and_left_alone(new_backend: Backend, damage: Callable[[Path], None]) -> None:
    damage(new_backend.data_dir)
    before = _fingerprints(new_backend.data_dir)
    said = _refuses(new_backend, "serve")

    assert DAMAGES[damage] in said
    after = _fingerprints(new_backend.data_dir)
    assert {name: after.get(name) for name in before} == before


def test_a_folder_that_may_not_be_written_is_named(new_backend: Backend) -> None:
    new_backend.data_dir.mkdir(mode=0o500)
    # Root may write everywhere but where the kernel itself says no.
    folder = new_backend.data_dir if os.geteuid() else Path("/proc/plants")

    assert str(folder) in _refuses(new_backend, "serve", "--data-dir", str(folder))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLANT_PORT", "99999"),
        ("PLANT_PORT", "http"),
        ("PLANT_COMMAND_TTL_S", "0"),
        ("PLANT_LOG_LEVEL", "loud"),
        ("PLANT_CLOCK_SPEED", "nan"),
        ("PLANT_SWEEP_INTERVAL_S", "-1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path, name: str, value: str) -> None:
    backend = Backend(tmp_path, **{name.removeprefix("PLANT_").lower(): value})

    assert name in _refuses(backend, "serve", code=2)
    assert not backend.data_dir.exists()


def test_a_host_that_is_not_ours_is_told(new_backend: Backend) -> None:
    assert "192.0.2.1" in _refuses(new_backend, "serve", "--host", "192.0.2.1", "--port", "0")
    assert "no.such.host" in _refuses(new_backend, "serve", "--host", "no.such.host.invalid", "--port", "0")


def test_what_a_start_makes_is_for_its_owner_alone(backend: Backend) -> None:
    assert stat.S_IMODE((backend.data_dir / "signing.key").stat().st_mode) == 0o600


def test_the_identity_and_the_key_outlive_a_restart(backend: Backend, ada: Person) -> None:
    node = ada.add_device()
    before = backend.request("GET", "/info").json()["instance_id"]
    backend.restart()

    assert backend.request("GET", "/info").json()["instance_id"] == before
    assert node.poll() == []


def _refuses(backend: Backend, *arguments: str, code: int = 1) -> str:
    """Run a command that must fail, and give the one line that it says."""
    ended: subprocess.CompletedProcess[str] = backend.command_line(*arguments)
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr + ended.stdout
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("plant-backend: ")
    return lines[0]


def _fingerprints(folder: Path) -> dict[str, str]:
    if folder.is_file():
        return {".": hashlib.sha256(folder.read_bytes()).hexdigest()}
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder"
        for path in folder.glob("*")
    }
