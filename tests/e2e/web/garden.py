"""Plants with a past for browsers to look at, and a pump whose node does as it is told."""

import math
import random
import threading
import time
from typing import Any, Self

from tests.live_backend import PASSWORD, Backend, Node, Person, an_ack, expect

MANIFEST: dict[str, Any] = {
    "firmware": "plant-node",
    "version": "0.1.0",
    "sensors": [
        {"key": "soil", "kind": "soil_moisture", "unit": "%"},
        {"key": "tank", "kind": "reservoir_level", "unit": "%"},
        {"key": "air", "kind": "air_temperature", "unit": "°C"},
        {"key": "humidity", "kind": "air_humidity", "unit": "%"},
        {"key": "light", "kind": "illuminance", "unit": "lx"},
    ],
    "actuators": [
        {"key": "pump", "kind": "pump", "limits": {"max_run_ms": 30_000, "flow_ml_per_min": 100}},
        {"key": "lamp", "kind": "lamp"},
    ],
}
PROFILE = {"soil_moisture_min_percent": 30, "soil_moisture_hysteresis_percent": 6, "dose_ms": 8_000, "cooldown_s": 60}
DAY_MIN = 24 * 60
SPEAKS_EVERY_S = 240


class Garden:
    """Ada's plants: tomatoes that are fine, basil whose reservoir is low, a fern, and a device that never spoke."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.ada: Person = backend.add_person("ada")
        expect(201, self.ada.request("POST", "/viewers", json={"username": "vic", "password": PASSWORD}))
        rng = random.Random(7)
        self.tomatoes = self._plant("Balcony tomatoes", rng, soil=(47, 0.4), tank=72)
        self.basil = self._plant("Kitchen basil", rng, soil=(39, 0.9), tank=8, period_h=10.5, now=29.2)
        self.fern = self._plant("Fern by the stairs", rng, soil=(62, 0.35), tank=88)
        unused = {"name": "Old phone", "url": "ntfys://ntfy.sh/a-topic-that-nobody-guesses", "is_enabled": False}
        self.target_id = expect(201, self.ada.request("POST", "/notifications/targets", json=unused))["id"]
        self.silent = self.ada.add_device("Window ledge", manifest=None)
        self._spoke_at = time.monotonic()

    def speak_up(self) -> None:
        """Have each plant repeat what it said last, where that is long ago: after a quarter of an hour it is silent."""
        if time.monotonic() - self._spoke_at < SPEAKS_EVERY_S:
            return
        self._spoke_at = time.monotonic()
        for node in (self.tomatoes, self.basil, self.fern):
            sensors = self.ada.get(node.path)["sensors"]
            node.sign_in()
            node.send(**{sensor["key"]: sensor["latest"]["value"] for sensor in sensors})

    def new_plant(self, name: str) -> Node:
        """Grow another plant that has a reading and nothing else."""
        node = self.ada.add_device(name, MANIFEST)
        expect(200, self.ada.request("PUT", f"{node.path}/automation", json=PROFILE))
        node.send(soil=41, tank=60, air=21, humidity=50, light=800)
        return node

    def _plant(
        self,
        name: str,
        rng: random.Random,
        soil: tuple[float, float],
        tank: float,
        period_h: float = 24.0,
        now: float | None = None,
    ) -> Node:
        node = self.ada.add_device(name, MANIFEST)
        expect(200, self.ada.request("PUT", f"{node.path}/automation", json={**PROFILE, "mode": "on"}))
        readings = []
        for minute in range(0, DAY_MIN, 5):
            age_ms, hours = (DAY_MIN - minute) * 60_000, minute / 60
            sun = max(0.0, math.sin((hours - 6) / 14 * math.pi))
            values = {
                "soil": soil[0] - soil[1] * (hours % period_h) + rng.uniform(-0.2, 0.2),
                "tank": tank + (24 - hours) * 0.4,
                "air": 18 + 6 * sun + rng.uniform(-0.2, 0.2),
                "humidity": 62 - 14 * sun + rng.uniform(-0.5, 0.5),
                "light": 14_000 * sun + 20,
            }
            readings += [{"sensor": key, "value": round(value, 1), "age_ms": age_ms} for key, value in values.items()]
        for start in range(0, len(readings), 500):
            expect(202, node.try_send(readings[start : start + 500]))
        last = soil[0] - soil[1] * ((24 - 1e-6) % period_h) if now is None else now
        node.send(soil=round(last, 1), tank=tank, air=21.4, humidity=52, light=830)
        return node


class Obedience:
    """A node that polls and runs its pump for as long as it is told, in the background."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.heard: list[Any] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def starts(self) -> int:
        """Count the commands that started the pump."""
        return sum(command["action"] == "on" for command in self.heard)

    def _run(self) -> None:
        running: tuple[Any, float] | None = None
        after = 0
        while not self._is_over.is_set():
            for command in self._node.poll(after, wait=0.2):
                self.heard.append(command)
                after = max(after, command["seq"])
                if command["action"] == "on":
                    self._node.ack(command, "accepted")
                    running = (command, time.monotonic())
                else:
                    if running is not None:
                        ran_ms = round((time.monotonic() - running[1]) * 1000)
                        self._say(running[0], "interrupted", ran_ms)
                        running = None
                    self._node.ack(command, "succeeded", 0)
            if running is not None and time.monotonic() - running[1] >= running[0]["duration_ms"] / 1000:
                self._say(running[0], "succeeded", running[0]["duration_ms"])
                running = None

    def _say(self, command: Any, status: str, ran_ms: int) -> None:
        self._node.try_ack(an_ack(command, status, ran_ms))
