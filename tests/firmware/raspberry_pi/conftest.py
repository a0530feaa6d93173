"""A fake backend, and whole agents working against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
