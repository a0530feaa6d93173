"""A command runs once, for as long as it was asked, whatever the network does to the talk about it."""

import time
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.node_under_test import LATE_MS, ran_for
from tests.firmware.contract.proxy import JSON, Answer
from tests.live_backend import Person, eventually

ABench = Callable[..., Bench]


def test_a_command_runs_once_for_as_long_as_it_was_asked(a_bench: ABench) -> None:
    bench = a_bench().start()

    done = bench.outcome(bench.order(400))

    assert done["state"] == "succeeded"
    assert ran_for(done["ran_ms"], 400)
    (run,) = bench.runs()
    assert ran_for(run.ran_ms, 400)
    # A busy machine may come to tell of it only when all is over.
    assert bench.statuses(done) in (["accepted", "succeeded"], ["succeeded"])
    assert bench.node.last_seq() == done["seq"]


def test_an_on_carries_its_own_off(a_bench: ABench) -> None:
    """ "ON" should carry its own off-time: irrigation_unlimited #217. A valve left open: Irrigation-V5 #296."""
    bench = a_bench().start()
    bench.order(2_500)
    eventually(bench.runs)

    # Nobody is there any more who could say off.
    bench.proxy.cut()

    run = eventually(lambda: (runs := bench.runs()) and runs[0].ended_at and runs[0])
    assert ran_for(run.ran_ms, 2_500)


def test_a_lost_answer_to_a_poll_is_no_lost_command(a_bench: ABench) -> None:
    bench = a_bench().start()
    bench.proxy.lose_answers("GET /commands", times=2, status=200)

    done = bench.outcome(bench.order(200))

    assert done["state"] == "succeeded"
    assert len(bench.runs()) == 1
    told = [each.is_delivered for each in bench.proxy.said("GET /commands", status=200)]
    assert told == [False, False, True]


def test_an_answer_that_is_not_the_backends_is_no_lost_command(a_bench: ABench) -> None:
    """A captive portal, or a broken proxy, in between."""
    bench = a_bench().start()
    bench.proxy.edit_answers("GET /commands", lambda _: {"commands": "Welcome to our hotel"})

    done = bench.outcome(bench.order(200))

    assert done["state"] == "succeeded"
    assert len(bench.runs()) == 1


def test_a_lost_ack_never_runs_the_pump_twice(a_bench: ABench) -> None:
    """Valve left open, no retry, no log: irrigation_unlimited #216."""
    bench = a_bench().start()
    bench.proxy.lose_requests("POST /commands/ack")
    bench.proxy.lose_answers("POST /commands/ack")

    done = bench.outcome(bench.order(200))
    eventually(lambda: bench.proxy.answered("POST /commands/ack", 200))

    assert done["state"] == "succeeded"
    assert len(bench.runs()) == 1


def test_a_repeated_command_is_acknowledged_again_and_never_run_again(a_bench: ABench) -> None:
    bench = a_bench().start()
    done = bench.outcome(bench.order(200))
    acked = len(bench.proxy.acks(done["id"]))

    bench.proxy.repeat_answer("GET /commands", times=3)
    # A new order ends the poll that waits, so that the repeats come at once.
    bench.outcome(bench.order(100))

    eventually(lambda: len(bench.proxy.acks(done["id"])) > acked)
    assert bench.statuses(done)[-1] in ("succeeded", "duplicate")
    assert len(bench.runs()) == 2
    assert bench.command(done) == done


def test_a_command_that_comes_again_in_mid_run_makes_it_no_longer(a_bench: ABench) -> None:
    bench = a_bench().start()
    command = bench.order(900)
    eventually(lambda: bench.proxy.answered("GET /commands", 200))
    again = bench.proxy.answered("GET /commands", 200)[-1].answer
    assert again is not None
    longer = [{**each, "duration_ms": 25_000} for each in again.json["commands"]]
    bench.proxy.answer("GET /commands", Answer.of(200, {"commands": longer}), times=3)
    bench.order(actuator="lamp", duration_ms=100)

    done = bench.outcome(command)

    assert done["state"] == "succeeded"
    (run,) = bench.runs()
    assert ran_for(run.ran_ms, 900)


def test_a_seq_that_is_not_newer_is_never_run_and_its_outcome_counts_as_unknown(a_bench: ABench) -> None:
    """Two commands change places on the way: the older one comes when the newer one is done."""
    bench = a_bench()
    held: list[JSON] = []

    def hold_the_first(answer: JSON) -> JSON:
        held[:] = answer["commands"]
        return {"commands": answer["commands"][1:]}

    bench.start()
    bench.node.stop()
    older, newer = bench.order(actuator="lamp", duration_ms=300), bench.order(200)
    bench.proxy.edit_answers("GET /commands", hold_the_first)
    bench.start()
    assert bench.outcome(newer)["state"] == "succeeded"
    assert [each["seq"] for each in held] == [older["seq"], newer["seq"]]

    bench.proxy.answer("GET /commands", Answer.of(200, {"commands": held}))
    bench.outcome(bench.order(100))

    assert bench.outcome(older)["state"] == "timed_out"
    assert bench.statuses(older) == ["duplicate"]
    assert bench.runs("lamp") == []


def test_off_ends_a_run_at_any_time(a_bench: ABench) -> None:
    bench = a_bench().start()
    command = bench.running(bench.order(20_000))

    off = bench.outcome(bench.order(action="off"))

    assert off["state"] == "succeeded"
    done = bench.outcome(command)
    assert (done["state"], done["reason"]) == ("interrupted", "off")
    (run,) = bench.runs()
    assert run.ended_at
    assert abs(done["ran_ms"] - run.ran_ms) < LATE_MS
    assert run.ran_ms < 15_000


def test_a_command_for_an_actuator_that_is_not_there_is_rejected(a_bench: ABench) -> None:
    bench = a_bench().start()
    bench.proxy.edit_answers(
        "GET /commands", lambda answer: {"commands": [{**each, "actuator": "valve"} for each in answer["commands"]]}
    )

    done = bench.outcome(bench.order(200))

    assert (done["state"], done["reason"]) == ("rejected", "unknown_actuator")
    assert bench.node.edges() == ()


def test_a_command_whose_life_is_over_when_it_comes_is_never_run(a_bench: ABench) -> None:
    bench = a_bench().start()
    bench.proxy.edit_answers(
        "GET /commands", lambda answer: {"commands": [{**each, "ttl_ms": 0} for each in answer["commands"]]}
    )

    done = bench.outcome(bench.order(200))

    assert done["state"] == "expired"
    assert bench.statuses(done) == ["expired"]
    assert bench.runs() == []


@pytest.mark.slow
def test_a_command_that_is_long_on_its_way_is_as_old_as_it_is(a_bench: ABench) -> None:
    """It had a second to live when it left the backend, and comes two seconds later."""
    bench = a_bench().start()

    def dawdle(answer: JSON) -> JSON:
        time.sleep(2)
        return {**answer, "commands": [{**each, "ttl_ms": 1_000} for each in answer["commands"]]}

    bench.proxy.edit_answers("GET /commands", dawdle)

    done = bench.outcome(bench.order(500))

    assert done["state"] == "expired"
    assert bench.statuses(done) == ["expired"]
    assert bench.runs() == []


@pytest.mark.slow
def test_no_pump_starts_on_reconnect(a_bench: ABench, hasty_owner: Person) -> None:
    """A pump starts on reconnect: HA-NeoPool-MQTT-Package #21. A command counts as delivered while the device is
    offline: thingsboard #7123.
    """
    bench = a_bench(hasty_owner, link_timeout_s=4).start()
    bench.proxy.cut()

    command = bench.order(500)
    assert bench.outcome(command)["state"] == "expired"
    assert bench.command(command)["delivered_at"] is None
    bench.proxy.mend()

    bench.polls_again(times=2)
    assert bench.runs() == []
    assert bench.statuses(command) == []


@pytest.mark.slow
def test_no_pump_starts_when_its_node_comes_back_too_late(a_bench: ABench, hasty_owner: Person) -> None:
    """A pump starts on reconnect: HA-NeoPool-MQTT-Package #21; here the backend believes that the node has it."""
    bench = a_bench(hasty_owner, link_timeout_s=4).start()
    bench.proxy.lose_answers("GET /commands", times=99, status=200)
    command = bench.order(500)
    eventually(lambda: bench.command(command)["delivered_at"])

    bench.node.kill()
    expires_at = datetime.fromisoformat(command["expires_at"])
    eventually(lambda: datetime.fromisoformat(bench.owner.get("/info")["time"]) > expires_at)
    bench.proxy.forget_faults()
    bench.start().polls_again(times=2)

    assert bench.runs() == []


@pytest.mark.parametrize("duration_ms", [300, None])
def test_a_lamp_shines_until_its_time_is_over_or_it_is_told(a_bench: ABench, duration_ms: int | None) -> None:
    bench = a_bench().start()

    command = bench.order(duration_ms, actuator="lamp")

    if duration_ms is None:
        eventually(lambda: bench.is_on("lamp"))
        assert bench.outcome(bench.order(actuator="lamp", action="off"))["state"] == "succeeded"
    assert bench.outcome(command)["state"] == "succeeded"
    (run,) = bench.runs("lamp")
    assert run.ended_at
