"""Secrets and keys are replaced without a gap, and the old ones end when they should."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from plant_backend.services.real_time import real_ms
from plant_backend.storage import signing_key
from plant_backend.storage.errors import DatabaseUnusable

from tests.live_backend import Backend, Node, Person, expect


def rotate(node: Node, **body: int) -> str:
    """Give the node's device a new secret; the node does not hear of it."""
    return str(expect(200, node.owner.request("POST", f"{node.path}/secret", json=body))["secret"])


def test_the_old_secret_works_during_the_overlap_and_both_are_shown(ada: Person) -> None:
    node = ada.add_device()
    secret = rotate(node, overlap_s=3600)
    assert node.poll() == []
    node.refresh()
    node.sign_in()
    state = ada.get(f"{node.path}/secret")
    assert state["used_at"] is None
    assert state["previous_until"]
    assert state["previous_used_at"]
    assert node.secret not in str(state)

    node.secret = secret
    node.sign_in()
    assert ada.get(f"{node.path}/secret")["used_at"]


def test_the_old_secret_and_its_tokens_end_with_the_overlap(ada: Person, backend: Backend) -> None:
    node = ada.add_device()
    secret = rotate(node, overlap_s=3600)
    node.sign_in()
    assert node.poll() == []
    with closing(sqlite3.connect(backend.data_dir / "plant.db", timeout=10)) as connection, connection:
        connection.execute("UPDATE devices SET previous_until = ? WHERE id = ?", (real_ms() - 1, node.device_id))
    assert node.try_sign_in().status_code == 401
    assert node.try_refresh().status_code == 401
    # What the server has in memory ends with the next change, or by its own clock.
    ada.request("PATCH", node.path, json={"name": "Other"})
    assert node.try_poll().status_code == 401
    node.secret = secret
    node.sign_in()


def test_two_rotations_leave_the_last_two_secrets(ada: Person) -> None:
    node = ada.add_device()
    first = node.secret
    node.secret = rotate(node, overlap_s=3600)
    rotate(node, overlap_s=3600)
    assert node.try_sign_in(secret=first).status_code == 401
    node.sign_in()


@pytest.mark.parametrize("overlap_s", [-1, 31 * 24 * 3600, "1"])
def test_an_overlap_has_bounds(ada: Person, overlap_s: object) -> None:
    node = ada.add_device(manifest=None)
    assert ada.request("POST", f"{node.path}/secret", json={"overlap_s": overlap_s}).status_code == 422


def test_tokens_of_the_key_before_hold_and_those_of_a_retired_one_do_not(tmp_path: Path) -> None:
    with Backend(tmp_path) as backend:
        node = backend.add_person("ada").add_device()
        for holds in (True, False):
            assert backend.command_line("rotate-key").returncode == 0
            backend.restart()
            assert (node.try_poll().status_code in (200, 204)) == holds
        node.refresh()
        assert node.poll() == []


def test_a_previous_key_ends_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    first, _, _ = signing_key.load(path)
    signing_key.rotate(path, 900)
    current, previous, until_ms = signing_key.load(path)
    assert previous == first != current
    assert 890_000 < until_ms - real_ms() <= 900_000
    signing_key.rotate(path, 0)
    assert signing_key.load(path)[1] is None
    assert [file.name for file in tmp_path.iterdir()] == ["signing.key"]


def test_the_key_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    signing_key.load(path)
    path.chmod(0o644)
    signing_key.load(path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "changeme", "00" * 32, "ab" * 31, "zz" * 32])
def test_a_damaged_or_made_up_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signing.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(DatabaseUnusable, match="damaged"):
        signing_key.load(path)
