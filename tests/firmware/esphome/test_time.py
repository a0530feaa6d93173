"""Minutes without a backend, and clocks that are set meanwhile: no run is longer, and no reading has a wrong age."""

import re
import time
from collections.abc import Callable
from itertools import accumulate, pairwise
from operator import itemgetter

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.esphome import EsphomeNode
from tests.firmware.contract.node_under_test import Limits, ran_for
from tests.live_backend import eventually

pytestmark = [pytest.mark.slow, pytest.mark.built_for_host, pytest.mark.timeout(600)]

OUTAGE_S = 95
SAMPLE_S = 0.1
# A busy machine's pause, and far less than what the clocks are set by.
LATE_S = 5


def set_clock(bench: Bench, way: str) -> None:
    """Set the node's wall clock, and wait until the node itself says so."""
    node = bench.node
    assert isinstance(node, EsphomeNode)

    def shown() -> list[str]:
        return re.findall(r"its clock says (-?\d+)", node.log())

    looks = len(shown())
    node.hand(f"set_clock_{way}")
    eventually(lambda: not (node.folder / "hands" / f"set_clock_{way}").exists())
    node.hand("say_time")
    eventually(lambda: len(shown()) > looks)
    ahead_s = int(shown()[-1]) - time.time()
    assert ahead_s > 80_000 if way == "ahead" else ahead_s < -80_000


@pytest.mark.parametrize("way", ["ahead", "back"])
def test_a_clock_that_is_set_makes_no_run_longer(a_bench: Callable[..., Bench], way: str) -> None:
    bench = a_bench(limits=Limits(max_run_ms=6_000)).hide_limits().start()
    command = bench.running(bench.order(20_000))

    set_clock(bench, way)

    done = bench.outcome(command)
    assert (done["state"], done["reason"]) == ("succeeded", "max_run")
    (run,) = bench.runs()
    assert ran_for(run.ran_ms, 6_000)
    assert ran_for(done["ran_ms"], 6_000)


def test_minutes_of_outage_and_a_clock_that_is_set_leave_no_gap_and_no_wrong_age(a_bench: Callable[..., Bench]) -> None:
    """Long enough for every pause between two tries to reach its length; some fifty batches wait in the end."""
    bench = a_bench(sample_every_s=SAMPLE_S).start()
    bench.proxy.cut()
    lost_at = time.time()
    eventually(lambda: time.time() > lost_at + OUTAGE_S / 3, within_s=OUTAGE_S)
    set_clock(bench, "ahead")
    eventually(lambda: time.time() > lost_at + OUTAGE_S * 2 / 3, within_s=OUTAGE_S)
    set_clock(bench, "back")
    eventually(lambda: time.time() > lost_at + OUTAGE_S, within_s=OUTAGE_S)
    bench.proxy.mend()
    back_at = time.time()

    eventually(lambda: bench.history()[-1][0] > back_at + 0.5, within_s=120)
    bench.node.stop()

    # What the backend took; its history holds one value for each millisecond.
    values = sorted(bench.sent())
    assert len(values) > OUTAGE_S / SAMPLE_S * 0.7
    assert {round((later - earlier) * 100) for earlier, later in pairwise(values)} == {1}
    # Values grow with time, so a wrong age would be a value in the wrong place, or a hole where it belongs. A batch
    # that was long on its way is dated a little later than it was measured.
    history = bench.history()
    in_order = [ts for ts, _ in sorted(history, key=itemgetter(1))]
    assert max(earlier - later for earlier, later in zip(accumulate(in_order, max), in_order, strict=True)) < LATE_S
    assert history[0][0] > lost_at - 60
    assert history[-1][0] <= time.time() + LATE_S
    assert max(later - earlier for (earlier, _), (later, _) in pairwise(history)) < LATE_S
