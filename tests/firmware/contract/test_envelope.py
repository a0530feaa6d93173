"""What a node guarantees by itself: no backend, no restart and no lost link makes it run a pump too long."""

import statistics
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.node_under_test import LATE_MS, Limits, ran_for
from tests.firmware.contract.proxy import Answer
from tests.live_backend import eventually

ABench = Callable[..., Bench]


def test_no_pin_moves_at_boot(a_bench: ABench) -> None:
    """Relays fire at boot: Mycodo #555, TerrariumPI #990."""
    bench = a_bench().start()
    bench.node.kill()
    bench.start()
    bench.node.stop()
    bench.start()

    assert bench.node.edges() == ()


def test_a_run_is_cut_at_the_nodes_own_limit(a_bench: ABench) -> None:
    """Water kept running in about 2 of 50 runs: FarmBot forum 7912."""
    bench = a_bench(limits=Limits(max_run_ms=400)).hide_limits().start()

    done = bench.outcome(bench.order(60_000))

    assert (done["state"], done["reason"]) == ("succeeded", "max_run")
    (run,) = bench.runs()
    assert ran_for(run.ran_ms, 400)
    assert ran_for(done["ran_ms"], 400)


@pytest.mark.parametrize("lose", ["fall_silent", pytest.param("cut", marks=pytest.mark.slow)])
def test_a_run_ends_with_the_link(a_bench: ABench, lose: str) -> None:
    """Wi-Fi drops, the node's relays stay on, nobody knows: irrigation_unlimited #43."""
    bench = a_bench(link_timeout_s=8).start()
    command = bench.running(bench.order(30_000))

    getattr(bench.proxy, lose)()

    run = eventually(lambda: (runs := bench.runs()) and runs[0].ended_at and runs[0])
    assert run.ran_ms < 29_000
    bench.proxy.mend()
    done = bench.outcome(command)
    assert (done["state"], done["reason"]) == ("interrupted", "link_lost")
    assert abs(done["ran_ms"] - run.ran_ms) < LATE_MS
    assert len(bench.runs()) == 1


def test_a_proxy_without_its_backend_is_no_link(a_bench: ABench) -> None:
    """Something answers, but nobody could stop a pump through it."""
    bench = a_bench(link_timeout_s=8).start()
    command = bench.running(bench.order(30_000))
    for route in ("GET /commands", "POST /telemetry", "POST /commands/ack", "POST /auth/device"):
        bench.proxy.answer(route, Answer(404, b"404 page not found"), times=float("inf"))

    run = eventually(lambda: (runs := bench.runs()) and runs[0].ended_at and runs[0])
    bench.proxy.forget_faults()

    assert run.ran_ms < 29_000
    done = bench.outcome(command)
    assert (done["state"], done["reason"]) == ("interrupted", "link_lost")


@pytest.mark.slow
def test_an_off_is_asked_for_again_and_again_while_a_pump_runs(a_bench: ABench) -> None:
    """However long the backend has failed by then: half a minute of pause is half a minute of water."""
    bench = a_bench(limits=Limits(max_run_ms=500_000, max_day_ms=600_000)).start()
    command = bench.running(bench.order(400_000))

    bench.proxy.answer("GET /commands", Answer.of(503), times=float("inf"))
    failed = eventually(lambda: (said := bench.proxy.answered("GET /commands", 503)) and len(said) >= 10 and said)
    bench.proxy.forget_faults()

    # By then each pause would be ten seconds and more.
    assert statistics.median(later.began_at - each.answered_at for each, later in pairwise(failed[-5:])) < 6
    assert bench.outcome(bench.order(action="off"))["state"] == "succeeded"
    assert bench.outcome(command)["reason"] == "off"


@pytest.mark.slow
def test_a_sign_in_that_fails_keeps_no_off_waiting(a_bench: ABench) -> None:
    """A token that ends in mid-run, while the backend cannot renew it."""
    bench = a_bench(link_timeout_s=120, limits=Limits(max_run_ms=500_000, max_day_ms=600_000)).start()
    command = bench.running(bench.order(400_000))
    over = Answer.of(401, {"status": 401, "code": "token_expired", "detail": "The access token has expired."})

    bench.proxy.answer("POST /auth/device/refresh", Answer.of(503), times=float("inf"))
    for route in ("GET /commands", "POST /telemetry", "POST /commands/ack"):
        bench.proxy.answer(route, over, times=float("inf"))
    failed = eventually(lambda: (said := bench.proxy.answered("POST /auth/device/refresh", 503))[6:] and said)
    bench.proxy.forget_faults()

    # By then each pause would be half a minute and more.
    assert statistics.median(later.began_at - each.answered_at for each, later in pairwise(failed[-4:])) < 8
    assert bench.outcome(bench.order(action="off"))["state"] == "succeeded"
    assert bench.outcome(command)["reason"] == "off"


def test_nothing_runs_on_an_empty_reservoir(a_bench: ABench) -> None:
    """A dry-run guard "regardless of how the pump is called": garden-of-eden #83, #33."""
    bench = a_bench(reservoir_percent=2).start()

    done = bench.outcome(bench.order(300))

    assert (done["state"], done["reason"], done["ran_ms"]) == ("rejected", "reservoir_empty", 0)
    assert bench.statuses(done) == ["rejected"]
    assert bench.node.edges() == ()


def test_a_run_ends_when_the_reservoir_goes_empty(a_bench: ABench) -> None:
    """Hoses burst unseen: irrigation_unlimited #214. Dry-run guard: garden-of-eden #83."""
    # 10 ml at 10 ml a second.
    bench = a_bench(reservoir_ml=10, flow_ml_per_min=600).start()

    done = bench.outcome(bench.order(20_000))

    assert (done["state"], done["reason"]) == ("interrupted", "reservoir_empty")
    (run,) = bench.runs()
    assert run.ran_ms < 15_000


def test_a_node_that_dies_in_mid_run_leaves_no_pump_on_and_never_runs_it_again(a_bench: ABench) -> None:
    """Home Assistant restarts mid-run and the relay stays on: irrigation_unlimited #35, Irrigation-V5 #214."""
    bench = a_bench().start()
    command = bench.running(bench.order(20_000))

    bench.node.kill()

    assert not bench.is_on()
    bench.start()
    done = bench.outcome(command)
    assert (done["state"], done["ran_ms"]) == ("interrupted", None)
    # Unknown counts in full.
    assert done["counted_ms"] == 20_000
    bench.outcome(bench.order(100))
    runs = bench.runs()
    assert len(runs) == 2
    assert runs[0].ran_ms < 15_000
    assert ran_for(runs[1].ran_ms, 100)


def test_a_node_that_is_stopped_in_mid_run_says_how_long_it_ran(a_bench: ABench) -> None:
    bench = a_bench().start()
    command = bench.running(bench.order(20_000))

    bench.node.stop()

    (run,) = bench.runs()
    assert run.ended_at
    bench.start()
    done = bench.outcome(command)
    assert done["state"] == "interrupted"
    assert abs(done["ran_ms"] - run.ran_ms) < LATE_MS
    assert len(bench.runs()) == 1


def test_the_daily_amount_holds_across_restarts(a_bench: ABench) -> None:
    bench = a_bench().hide_limits().start()
    done = bench.outcome(bench.order(300))
    assert done["state"] == "succeeded"
    killed = bench.running(bench.order(20_000))
    bench.node.kill()
    # Some 300 ms ran, 20 s may have run.
    bench.node.set_limits(Limits(max_day_ms=done["ran_ms"] + 20_200))
    bench.start()
    assert bench.outcome(killed)["state"] == "interrupted"

    cut = bench.outcome(bench.order(20_000))
    refused = bench.outcome(bench.order(1_000))

    assert (cut["state"], cut["reason"]) == ("succeeded", "max_day")
    assert ran_for(cut["ran_ms"], 200)
    assert (refused["state"], refused["reason"]) == ("rejected", "max_day")
    assert len(bench.runs()) == 3


def test_a_lost_ledger_runs_nothing_twice(a_bench: ABench) -> None:
    """No ack came through, so the backend would hand the command out again."""
    bench = a_bench().start()
    bench.proxy.lose_requests("POST /commands/ack", times=float("inf"))
    command = bench.order(300)
    eventually(lambda: (runs := bench.runs()) and runs[0].ended_at)
    bench.node.kill()
    bench.node.lose_ledger()
    assert bench.command(command)["state"] == "delivered"
    bench.proxy.forget_faults()

    bench.start().polls_again(times=2)

    assert len(bench.runs()) == 1


def test_a_lost_ledger_starts_from_what_the_backend_knows_of_the_day(a_bench: ABench) -> None:
    """A card that was written anew, a chip that was erased: what is lost is no fresh allowance."""
    bench = a_bench().hide_limits().start()
    done = bench.outcome(bench.order(1_500))
    assert done["state"] == "succeeded"
    bench.node.kill()
    bench.node.lose_ledger()
    bench.node.set_limits(Limits(max_day_ms=done["ran_ms"] + 500))
    bench.start()

    cut = bench.outcome(bench.order(20_000))
    refused = bench.outcome(bench.order(1_000))

    assert (cut["state"], cut["reason"]) == ("succeeded", "max_day")
    assert ran_for(cut["ran_ms"], 500)
    assert (refused["state"], refused["reason"]) == ("rejected", "max_day")


@pytest.mark.parametrize("end", ["kill", pytest.param("stop", marks=pytest.mark.slow)])
def test_the_pause_between_two_runs_holds_across_restarts(a_bench: ABench, end: str) -> None:
    # Set afterwards: a node that knows nothing of its past yet may begin with a pause.
    bench = a_bench().hide_limits().start()
    assert bench.outcome(bench.order(100))["state"] == "succeeded"

    getattr(bench.node, end)()
    bench.node.set_limits(Limits(min_off_ms=600_000))
    bench.start()

    done = bench.outcome(bench.order(100))
    assert (done["state"], done["reason"]) == ("rejected", "min_off")
    assert len(bench.runs()) == 1
