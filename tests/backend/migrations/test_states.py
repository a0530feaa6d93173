"""From every schema that there was: nothing is lost on the way to this one, by an upgrade or by a restore."""

from pathlib import Path
from typing import Any

import pytest
from plant_backend.storage.migrate import known_revisions

from tests.backend.migrations.states import REVISIONS, said, unpack
from tests.live_backend import Backend

FOR_EVER = {f"{name}_retention_days": 36500 for name in ("raw", "five_minute", "decision", "record")}
"""A state is older with each day that the tests are run."""


def still_said(before: dict[str, Any], after: dict[str, Any]) -> None:
    """What was said is said again; the worker may have decided and warned since."""
    for name, known in before.items():
        if name != "device_id":
            now = after[name]
            assert [one for one in known if one not in now] == [], name


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgrade_loses_nothing(revision: str, tmp_path: Path) -> None:
    backend = Backend(tmp_path, **FOR_EVER)
    before = unpack(revision, backend.data_dir / "plant.db")
    with backend:
        ada = backend.sign_in()
        still_said(before, said(ada, before["device_id"]))
        assert backend.sign_in("vic").get("/devices")
        assert "database_migrated" in [line["event"] for line in backend.log_events()]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("revision", REVISIONS)
def test_what_was_decided_is_decided_again(revision: str, tmp_path: Path) -> None:
    """What an earlier version wrote has the English text alone, and the rules still put it so."""
    backend = Backend(tmp_path, **FOR_EVER)
    before = unpack(revision, backend.data_dir / "plant.db")
    with backend:
        backend.stop()
        replayed = backend.command_line("replay")
        assert replayed.returncode == 0, replayed.stdout
        assert int(replayed.stdout.split()[0]) >= len(before["decisions"])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_restored_backup_of_the_oldest_says_the_same(tmp_path: Path) -> None:
    before = unpack(REVISIONS[0], tmp_path / "old/plant.db")
    with Backend(tmp_path / "new", **FOR_EVER) as backend:
        backend.stop()
        restored = backend.command_line("restore", str(tmp_path / "old/plant.db"))
        assert restored.returncode == 0, restored.stderr
        backend.start()
        still_said(before, said(backend.sign_in(), before["device_id"]))


def test_the_last_schema_but_this_has_its_state() -> None:
    """Whoever adds a migration makes the state of what was there before: see `states.py`."""
    assert known_revisions()[-2] in REVISIONS
