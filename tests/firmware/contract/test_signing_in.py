"""A node signs in by itself, stays signed in, and tells what it is made of."""

from collections.abc import Callable

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.node_under_test import Limits
from tests.firmware.contract.proxy import Answer
from tests.live_backend import eventually, expect

ABench = Callable[..., Bench]

PAUSE_S = 0.9
"""The shortest that a node takes after it was refused."""

EXPIRED = Answer.of(401, {"status": 401, "code": "token_expired", "detail": "The access token has expired."})


def test_a_node_signs_in_and_registers_its_channels(a_bench: ABench) -> None:
    bench = a_bench(limits=Limits(max_run_ms=7_000, min_off_ms=8_000, max_day_ms=90_000)).start()

    device = bench.owner.get(bench.device.path)

    sensors = {each["key"]: (each["kind"], each["unit"]) for each in device["sensors"]}
    assert sensors["soil"] == ("soil_moisture", "%")
    assert sensors["tank"] == ("reservoir_level", "%")
    actuators = {each["key"]: each for each in device["actuators"]}
    assert (actuators["pump"]["kind"], actuators["lamp"]["kind"]) == ("pump", "lamp")
    limits = actuators["pump"]["limits"]
    assert (limits["max_run_ms"], limits["min_off_ms"], limits["max_day_ms"]) == (7_000, 8_000, 90_000)
    assert device["firmware"]
    assert device["version"]
    assert len(bench.proxy.answered("POST /auth/device", 200)) == 1


def test_an_expired_token_is_refreshed_and_the_batch_sent_again(a_bench: ABench) -> None:
    bench = a_bench().start()

    bench.proxy.answer("POST /telemetry", EXPIRED)

    (refreshed,) = eventually(lambda: bench.proxy.answered("POST /auth/device/refresh", 200))
    (refused,) = bench.proxy.answered("POST /telemetry", 401)
    again = eventually(
        lambda: [
            each
            for each in bench.proxy.answered("POST /telemetry", 202)
            if each.request.json["batch_id"] == refused.request.json["batch_id"]
        ]
    )
    assert again[0].answer.json["duplicate"] is False
    assert again[0].request.headers["authorization"].endswith(refreshed.answer.json["access_token"])
    assert len(bench.proxy.said("POST /auth/device")) == 1


@pytest.mark.slow
def test_a_lost_answer_to_a_refresh_is_asked_for_again(a_bench: ABench) -> None:
    bench = a_bench()
    # The first token is good for a second.
    bench.proxy.edit_answers("POST /auth/device", lambda answer: {**answer, "expires_in": 1})
    bench.proxy.lose_answers("POST /auth/device/refresh")

    bench.start()

    eventually(lambda: bench.proxy.answered("POST /auth/device/refresh", 200))
    lost, again = bench.proxy.said("POST /auth/device/refresh")
    assert lost.request.json == again.request.json
    sent = len(bench.proxy.answered("POST /telemetry", 202))
    eventually(lambda: len(bench.proxy.answered("POST /telemetry", 202)) > sent)
    assert len(bench.proxy.said("POST /auth/device")) == 1


def test_a_refresh_token_that_somebody_else_used_leaves_the_secret(a_bench: ABench) -> None:
    bench = a_bench().start()
    (signed_in,) = bench.proxy.answered("POST /auth/device", 200)
    thief = bench.device
    thief.refresh_token = signed_in.answer.json["refresh_token"]
    thief.refresh()
    thief.refresh()

    bench.proxy.answer("POST /telemetry", EXPIRED)

    (refused,) = eventually(lambda: bench.proxy.answered("POST /auth/device/refresh", 401))
    assert refused.answer.json["code"] == "refresh_token_reused"
    eventually(lambda: len(bench.proxy.answered("POST /auth/device", 200)) == 2)
    sent = len(bench.proxy.answered("POST /telemetry", 202))
    eventually(lambda: len(bench.proxy.answered("POST /telemetry", 202)) > sent)
    # The thief is out.
    assert thief.try_refresh().status_code == 401


def test_a_node_whose_secret_was_changed_waits_and_says_so(a_bench: ABench) -> None:
    """It must not knock at the door without a pause, and the readings stay with it."""
    bench = a_bench().start()
    expect(200, bench.owner.request("POST", f"{bench.device.path}/secret"))

    eventually(lambda: bench.proxy.answered("POST /auth/device", 401))
    taken = len(bench.history())

    first, second = eventually(
        lambda: len(refused := bench.proxy.answered("POST /auth/device", 401)) >= 2 and refused[:2]
    )
    assert second.began_at - first.answered_at >= PAUSE_S
    assert len(bench.history()) == taken
    assert "refuses this device" in bench.node.log()
    assert bench.device.secret not in bench.node.log()
