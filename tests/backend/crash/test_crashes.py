"""Nothing acknowledged is lost, and nothing runs twice, however often the backend or the node is killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.crash.storm import Storm, a_storm

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

ROUNDS = 8


@pytest.fixture(params=["sqlite"])
def storm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storm]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").make_database()
    with a_storm(tmp_path, url) as storm:
        yield storm


on_both = pytest.mark.parametrize("storm", ["sqlite", "postgresql"], indirect=True)


def _check_all(storm: Storm) -> None:
    storm.calm()
    storm.check_no_flood()
    storm.check_commands()
    storm.check_nothing_acknowledged_is_lost()
    storm.check_the_nodes_readings()
    storm.check_repeats_change_nothing()
    storm.check_the_database()


@on_both
def test_a_backend_that_is_killed_loses_nothing_and_waters_nothing_twice(storm: Storm) -> None:
    """Home Assistant restarts mid-run and the relay stays on: irrigation_unlimited #35, Irrigation-V5 #214. A damaged
    or locked database: Mycodo #1310. Entities unknown after a restart: Olen/homeassistant-plant #445.
    """
    storm.begin()

    for number in range(ROUNDS):
        storm.blow(at_a_run=number % 2 == 0)
        storm.crash_backend()

    # A kill may fall between two batches: the storm goes on until an answer was lost, up to a limit.
    for _ in range(ROUNDS):
        if any(sent.tries > 1 for sender in storm.senders for sent in sender.taken):
            break
        storm.blow(at_a_run=False)
        storm.crash_backend()
    assert any(sent.tries > 1 for sender in storm.senders for sent in sender.taken)
    _check_all(storm)


def test_a_node_that_is_killed_waters_nothing_twice(storm: Storm) -> None:
    """A stall leaves the valve open: farmbot_os #1494. Relays fire at boot: Mycodo #555."""
    storm.begin()

    for number in range(ROUNDS + 4):
        storm.blow(at_a_run=number % 2 == 0)
        storm.crash_node()

    # A kill may fall just behind a run: the storm goes on until one was hit, up to a limit.
    for _ in range(ROUNDS):
        if any(edge.was_recovered for edge in storm.bench.node.edges()):
            break
        storm.blow(at_a_run=True)
        storm.crash_node()
    assert any(edge.was_recovered for edge in storm.bench.node.edges()), "no run was hit"
    _check_all(storm)


@on_both
def test_both_may_be_killed_at_any_moment(storm: Storm) -> None:
    """A pump starts on reconnect: HA-NeoPool-MQTT-Package #21. Valve left open: Irrigation-V5 #296."""
    storm.begin()

    for number in range(ROUNDS):
        storm.blow(at_a_run=number % 4 < 2)
        if number % 2:
            storm.bench.node.kill()
            storm.blow()
            storm.crash_backend()
            storm.bench.node.start()
        else:
            storm.crash_node()

    _check_all(storm)
