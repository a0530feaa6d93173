"""Two plants on a clock that moves only when it is told: each run lives through the very same day, and stops there."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from plant_backend.app import Application, running
from plant_backend.clock import SystemClock
from plant_backend.demo.plants import FLOW_ML_PER_MIN
from plant_backend.server import listen
from plant_backend.services.registry import Services
from plant_backend.settings import Settings
from plant_node.drivers.world import World, WorldParameters

from tests.live_backend import PASSWORD, Backend, Node, expect

USERNAME = "ada"
BEGIN = datetime(2026, 6, 16, 17, 25, tzinfo=UTC)
END = datetime(2026, 6, 17, 18, 25, tzinfo=UTC)
SAMPLE_MS = 5 * 60_000
STEP_MS = 3 * SAMPLE_MS

MANIFEST: dict[str, Any] = {
    "firmware": "plant-node",
    "version": "1.0.0",
    "sensors": [
        {"key": "soil", "kind": "soil_moisture", "unit": "%"},
        {"key": "reservoir", "kind": "reservoir_level", "unit": "%"},
        {"key": "air", "kind": "air_temperature", "unit": "°C"},
        {"key": "humidity", "kind": "air_humidity", "unit": "%"},
        {"key": "light", "kind": "illuminance", "unit": "lx"},
    ],
    "actuators": [
        {"key": "pump", "kind": "pump", "limits": {"max_run_ms": 30_000, "flow_ml_per_min": FLOW_ML_PER_MIN}}
    ],
}
PROFILE: dict[str, Any] = {
    "mode": "on",
    "soil_moisture_min_percent": 30,
    "soil_moisture_hysteresis_percent": 6,
    "dose_ms": 20_000,
    "cooldown_s": 5_400,
    "soak_s": 1_800,
    "daily_cap_ms": 240_000,
    "reservoir_min_percent": 15,
    "stale_after_s": 1_800,
}
WORLDS = {
    "Balcony tomatoes": WorldParameters(
        seed=1, soil_percent=36, drying_hours=34, reservoir_ml=5_000, reservoir_percent=24
    ),
    "Kitchen basil": WorldParameters(seed=2, soil_percent=34, drying_hours=20, reservoir_ml=600, reservoir_percent=40),
    "Bedroom monstera": WorldParameters(
        seed=3, soil_percent=52, drying_hours=160, reservoir_ml=2_000, reservoir_percent=70, daylight_lux=3_500
    ),
    "Hallway ivy": WorldParameters(
        seed=4, soil_percent=47, drying_hours=120, reservoir_ml=2_000, reservoir_percent=85, daylight_lux=1_500
    ),
}
MORE: dict[str, dict[str, Any]] = {"Hallway ivy": {"air_humidity_min_percent": 52}}
"""Something to see to that is no emergency."""


FILLED = "Balcony tomatoes"
FILLED_AT = BEGIN + timedelta(hours=15, minutes=15)
"""In the morning somebody sees to one reservoir."""


class StillClock(SystemClock):
    """Says what it was told last."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at_ms = round(at.timestamp() * 1000)

    def now_ms(self) -> int:
        """Give the time that was told."""
        return self.at_ms

    def steady_ms(self) -> int:
        """Give the same: a story has no clock that is set."""
        return self.at_ms


@dataclass
class Pot:
    """A plant with its node and its little world."""

    node: Node
    number: int
    world: World
    after: int = 0


class StillDay:
    """The plants, and the backend that they live with."""

    def __init__(self, backend: Backend, clock: StillClock, services: Services) -> None:
        self.url = backend.url
        self.nodes: dict[str, Node] = {}
        self._backend, self._clock, self._services = backend, clock, services
        self._loop = asyncio.get_running_loop()

    def live(self) -> None:
        """Let the day pass."""
        self._do(self._services.accounts.add(USERNAME, PASSWORD))
        ada = self._backend.sign_in(USERNAME)
        pots = []
        for number, (name, parameters) in enumerate(WORLDS.items(), 1):
            node = ada.add_device(name, MANIFEST)
            expect(200, ada.request("PUT", f"{node.path}/automation", json=PROFILE | MORE.get(name, {})))
            self.nodes[name] = node
            pots.append(Pot(node, number, World.begin(parameters, self._clock.at_ms)))
        until_ms = round(END.timestamp() * 1000)
        while self._clock.at_ms < until_ms:
            self._clock.at_ms = min(self._clock.at_ms + STEP_MS, until_ms)
            for pot in pots:
                if pot.node is self.nodes[FILLED] and self._clock.now() == FILLED_AT:
                    pot.world.state.reservoir_ml = pot.world.parameters.reservoir_ml
                self._report(pot)
                self._do(self._services.automation.evaluate(pot.number))
                self._obey(pot)

    def _report(self, pot: Pot) -> None:
        """Send what was measured."""
        now_ms = self._clock.at_ms
        pot.node.sign_in(MANIFEST)
        readings = [
            {"sensor": one["key"], "value": pot.world.measure(one["kind"], now_ms - age_ms), "age_ms": age_ms}
            for age_ms in range(STEP_MS - SAMPLE_MS, -1, -SAMPLE_MS)
            for one in MANIFEST["sensors"]
        ]
        expect(202, pot.node.try_send(readings))

    def _obey(self, pot: Pot) -> None:
        """Run the pump where the rules say so."""
        for command in pot.node.poll(pot.after):
            pot.after = command["seq"]
            pot.node.ack(command, "accepted")
            pot.world.pour(command["duration_ms"] / 60_000 * FLOW_ML_PER_MIN)
            pot.node.ack(command, "succeeded", command["duration_ms"])

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(300)


@contextmanager
def still_day(folder: Path, begin: datetime = BEGIN) -> Iterator[StillDay]:
    """Run a backend in a thread, let the time from `begin` to END pass, and hold the clock there."""
    ready: Future[StillDay] = Future()
    is_over = asyncio.Event()

    async def run() -> None:
        clock, backend = StillClock(begin), Backend(folder)
        settings = Settings(data_dir=folder / "data", zeroconf=False, _env_file=None)
        async with running(settings, with_worker=False, clock=clock) as services:
            config = uvicorn.Config(Application(services, settings), lifespan="off", access_log=False, log_config=None)
            server = uvicorn.Server(config)
            listener = listen("127.0.0.1", 0)
            serving = asyncio.create_task(server.serve([listener]))
            backend.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            ready.set_result(StillDay(backend, clock, services))
            await is_over.wait()
            server.should_exit = True
            services.events.close()
            services.commands.end_all_polls()
            await serving
        backend.close()

    def run_in_thread() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=run_in_thread)
    thread.start()
    try:
        day = ready.result(300)
        day.live()
        yield day
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()
