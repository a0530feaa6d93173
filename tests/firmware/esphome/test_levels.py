"""What the packages make of a sensor that lies, or says nothing: no pump runs by it, and no plant is taken for dry."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.esphome import EsphomeNode
from tests.firmware.contract.proxy import JSON
from tests.live_backend import Person, eventually, expect

pytestmark = [pytest.mark.slow, pytest.mark.built_for_host("levels"), pytest.mark.timeout(600)]

HALF_FULL_M, BEFORE_ITS_NOSE_M = "0.175", "0.01"
MOIST_V, JUST_DRY_V, UNPLUGGED_V = "2.025", "2.84", "3.3"


@pytest.fixture
def bench(owner: Person, tmp_path: Path) -> Iterator[Bench]:
    """A node whose sensors measure nothing yet."""
    kind = partial(EsphomeNode, built_from="levels")
    bench = Bench(owner.backend, owner, kind, tmp_path / "node")
    yield bench
    bench.close()


def node_of(bench: Bench) -> EsphomeNode:
    assert isinstance(bench.node, EsphomeNode)
    return bench.node


def measures(bench: Bench, what: str, value: str) -> None:
    """From now on; the node never finds half of it."""
    folder = node_of(bench).folder
    (folder / what).write_text(value)
    (folder / what).replace(folder / "hands" / what)


def latest(bench: Bench, channel: str) -> JSON | None:
    sensors: list[JSON] = bench.owner.get(bench.device.path)["sensors"]
    return next((each["latest"] for each in sensors if each["key"] == channel), None)


def shows(bench: Bench, channel: str, is_right: Callable[[float], bool]) -> JSON:
    found: Any = eventually(lambda: (last := latest(bench, channel)) and is_right(last["value"]) and last)
    assert isinstance(found, dict)
    return found


def half_full(bench: Bench) -> Bench:
    measures(bench, "volts", MOIST_V)
    measures(bench, "metres", HALF_FULL_M)
    bench.start()
    shows(bench, "tank", lambda percent: abs(percent - 50) < 1)
    assert bench.outcome(bench.order(50))["state"] == "succeeded"
    return bench


def test_a_reservoir_whose_sensor_hears_no_echo_is_unknown_and_not_empty(bench: Bench) -> None:
    half_full(bench)

    measures(bench, "metres", "nan")

    refused = eventually(lambda: (done := bench.outcome(bench.order(50)))["state"] == "rejected" and done)
    assert refused["reason"] == "reservoir_unknown"
    # By now a minute's mean would have come, of which there is none.
    before = len(bench.sent("soil_1"))
    eventually(lambda: len(bench.sent("soil_1")) > before + 60)
    assert all(abs(percent - 50) < 1 for percent in bench.sent("tank"))


def test_a_reservoir_fuller_than_full_is_unknown(bench: Bench) -> None:
    """A drop on the sensor, or a spider before it: a pump would run dry by it."""
    half_full(bench)

    measures(bench, "metres", BEFORE_ITS_NOSE_M)

    shows(bench, "tank", lambda percent: percent > 105)
    # The backend asks for no run by it any more. Nor does the node run by itself.
    body = {"actuator": "pump", "action": "on", "duration_ms": 50, "force": True}
    refused = expect(409, bench.owner.request("POST", f"{bench.device.path}/commands", json=body))
    assert refused["code"] == "reservoir_unknown"
    node_of(bench).hand("press")
    eventually(lambda: "not run, reservoir_unknown" in bench.node.log())
    assert len(bench.runs()) == 1


def test_an_unplugged_probe_is_no_dry_soil(bench: Bench) -> None:
    measures(bench, "metres", HALF_FULL_M)
    measures(bench, "volts", MOIST_V)
    bench.start()
    shows(bench, "soil_1", lambda percent: abs(percent - 50) < 1)

    measures(bench, "volts", UNPLUGGED_V)

    shows(bench, "soil_1", lambda percent: percent < -30)
    expected = ("probe_implausible", "soil_1")
    eventually(
        lambda: (
            expected
            in [
                (alert["kind"], alert["channel"])
                for alert in bench.owner.get("/alerts", device_id=bench.device.device_id)
            ]
        )
    )
    # What is a little drier than the driest is the driest.
    measures(bench, "volts", JUST_DRY_V)
    shows(bench, "soil_1", lambda percent: percent == 0)
