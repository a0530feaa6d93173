"""A garden in a storm: a real backend and a real node that die at any moment, under load, and what must hold then."""

import contextlib
import itertools
import os
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import httpx
from plant_backend.storage.postgres import connect

from tests.backend.crash.senders import MANIFEST, SENSORS, Sender
from tests.firmware.contract.bench import OVER, Bench
from tests.firmware.contract.node_under_test import Limits, Run
from tests.firmware.contract.proxy import Exchange
from tests.firmware.contract.raspberry_pi import RaspberryPiNode
from tests.live_backend import JSON, Backend, eventually, expect

SPEED = 60
"""Plants live a minute a second: a cooldown of a minute is over before the next crash."""

DOSE_MS = 20_000
COOLDOWN_S = 60
CAP_MS = 260_000
RIGHT_WITHIN_S = 5.0
LATE_S = 10.0
"""Real seconds that a busy machine may take to wake a thread whose time has come: 60 times as many for plants."""

_SENDERS = 3
_FINAL = OVER - {"cancelled", "timed_out"}


class Storm:
    """Reads like what happens: `begin`, then crashes, then `calm`, then what has to be true."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        """Without an address the database is a file."""
        self.seed = int(os.environ.get("PLANT_TEST_SEED") or random.randrange(1_000_000))
        print(f"PLANT_TEST_SEED={self.seed}")  # noqa: T201
        self.chance = random.Random(self.seed)
        self.origin_ms = time.time_ns() // 1_000_000
        self._folder = folder
        self._database_url = database_url
        self.backend = Backend(
            folder / "backend",
            clock_speed=SPEED,
            clock_origin_ms=self.origin_ms,
            command_ttl_s=600,
            sweep_interval_s=0.3,
            compact_every_s=0.4,
            database_url=database_url,
        )
        self.backend.start()
        self.owner = self.backend.add_person()
        self.bench = Bench(
            self.backend,
            self.owner,
            RaspberryPiNode,
            folder / "node",
            limits=Limits(max_day_ms=300_000),
            sample_every_s=20,
            send_every_s=20,
            link_timeout_s=20,
            speed=SPEED,
            origin_ms=self.origin_ms,
        )
        # A person and the rules want to water, both whenever they may.
        self.bench.profile(
            mode="on",
            soil_moisture_min_percent=90,
            dose_ms=DOSE_MS,
            cooldown_s=COOLDOWN_S,
            soak_s=0,
            daily_cap_ms=CAP_MS,
            reservoir_min_percent=0,
        )
        self.senders = [
            Sender(self.owner.add_device(f"Sender {number}", MANIFEST), f"s{number}", SPEED)
            for number in range(_SENDERS)
        ]
        self.ordered: list[JSON] = []
        self._is_over = threading.Event()
        self._person = threading.Thread(target=self._order_for_ever, name="person")

    def close(self) -> None:
        """End whatever runs."""
        self._is_over.set()
        if not self.backend.is_running and any(sender.is_at_work for sender in self.senders):
            # A sender gives no batch up.
            self.backend.start()
        for sender in self.senders:
            sender.stop()
        if self._person.ident is not None:
            self._person.join()
        self.bench.close()
        self.backend.close()
        print(self.backend.log()[-5000:])  # noqa: T201

    def begin(self) -> None:
        """Let everybody work."""
        self.bench.start()
        for sender in self.senders:
            sender.start()
        self._person.start()

    def blow(self, *, at_a_run: bool = False) -> None:
        """Wait for a moment that nobody chose, or one while the pump runs (if it may run again so soon)."""
        if at_a_run:
            # A new one: that of a life before looks as if it went on until the node is up and takes it down.
            runs = len(self.bench.runs())
            with contextlib.suppress(AssertionError):
                eventually(lambda: len(self.bench.runs()) > runs, within_s=10)
        time.sleep(self.chance.uniform(0, DOSE_MS / 1000 / SPEED) if at_a_run else self.chance.uniform(0.05, 1))

    def crash_backend(self) -> None:
        """Kill the backend, look at what it left, and start it on that. Then everybody is served again."""
        self.backend.kill()
        self._check_database(self._folder / "crashed")
        self.backend.start()
        self._everybody_is_served()

    def crash_node(self) -> None:
        """Kill the node and start it again on what it left."""
        self.bench.node.kill()
        assert not self.bench.is_on()
        time.sleep(self.chance.uniform(0, 0.3))
        self.bench.node.start()

    def calm(self) -> None:
        """Let everybody finish, and end the node in good order.

        On a slow machine every crash may have come before a run: then there are some now.
        """
        eventually(lambda: len(self.bench.runs()) >= 2, within_s=180)
        self._is_over.set()
        self._person.join()
        for sender in self.senders:
            sender.stop()
        polls = len(self.bench.proxy.said("GET /commands", delivered=True))
        eventually(lambda: len(self.bench.proxy.said("GET /commands", delivered=True)) > polls)
        eventually(lambda: not self._open_commands())
        self.bench.node.stop()

    # What must hold

    def check_nothing_acknowledged_is_lost(self) -> None:
        """Each batch that was answered 202 is in the history exactly once, at its time, and nothing else is."""
        for sender in self.senders:
            assert sender.surprises == []
            assert len(sender.taken) > 10
            for sensor in SENSORS:
                history = self._history(sender.node.path, sensor)
                assert [value for _, value in history] == [sent.value for sent in sender.taken]
                for (ts, _), sent in zip(history, sender.taken, strict=True):
                    # Ages are told in the plants' time, and real milliseconds are few of those.
                    late_s = (ts - self._plant_time(sent.measured_at)) / SPEED
                    assert -RIGHT_WITHIN_S <= late_s <= RIGHT_WITHIN_S + sent.longest_try_s

    def check_repeats_change_nothing(self) -> None:
        """A batch that comes once more is a duplicate; with other content it is a conflict."""
        for sender in self.senders:
            before = [self._history(sender.node.path, sensor) for sensor in SENSORS]
            for sent in self.chance.sample(sender.taken, 10):
                again = expect(202, sender.node.request("POST", "/telemetry", json=sender.body(sent)))
                assert again == {"accepted": len(SENSORS), "duplicate": True}
                other = sender.node.request("POST", "/telemetry", json=sender.body(sent, value=0.5))
                assert other.status_code == 409
            assert [self._history(sender.node.path, sensor) for sensor in SENSORS] == before

    def check_the_nodes_readings(self) -> None:
        """The same for what the real node sent: no reading missing, none doubled, each at its time.

        A batch that the backend took, while its node died before the answer, may be there as well.
        """
        proxy, taken = self.bench.proxy, dict[str, Exchange]()
        for each in proxy.said("POST /telemetry", status=202):
            taken.setdefault(each.request.json["batch_id"], each)
        unheard = {each.request.json["batch_id"]: each for each in reversed(proxy.unanswered("POST /telemetry"))}
        for sensor in ("soil", "tank"):
            history = self._history(self.bench.device.path, sensor)
            for told in self._measured(taken.values(), sensor):
                history.remove(_nearest(history, *told))
            maybe = self._measured((each for name, each in unheard.items() if name not in taken), sensor)
            for ts, value in history:
                maybe.remove(_nearest(maybe, ts, value))

    def _measured(self, exchanges: Iterable[Exchange], sensor: str) -> list[tuple[float, float]]:
        """Give (time, value) of what a sensor told in these requests."""
        return [
            (self._plant_time(each.began_at) - reading["age_ms"] / 1000, reading["value"])
            for each in exchanges
            for reading in each.request.json["readings"]
            if reading["sensor"] == sensor
        ]

    def check_commands(self) -> None:
        """What a person was promised is there, and what the node was answered 200 for is what stands there."""
        commands = {each["id"]: each for each in self._commands()}
        assert {each["id"] for each in self.ordered} <= commands.keys()
        for each in self.bench.proxy.answered("POST /commands/ack", 200):
            for ack in each.request.json["acks"]:
                if ack["status"] in _FINAL:
                    known = commands[ack["id"]]
                    assert ack["status"] in (known["state"], known["late_status"])
                    assert known["ran_ms"] == ack.get("ran_ms")

    def check_no_flood(self) -> None:
        """Each command ran at most once, and all runs stay inside the dose, the cooldown and the daily cap."""
        runs = self.bench.runs()
        commands = [each for each in self._commands() if each["action"] == "on"]
        assert len(runs) >= 2, "nothing was watered: this storm proves nothing"
        assert all(run.ended_at and run.ran_ms <= DOSE_MS + LATE_S * 1000 * SPEED for run in runs)
        # What flowed as it was asked for; how late the machine was is no matter of promises.
        flowed_ms = sum(min(run.ran_ms, DOSE_MS) for run in runs)
        assert flowed_ms <= CAP_MS
        for earlier, later in itertools.pairwise(runs):
            assert later.began_at - self._told_at(earlier, commands) >= COOLDOWN_S - 1
        ran = [each for each in commands if each["state"] not in ("rejected", "expired", "cancelled")]
        assert len(runs) <= len(ran)
        # What the backend counts is never less than what flowed.
        assert flowed_ms <= sum(each["counted_ms"] for each in ran) + len(runs)
        for each in ran:
            if each["state"] == "succeeded":
                begun = datetime.fromisoformat(each["created_at"]).timestamp()
                ended = datetime.fromisoformat(each["finished_at"]).timestamp()
                of_command = [run for run in runs if begun - 1 <= run.began_at <= ended]
                assert len(of_command) == 1, f"{each} ran as {of_command}"
        assert "damaged" not in self.bench.node.log()

    def check_the_database(self) -> None:
        """The file is whole after the last stop."""
        self.backend.stop()
        self._check_database(self._folder / "stopped")

    # How it works

    def _told_at(self, run: Run, commands: list[JSON]) -> float:
        """Give when the backend heard that a run begins, if that was before: the pin of a busy machine moves later."""
        begun = [
            each for each in commands if datetime.fromisoformat(each["created_at"]).timestamp() - 1 <= run.began_at
        ]
        told_at = max(begun, key=lambda each: each["seq"])["accepted_at"] if begun else None
        return min(run.began_at, datetime.fromisoformat(told_at).timestamp() if told_at else run.began_at)

    def _check_database(self, folder: Path) -> None:
        """Look at a copy: to open the file itself would mend it before the backend has to."""
        twice = "SELECT device_number, batch_id FROM batches GROUP BY 1, 2 HAVING count(*) > 1"
        if self._database_url:
            with closing(connect(self._database_url)) as server:
                assert server.execute(twice).fetchall() == []
            return
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.backend.data_dir, folder)
        with closing(sqlite3.connect(folder / "plant.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            assert database.execute(twice).fetchall() == []

    def _everybody_is_served(self) -> None:
        counts = [len(sender.taken) for sender in self.senders]
        eventually(lambda: all(len(sender.taken) > count for sender, count in zip(self.senders, counts, strict=True)))

    def _order_for_ever(self) -> None:
        body = {"actuator": "pump", "action": "on", "duration_ms": DOSE_MS}
        while not self._is_over.wait(0.2):
            with contextlib.suppress(httpx.TransportError):
                answer = self.owner.request("POST", f"{self.bench.device.path}/commands", json=body)
                if answer.status_code == 201:
                    self.ordered.append(answer.json())

    def _commands(self) -> list[JSON]:
        found: list[JSON] = self.owner.get(f"{self.bench.device.path}/commands", limit=500)["commands"]
        return found

    def _open_commands(self) -> list[JSON]:
        # The rules go on: when they have watered, they wait.
        self.bench.profile(mode="off", cooldown_s=COOLDOWN_S, daily_cap_ms=CAP_MS, reservoir_min_percent=0)
        time.sleep(0.1)
        return [each for each in self._commands() if each["state"] not in OVER]

    def _history(self, path: str, sensor: str) -> list[tuple[float, float]]:
        found = self.owner.get(f"{path}/readings", sensor=sensor, limit=10_000)["readings"]
        return [(datetime.fromisoformat(each["ts"]).timestamp(), each["value"]) for each in found]

    def _plant_time(self, real_s: float) -> float:
        return self.origin_ms / 1000 + (real_s - self.origin_ms / 1000) * SPEED


def _nearest(found: list[tuple[float, float]], ts: float, value: float) -> tuple[float, float]:
    """Find the same value at the same time."""
    same = [each for each in found if each[1] == value and abs(each[0] - ts) / SPEED <= RIGHT_WITHIN_S]
    assert same, f"there is no {value} at {ts} among {found}"
    return min(same, key=lambda each: abs(each[0] - ts))


@contextlib.contextmanager
def a_storm(folder: Path, database_url: str = "") -> Iterator[Storm]:
    """Give a storm that leaves nothing running behind."""
    storm = Storm(folder, database_url)
    try:
        yield storm
    finally:
        storm.close()
