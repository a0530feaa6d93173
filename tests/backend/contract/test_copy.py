"""An installation moves from SQLite to PostgreSQL whole, also when it is cut short on the way."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from plant_backend.storage import copying
from plant_backend.storage.copying import CopyRefused, copy
from plant_backend.storage.errors import DatabaseUnusable
from plant_backend.storage.postgres_store import PostgresStorage

from tests.backend.contract.fleet import AUTOMATION
from tests.backend.storage.conftest import SetClock
from tests.live_backend import Backend, Node, Person, eventually, expect
from tests.servers import Postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Backend, Node]:
    """Give a backend on SQLite that has seen something, stopped, and its node."""
    backend = Backend(tmp_path_factory.mktemp("lived"), evaluation_interval_ms=0, compact_at_batches=10)
    with backend:
        ada = backend.add_person()
        node = ada.add_device("Tomatoes \u00e4\u00f6")
        gone = ada.add_device()
        expect(200, ada.request("PUT", f"{node.path}/automation", json=AUTOMATION))
        for number in range(25):
            node.send(soil=[12.5, 12 + number / 7], tank=80)
        (command,) = node.poll(after=0, wait=20)
        node.ack(command, "succeeded", command["duration_ms"])
        node.send(tank=1)
        eventually(lambda: ada.get("/alerts", device_id=node.device_id))
        assert ada.request("DELETE", gone.path).status_code == 204
        backend.stop()
        yield backend, node


def test_all_is_there_and_goes_on(lived: tuple[Backend, Node], postgres: Postgres) -> None:
    before, node = lived
    url = postgres.make_database()
    done = before.command_line("copy", "--from", f"sqlite:///{before.data_dir / 'plant.db'}", "--to", url)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "the same on both sides" in done.stdout
    after = Backend(before.data_dir.parent / "after", data_dir=before.data_dir, database_url=url)
    with after:
        ada = Person(after, "ada", node.owner.token)
        moved = Node(after, node.device_id, node.secret, ada, node.access_token, node.refresh_token)
        assert [device["name"] for device in ada.get("/devices")] == ["Tomatoes \u00e4\u00f6"]
        readings = ada.get(f"{node.path}/readings", sensor="soil", limit=1000)["readings"]
        assert len(readings) > 25
        assert len(ada.get(f"{node.path}/commands")["commands"]) == 1
        assert ada.get("/alerts", device_id=node.device_id)
        # The node notices nothing: its token holds, its numbers go on, an old batch is known.
        moved._batches = itertools.count(27)
        moved.send(soil=40)
        assert expect(202, moved.try_send([{"sensor": "tank", "value": 1, "age_ms": 0}], "boot-00000026"))["duplicate"]
        expect(201, ada.request("POST", f"{node.path}/commands", json={"actuator": "lamp", "action": "off"}))
        assert [command["seq"] for command in moved.poll(after=1)] == [2]
        new = ada.add_device()
        assert new.device_id != node.device_id


def test_a_copy_that_is_cut_short_goes_on_and_serves_nobody_meanwhile(
    lived: tuple[Backend, Node], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, url = lived[0].data_dir / "plant.db", postgres.make_database()
    monkeypatch.setattr(copying, "_ROWS", 7)
    for rows_until_the_cut in (3, 30, 60):
        left = rows_until_the_cut

        def cut(_: str, rows: int) -> None:
            nonlocal left
            left -= rows
            if left < 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            copy(path, url, cut)
        with pytest.raises(DatabaseUnusable, match="half a copy"):
            _open(url)
    counts = copy(path, url, lambda *_: None)
    assert counts["readings"] > 25
    assert counts["users"] == 1


def _open(url: str) -> None:
    import asyncio

    async def run() -> None:
        clock: Any = SetClock()
        storage = PostgresStorage(url, clock)
        await storage.open()
        await storage.close()

    asyncio.run(run())


def test_a_copy_that_differs_is_refused(
    lived: tuple[Backend, Node], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, url = lived[0].data_dir / "plant.db", postgres.make_database()
    monkeypatch.setattr(copying, "_finish", lambda *_: None)
    copy(path, url, lambda *_: None)
    postgres.execute(url.rsplit("/", 1)[1], "UPDATE readings SET value = value + 0.001 WHERE sensor_id = 1")
    with pytest.raises(CopyRefused, match="readings differs"):
        copy(path, url, lambda *_: None)


def test_a_database_that_is_in_use_is_left_alone(
    lived: tuple[Backend, Node], postgres: Postgres, tmp_path: Path
) -> None:
    path, url = lived[0].data_dir / "plant.db", postgres.make_database()
    copy(path, url, lambda *_: None)
    with pytest.raises(CopyRefused, match="not empty"):
        copy(path, url, lambda *_: None)
    with pytest.raises(CopyRefused, match="no database"):
        copy(tmp_path / "plant.db", url, lambda *_: None)
