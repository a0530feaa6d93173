"""A fake backend, and whole agents working against it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.raspberry_pi.board import Board, build
from tests.firmware.raspberry_pi.builders import Node
from tests.firmware.raspberry_pi.fake_backend import FakeBackend


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    """A backend that works."""
    fake = FakeBackend()
    yield fake
    fake.close()


@pytest.fixture
def node(backend: FakeBackend, tmp_path: Path) -> Iterator[Node]:
    """A node with a simulated plant; nothing of it runs yet."""
    built = Node(backend, tmp_path)
    yield built
    built.close()


@pytest.fixture(scope="session")
def board_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated board, compiled once."""
    return build(tmp_path_factory.mktemp("board"))


@pytest.fixture
def board(board_library: Path, tmp_path: Path) -> Board:
    """A board whose pins nobody has driven yet."""
    return Board(board_library, tmp_path / "board")


@pytest.fixture
def plant_node() -> Callable[..., str]:
    """Runs `plant-node` with these arguments and settings, and gives what it printed."""

    def run(*arguments: str, **env: str) -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PLANT_")}
        done = subprocess.run(
            [sys.executable, "-m", "plant_node", *arguments],
            env=clean | env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(autouse=True)
def state_files_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A connection that a test leaves open warns in some later test, from Python 3.13 on."""
    opened: list[sqlite3.Connection] = []

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(_connect(*arguments, **options))
        return opened[-1]

    _connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    yield
    for connection in opened:
        connection.close()
