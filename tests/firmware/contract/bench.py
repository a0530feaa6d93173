"""A workbench: one device of a real backend, a real node, and the proxy between them."""

import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.batch_log import logged_batches
from tests.firmware.contract.node_under_test import NodeFactory, Run, Setup, runs_of
from tests.firmware.contract.proxy import JSON, Proxy
from tests.live_backend import Backend, Person, eventually, expect

OVER = frozenset({"succeeded", "failed", "rejected", "interrupted", "expired", "cancelled", "timed_out"})

# Nothing of the backend's own caution: what these tests are about is the node's.
PROFILE: JSON = {
    "mode": "off",
    "cooldown_s": 60,
    "daily_cap_ms": 3_600_000,
    "reservoir_min_percent": 0,
    "reservoir_hysteresis_percent": 0,
}


class Bench:
    """Everything is called by what a person, or the network, would do."""

    def __init__(self, backend: Backend, owner: Person, kind: NodeFactory, folder: Path, **setup: Any) -> None:
        self.backend = backend
        self.owner = owner
        self.proxy = Proxy(backend.url)
        self.device = owner.add_device("Basil", manifest=None)
        self.node = kind(Setup(self.proxy.url, self.device.device_id, self.device.secret, **setup), folder)
        self.profile(**PROFILE)

    def close(self) -> None:
        """End the node and the proxy, and show what the node said, for whoever looks into a failure."""
        self.node.kill()
        self.proxy.close()
        print(self.node.log())  # noqa: T201

    def profile(self, **fields: object) -> None:
        """Change how careful the backend is."""
        expect(200, self.owner.request("PUT", f"{self.device.path}/automation", json=fields))

    def start(self) -> "Bench":
        """Switch the node on, and wait until the backend knows it and its readings."""
        before = len(self.proxy.answered("POST /auth/device", 200))
        self.node.start()
        (signed_in,) = eventually(lambda: self.proxy.answered("POST /auth/device", 200)[before : before + 1])
        # Not the last batch of a node that was killed, which may be answered only now.
        eventually(
            lambda: [each for each in self.proxy.answered("POST /telemetry", 202) if each.began_at > signed_in.began_at]
        )
        return self

    def hide_limits(self) -> "Bench":
        """Keep the node's limits from the backend, so that it asks for what the node has to refuse by itself."""

        def without(body: JSON) -> JSON:
            actuators = [{**each, "limits": {}} for each in body["manifest"]["actuators"]]
            return {**body, "manifest": {**body["manifest"], "actuators": actuators}}

        self.proxy.edit_requests("POST /auth/device", without, times=float("inf"))
        return self

    def order(self, duration_ms: int | None = None, *, actuator: str = "pump", action: str = "on") -> JSON:
        """Ask the backend for a run, as a person would."""
        body = {"actuator": actuator, "action": action, "duration_ms": duration_ms, "force": action == "on"}
        if duration_ms is None:
            del body["duration_ms"]
        made: JSON = expect(201, self.owner.request("POST", f"{self.device.path}/commands", json=body))
        return made

    def command(self, command: JSON) -> JSON:
        """Give what the backend knows of a command now."""
        commands = self.owner.get(f"{self.device.path}/commands")["commands"]
        return next(each for each in commands if each["id"] == command["id"])

    def outcome(self, command: JSON, *, within_s: float = 60) -> JSON:
        """Wait until a command is over, and give it."""

        def look() -> JSON | None:
            known = self.command(command)
            if known["state"] in OVER:
                return known
            # A look costs the backend a request, and its time is the node's too.
            time.sleep(0.05)
            return None

        found: JSON = eventually(look, within_s=within_s)
        return found

    def statuses(self, command: JSON) -> list[str]:
        """Give what the node said of a command, in order."""
        return [ack["status"] for ack in self.proxy.acks(command["id"])]

    def runs(self, actuator: str = "pump") -> list[Run]:
        """Give what the pin did."""
        return runs_of(self.node.edges(), actuator)

    def is_on(self, actuator: str = "pump") -> bool:
        """Tell whether water flows (or light shines): a node without power drives no pin."""
        runs = self.runs(actuator)
        return self.node.is_running and bool(runs) and runs[-1].ended_at is None

    def running(self, command: JSON) -> JSON:
        """Wait until a command's run has begun and the backend knows."""
        eventually(lambda: self.is_on(command["actuator"]))
        eventually(lambda: self.command(command)["state"] == "accepted")
        return command

    def polls_again(self, *, times: int = 1, within_s: float = 60) -> None:
        """Wait until the node has asked for commands anew, and was answered: by then it has dealt with the last."""
        asked = len(self.proxy.said("GET /commands", delivered=True))
        eventually(lambda: len(self.proxy.said("GET /commands", delivered=True)) >= asked + times, within_s=within_s)

    def history(self, sensor: str = "soil") -> list[tuple[float, float]]:
        """Give all readings of a sensor: (Unix seconds, value)."""
        found = self.owner.get(f"{self.device.path}/readings", sensor=sensor, limit=10_000)["readings"]
        return [(datetime.fromisoformat(each["ts"]).timestamp(), each["value"]) for each in found]

    def sent(self, sensor: str = "soil", *, with_unanswered: bool = False) -> list[float]:
        """Give the values of all batches that the backend has taken, each batch once, in the order of sending.

        Only the backend knows of those that were not answered, since their node went away meanwhile.
        """
        taken = [each for each in self.proxy.said("POST /telemetry", status=202) if each.reached_backend]
        if with_unanswered:
            taken += self.proxy.unanswered("POST /telemetry")
        batches = {each.request.json["batch_id"]: each.request.json["readings"] for each in taken}
        return [
            reading["value"] for readings in batches.values() for reading in readings if reading["sensor"] == sensor
        ]

    def has_taken_each_once(self) -> bool:
        """Tell whether the backend's log holds just what a node that is off sent, with its last words or without.

        Its history holds nothing else, and one value for each millisecond, where two of a busy machine's may meet.
        """
        taken, shown = Counter(self._logged()), Counter(value for _, value in self.history())
        is_whole = not Counter(self.sent()) - taken and not taken - Counter(self.sent(with_unanswered=True))
        return is_whole and bool(shown) and not shown - taken

    def _logged(self, sensor: str = "soil") -> list[float]:
        """Give the values of a sensor in all batches that the backend has stored."""
        sensor_id = next(each["id"] for each in self.owner.get(self.device.path)["sensors"] if each["key"] == sensor)
        return [
            value
            for batch in logged_batches(self.backend, self.device)
            for id_, value in zip(batch.sensor_ids, batch.values, strict=True)
            if id_ == sensor_id
        ]
