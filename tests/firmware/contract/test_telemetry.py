"""What a node measures is in the history once, with the time at which it was measured, whatever happened in between."""

import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.proxy import Answer
from tests.live_backend import eventually

ABench = Callable[..., Bench]

RIGHT_WITHIN_S = 8.0
"""More than a machine stands still for, and less than the outage."""


def test_an_outage_leaves_no_gap_and_no_wrong_time(a_bench: ABench) -> None:
    """Offline gaps are never filled in: esphome/feature-requests #2628, core #108444. "Latest" is wrong after late
    data: thingsboard #1769, #3119, #4432.
    """
    bench = a_bench().start()
    bench.proxy.cut()
    lost_at = time.time()
    eventually(lambda: time.time() > lost_at + 14)
    bench.proxy.mend()
    back_at = time.time()

    history = eventually(lambda: (found := bench.history()) and found[-1][0] > back_at and found)

    of_outage = [ts for ts, _ in history if lost_at <= ts <= back_at]
    # Every 0.2 s one, on a machine that may be busy.
    assert len(of_outage) >= 5
    assert max(later - earlier for earlier, later in pairwise([lost_at, *of_outage, back_at])) < RIGHT_WITHIN_S
    latest = next(each for each in bench.owner.get(bench.device.path)["sensors"] if each["key"] == "soil")["latest"]
    assert datetime.fromisoformat(latest["ts"]).timestamp() >= history[-1][0]


@pytest.mark.slow
def test_a_restart_gives_no_reading_a_wrong_time(a_bench: ABench) -> None:
    """A node without a disk forgets what waited; one with a disk sends it as old as it then is. Neither guesses."""
    bench = a_bench().start()
    bench.proxy.cut()
    lost_at = time.time()
    eventually(lambda: time.time() > lost_at + 8)
    bench.node.stop()
    stopped_at = time.time()
    # Longer than what was kept may be on its way afterwards.
    eventually(lambda: time.time() > stopped_at + RIGHT_WITHIN_S + 3)
    bench.proxy.mend()
    began_at = time.time()
    bench.start()

    eventually(lambda: bench.history()[-1][0] > began_at)
    times = [ts for ts, _ in bench.history()]
    if bench.node.keeps_readings_through_a_restart:
        assert [ts for ts in times if lost_at + 0.2 < ts < stopped_at]
    assert [ts for ts in times if stopped_at + RIGHT_WITHIN_S < ts < began_at] == []


def test_a_lost_answer_neither_doubles_nor_loses_a_reading(a_bench: ABench) -> None:
    bench = a_bench().start()

    bench.proxy.lose_answers("POST /telemetry")
    bench.proxy.lose_requests("POST /telemetry")

    repeat = eventually(
        lambda: [each for each in bench.proxy.answered("POST /telemetry", 202) if each.answer.json["duplicate"]]
    )[0]
    lost = bench.proxy.said("POST /telemetry", delivered=False)[0]
    assert repeat.request.json["batch_id"] == lost.request.json["batch_id"]
    assert len(repeat.request.json["readings"]) == len(lost.request.json["readings"])
    bench.node.stop()
    # As many, and the same: what was long on its way is dated later than what came after it. A batch that was under
    # way when the node stopped is taken in a moment.
    eventually(bench.has_taken_each_once)
    history = bench.history()
    # The first try fixed the time; the repeat, which was sent later, did not move it.
    ages = [reading["age_ms"] / 1000 for reading in lost.request.json["readings"] if reading["sensor"] == "soil"]
    for age_s in ages:
        assert [ts for ts, _ in history if abs(ts - (lost.began_at - age_s)) < RIGHT_WITHIN_S]


@pytest.mark.slow
def test_a_full_backend_is_given_the_time_it_asks_for(a_bench: ABench) -> None:
    bench = a_bench().start()

    bench.proxy.answer("POST /telemetry", Answer.of(503, None, retry_after="2"))

    refused = eventually(lambda: bench.proxy.answered("POST /telemetry", 503))[0]
    batch_id = refused.request.json["batch_id"]
    taken = eventually(
        lambda: [
            each for each in bench.proxy.answered("POST /telemetry", 202) if each.request.json["batch_id"] == batch_id
        ]
    )
    assert taken[0].began_at - refused.answered_at >= 2
    bench.node.stop()
    eventually(bench.has_taken_each_once)


def test_a_batch_that_can_never_be_taken_does_not_hold_up_the_others(a_bench: ABench) -> None:
    bench = a_bench().start()
    problem = {"status": 422, "code": "invalid_reading", "detail": "readings[0].value: must be a finite number"}

    bench.proxy.answer("POST /telemetry", Answer.of(422, problem))

    (dropped,) = eventually(lambda: bench.proxy.answered("POST /telemetry", 422))
    eventually(
        lambda: [each for each in bench.proxy.answered("POST /telemetry", 202) if each.began_at > dropped.began_at]
    )
    assert dropped.request.json["batch_id"] in bench.node.log()
    batches = [each.request.json["batch_id"] for each in bench.proxy.said("POST /telemetry")]
    assert batches.count(dropped.request.json["batch_id"]) == 1


def test_a_batch_that_is_too_large_comes_in_parts(a_bench: ABench) -> None:
    bench = a_bench().start()
    problem = {"status": 413, "code": "too_many_readings", "detail": "A batch holds fewer."}

    bench.proxy.answer("POST /telemetry", Answer.of(413, problem))

    (refused,) = eventually(lambda: bench.proxy.answered("POST /telemetry", 413))
    values = [reading["value"] for reading in refused.request.json["readings"]]

    def parts() -> list[float]:
        later = [each for each in bench.proxy.answered("POST /telemetry", 202) if each.began_at > refused.began_at]
        return [reading["value"] for each in later[:2] for reading in each.request.json["readings"]]

    assert eventually(lambda: len(parts()) >= len(values) and parts()) == values
