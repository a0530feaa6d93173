"""The ESPHome node's own faults: what the contract suite, which is the same for all nodes, does not ask."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.esphome import EsphomeNode
from tests.firmware.contract.node_under_test import LATE_MS, Limits, Setup, ran_for
from tests.firmware.contract.proxy import Answer
from tests.live_backend import Backend, eventually, expect

ABench = Callable[..., Bench]

pytestmark = [pytest.mark.slow, pytest.mark.built_for_host, pytest.mark.timeout(600)]


def hand(bench: Bench, what: str) -> None:
    assert isinstance(bench.node, EsphomeNode)
    bench.node.hand(what)


def folder(bench: Bench) -> Path:
    assert isinstance(bench.node, EsphomeNode)
    return bench.node.folder


def lose_ledger(bench: Bench) -> None:
    """Cut the power, and with it goes the flash's contents."""
    bench.node.kill()
    bench.node.lose_ledger()


def test_a_loop_that_hangs_makes_no_run_longer(a_bench: ABench) -> None:
    """The timer that ends a run does not depend on the main loop, which stands still for nine seconds here."""
    bench = a_bench(limits=Limits(max_run_ms=5000)).hide_limits().start()
    command = bench.running(bench.order(20_000))

    hand(bench, "hang")

    run = eventually(lambda: (runs := bench.runs()) and runs[0].ended_at and runs[0])
    assert run.ran_ms >= 4900
    hung = folder(bench) / "hands" / "hung"
    eventually(hung.exists)
    assert run.ended_at < hung.stat().st_mtime
    done = bench.outcome(command)
    assert (done["state"], done["reason"]) == ("succeeded", "max_run")
    assert abs(done["ran_ms"] - run.ran_ms) < LATE_MS


def test_a_button_passes_the_same_envelope(a_bench: ABench) -> None:
    bench = a_bench(limits=Limits(max_run_ms=5_000, max_day_ms=400)).start()

    hand(bench, "press")
    run = eventually(lambda: (runs := bench.runs()) and runs[0].ended_at and runs[0])
    assert ran_for(run.ran_ms, 400)
    # The timer ends a run; the loop writes it down a moment later.
    eventually(lambda: "pump: off after" in bench.node.log())
    hand(bench, "press")

    eventually(lambda: "not run, max_day" in bench.node.log())
    # And what the button ran counts for the backend's commands too.
    bench.hide_limits()
    assert bench.outcome(bench.order(100))["reason"] == "max_day"
    assert len(bench.runs()) == 1


def test_a_button_does_not_run_a_pump_that_nobody_could_stop(a_bench: ABench) -> None:
    bench = a_bench(link_timeout_s=2).start()
    bench.proxy.cut()
    cut_at = time.time()
    # A busy machine's node may have said so before, too.
    eventually(lambda: time.time() > cut_at + 2.5 and "nothing runs until it does" in bench.node.log())

    hand(bench, "press")
    eventually(lambda: not list((folder(bench) / "hands").iterdir()))

    assert bench.runs() == []


def test_no_run_begins_after_a_commands_life_though_the_flash_took_so_long(a_bench: ABench) -> None:
    bench = a_bench(link_timeout_s=60).start()
    record = folder(bench) / "state" / "node.prefs"
    # Whoever opens it for writing waits for a reader.
    os.mkfifo(record.with_name("slow"))
    record.with_name("slow").replace(record)
    command = {"id": 9000, "seq": 90, "actuator": "pump", "action": "on", "duration_ms": 200, "ttl_ms": 3000}
    heard = len(bench.proxy.answered("GET /commands", 200))
    bench.proxy.answer("GET /commands", Answer.of(200, {"commands": [command]}))
    # A poll that waits already would hold the command back.
    bench.proxy.cut()
    bench.proxy.mend()
    answered = eventually(lambda: bench.proxy.answered("GET /commands", 200)[heard:])[0]
    eventually(lambda: time.time() > answered.answered_at + 3.5)

    reader = os.open(record, os.O_RDWR)
    try:
        eventually(lambda: bench.statuses(command) == ["expired"])
    finally:
        os.close(reader)

    assert bench.runs() == []


def test_a_lost_ledger_runs_nothing_that_came_before(a_bench: ABench) -> None:
    """Who has no ledger cannot know what it ran: what waits then is acknowledged as known, and not run."""
    bench = a_bench().start()
    done = bench.outcome(bench.order(200))
    lose_ledger(bench)
    waiting = bench.order(200)

    bench.start()

    eventually(lambda: bench.statuses(waiting) == ["duplicate"])
    after = bench.outcome(bench.order(100))
    assert after["state"] == "succeeded"
    assert after["seq"] > waiting["seq"] > done["seq"]
    assert len(bench.runs()) == 2


def test_what_came_before_the_ledger_stays_known(a_bench: ABench) -> None:
    """Its ack gets lost and the node restarts once more: it still does not run."""
    bench = a_bench().start()
    bench.outcome(bench.order(200))
    lose_ledger(bench)
    waiting = bench.order(200)
    bench.proxy.lose_requests("POST /commands/ack", times=float("inf"))
    bench.start()
    bench.node.kill()
    bench.proxy.forget_faults()

    bench.start().polls_again()

    assert bench.node.last_seq() >= waiting["seq"]
    assert len(bench.runs()) == 1


def test_a_lost_ledger_may_have_more_before_it_than_one_answer_holds(a_bench: ABench) -> None:
    bench = a_bench().start()
    bench.outcome(bench.order(200))
    lose_ledger(bench)
    heard = len(bench.proxy.answered("GET /commands", 200))
    ninety = [
        {"id": 9000 + n, "seq": 90 + n, "actuator": "pump", "action": "on", "duration_ms": 200, "ttl_ms": 60_000}
        for n in range(9)
    ]
    for commands in (ninety[:8], ninety[8:]):
        bench.proxy.answer("GET /commands", Answer.of(200, {"commands": commands}))

    bench.start()

    eventually(lambda: len(bench.proxy.answered("GET /commands", 200)) >= heard + 2)
    # The backend hears how far this node's numbers are, and counts what it does not know of as if it had run.
    bench.polls_again()
    assert len(bench.runs()) == 1
    refused = bench.owner.request(
        "POST", f"{bench.device.path}/commands", json={"actuator": "pump", "action": "on", "duration_ms": 100}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "daily_cap_reached")


def test_a_lost_ledger_waits_out_the_pause(a_bench: ABench) -> None:
    bench = a_bench(limits=Limits(min_off_ms=600_000)).hide_limits().start()
    hand(bench, "press")

    refused = bench.outcome(bench.order(100))

    # This node is new, and its pump may have been another's.
    assert (refused["state"], refused["reason"]) == ("rejected", "min_off")
    assert bench.runs() == []


def test_a_button_runs_nothing_before_somebody_has_told_of_the_day(a_bench: ABench) -> None:
    """A backend that refuses to sign it in answers, and so is a link. A run would be all that the next start knew."""
    bench = a_bench(link_timeout_s=60)
    bench.proxy.answer(
        "POST /auth/device", Answer.of(401, {"code": "invalid_credentials", "detail": "no"}), times=float("inf")
    )
    bench.node.start()
    eventually(lambda: "the backend refuses this device" in bench.node.log())

    hand(bench, "press")

    eventually(lambda: "not run, max_day" in bench.node.log())
    assert bench.runs() == []


def test_a_backend_that_tells_nothing_of_the_day_leaves_nothing_of_it(a_bench: ABench) -> None:
    bench = a_bench().hide_limits()
    bench.proxy.edit_answers("POST /auth/device", lambda answer: {**answer, "pumps": None}, times=float("inf"))

    refused = bench.outcome(bench.start().order(100))

    assert (refused["state"], refused["reason"]) == ("rejected", "max_day")
    # The next start finds it written down.
    bench.proxy.forget_faults()
    bench.node.kill()
    assert bench.outcome(bench.start().order(100))["reason"] == "max_day"


@pytest.mark.crash
def test_a_backend_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Backend(tmp_path / "backend", command_ttl_s=30, sweep_interval_s=0.2) as backend:
        bench = Bench(backend, backend.add_person(), EsphomeNode, tmp_path / "node")
        try:
            bench.start()
            for _ in range(2):
                sent = len(bench.proxy.answered("POST /telemetry", 202))
                eventually(lambda: len(bench.proxy.answered("POST /telemetry", 202)) > sent + 5)  # noqa: B023
                backend.kill()
                backend.start()
            command = bench.outcome(bench.order(300))
            bench.node.stop()
            bench.device.sign_in()
            taken = [
                expect(202, bench.device.request("POST", "/telemetry", json=each.request.json))["duplicate"]
                for each in bench.proxy.answered("POST /telemetry", 202)
            ]
        finally:
            bench.close()
    assert command["state"] == "succeeded"
    assert len(bench.runs()) == 1
    # Each batch that was acknowledged is there still. Its history holds one value for each millisecond.
    assert all(taken)
    # Every value that the probe gave, once: a hundredth more each time.
    values = sorted(bench.sent())
    assert len(values) > 10
    assert {round((later - earlier) * 100) for earlier, later in pairwise(values)} == {1}


@pytest.mark.crash
def test_kills_in_mid_run_never_make_two_of_one(a_bench: ABench) -> None:
    bench = a_bench().start()
    orders = []
    for round_ in range(4):
        orders.append(bench.order(25_000))
        eventually(lambda: bench.is_on("pump"))
        if round_ % 2:
            eventually(lambda: bench.command(orders[-1])["state"] == "accepted")
        bench.node.kill()
        bench.start()
        assert bench.outcome(orders[-1])["state"] in ("interrupted", "timed_out")

    assert len(bench.runs()) == len(orders)
    assert max(run.ran_ms for run in bench.runs()) < 20_000


NONSENSE = [
    Answer(200, b"<html>Welcome to our hotel</html>", (("content-type", "text/html"),)),
    Answer(200, b'{"commands": [' + b'{"id": 1, "seq": 99, "actuator": "pump", "action": "on"},' * 500 + b"{}]}"),
    Answer(200, b'{"commands": [{"id": 1, "seq": 99, "actuator": "pump", "action": "on", "duration_ms": 5000'),
    Answer(200, b'{"commands": [{"id": 1, "seq": 18446744073709551616, "actuator": "pump", "action": "on",'
                b'"duration_ms": 5000, "ttl_ms": 5000}]}'),
    Answer(200, b"[" * 2000),
    Answer(200, b'{"commands": {"id": 1}}'),
    Answer(200, bytes(range(256))),
    Answer(500, b"x" * 10_000),
    Answer(404, b"{}"),
    Answer(302, b"", (("location", "http://127.0.0.1:9/"),)),
]  # fmt: skip


def test_answers_that_make_no_sense_move_nothing(a_bench: ABench) -> None:
    bench = a_bench().start()
    for count, nonsense in enumerate(NONSENSE, start=1):
        for route in ("GET /commands", "POST /telemetry", "POST /commands/ack"):
            bench.proxy.answer(route, nonsense)

        done = bench.outcome(bench.order(100))

        # The outcome comes through when the nonsense is over.
        assert done["state"] == "succeeded"
        assert len(bench.runs()) == count
    bench.proxy.forget_faults()
    # After so many refusals it waits for a minute at most.
    eventually(lambda: len(bench.sent()) > 2, within_s=120)
    bench.node.stop()
    # 404 without a code is not the backend's: nothing was dropped. What the backend took is looked at, since its
    # history holds one value for each millisecond.
    values = sorted(bench.sent())
    assert {round((later - earlier) * 100) for earlier, later in pairwise(values)} == {1}


@contextmanager
def a_server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen, and do with each connection as it is told."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=quietly, args=(connection,), daemon=True).start()

    def quietly(connection: socket.socket) -> None:
        try:
            behave(connection)
        except OSError:
            # The node hung up, or the test is over.
            pass
        finally:
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        thread.join()


def _drip(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"H")
        time.sleep(0.05)


def _flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def _say_nothing(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


@pytest.mark.parametrize("behave", [_drip, _flood, _say_nothing])
def test_a_server_that_never_ends_holds_nothing_up(behave: Callable[[socket.socket], None], tmp_path: Path) -> None:
    """The loop goes on meanwhile: it still does what its hands say, and ends at once when it is told to."""
    with a_server(behave) as url:
        node = EsphomeNode(Setup(url, "device", "secret"), tmp_path / "node")
        node.start()
        try:
            eventually(lambda: "the backend does not answer" in node.log())
            node.hand("press")
            eventually(lambda: not list((tmp_path / "node" / "hands").iterdir()), within_s=20)
            node.stop()
        finally:
            node.kill()
    assert node.edges() == ()
    assert "secret" not in node.log()
