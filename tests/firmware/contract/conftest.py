"""The backend that all kinds of nodes are tested against, and the kinds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.esphome import EsphomeNode
from tests.firmware.contract.node_under_test import NodeFactory
from tests.firmware.contract.raspberry_pi import RaspberryPiNode
from tests.live_backend import Backend, Person

KINDS: dict[str, NodeFactory] = {"esphome": EsphomeNode, "raspberry_pi": RaspberryPiNode}


@pytest.fixture(scope="session")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a backend whose commands live long enough for a slow machine."""
    with Backend(tmp_path_factory.mktemp("backend"), command_ttl_s=30, sweep_interval_s=2) as backend:
        yield backend.add_person()


@pytest.fixture(scope="session")
def hasty_owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a backend whose commands live for eight seconds: longer than a busy machine stands still."""
    with Backend(tmp_path_factory.mktemp("hasty"), command_ttl_s=8, sweep_interval_s=0.5) as backend:
        yield backend.add_person()


@pytest.fixture(
    params=[
        # Built by ESPHome, whose environment is there in a full run only.
        pytest.param("esphome", marks=[pytest.mark.slow, pytest.mark.built_for_host]),
        "raspberry_pi",
    ]
)
def kind(request: pytest.FixtureRequest) -> NodeFactory:
    """Each kind of node in turn."""
    return KINDS[request.param]


@pytest.fixture
def a_bench(kind: NodeFactory, owner: Person, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Build a bench; words are those of `Setup`. The node is not switched on yet."""
    benches: list[Bench] = []

    def build(owner: Person = owner, **setup: Any) -> Bench:
        benches.append(Bench(owner.backend, owner, kind, tmp_path / str(len(benches)), **setup))
        return benches[-1]

    yield build
    for bench in benches:
        bench.close()
