"""What the tests of the ESPHome node itself share: the contract suite's backend, and benches with that node."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.conftest import owner
from tests.firmware.contract.esphome import EsphomeNode
from tests.live_backend import Person

__all__ = ["owner"]


@pytest.fixture
def a_bench(owner: Person, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Build a bench; words are those of `Setup`. The node is not switched on yet."""
    benches: list[Bench] = []

    def build(owner: Person = owner, **setup: Any) -> Bench:
        benches.append(Bench(owner.backend, owner, EsphomeNode, tmp_path / str(len(benches)), **setup))
        return benches[-1]

    yield build
    for bench in benches:
        bench.close()
