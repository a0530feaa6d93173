"""How long it takes from a reading to a state, and from a switch to a command, in a real Home Assistant."""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from tests import live_backend
from tests.e2e.home_assistant.house import REPOSITORY, House
from tests.e2e.home_assistant.nodes import SimulatedNode
from tests.home_assistant.field_data import MANIFEST, READINGS
from tests.live_backend import PASSWORD, Backend

DOMAIN = "plant_automation"


def percentile(values: list[float], percent: float) -> float:
    """Give a percentile in milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000, 2)


async def add_integration(house: House, url: str, password: str = PASSWORD) -> str:
    """Go through the config flow as the frontend does; gives the entry's id."""
    flow = await house.post("/api/config/config_entries/flow", handler=DOMAIN)
    path = f"/api/config/config_entries/flow/{flow['flow_id']}"
    await house.post(path, url=url)
    await house.post(path, next_step_id="password")
    made = await house.post(path, username="ada", password=password)
    assert made["type"] == "create_entry", made
    return str(made["result"]["entry_id"])


async def measure(house: House, node: SimulatedNode, count: int) -> dict[str, float]:
    """Measure the two ways, and Home Assistant's own loop beside them."""
    reading, switch, native = [], [], []
    # Before what is measured: whatever is done for the first time.
    warm_up = 10
    async with house.talk() as talk, house.talk() as caller:
        await talk.ask(type="subscribe_events", event_type="state_changed")
        for number in range(count + warm_up):
            value = 20 + number % 2 * 30 + number / 1000
            heard = asyncio.create_task(talk.changed("sensor.basil_soil_moisture", str(round(value, 3))))
            accepted = await node.send(soil=round(value, 3))
            reading.append(max(0.0, await heard - accepted))
            await asyncio.sleep(random.uniform(0, 0.02))
        while not node.arrived.empty():
            node.arrived.get_nowait()
        for number in range(count + warm_up):
            action = "turn_on" if number % 2 == 0 else "turn_off"
            began = time.perf_counter()
            await caller.send(
                type="call_service", domain="switch", service=action, target={"entity_id": "switch.basil_lamp"}
            )
            async with asyncio.timeout(60):
                at, command = await node.arrived.get()
            assert (command["actuator"], command["action"]) == ("lamp", action.removeprefix("turn_"))
            switch.append(at - began)
            await talk.changed("switch.basil_lamp", "on" if action == "turn_on" else "off")
        for _ in range(count + warm_up):
            began = time.perf_counter()
            await caller.send(
                type="call_service",
                domain="input_boolean",
                service="toggle",
                target={"entity_id": "input_boolean.asked"},
            )
            native.append(await talk.changed("input_boolean.answered") - began)
            await asyncio.sleep(random.uniform(0, 0.005))
    result: dict[str, float] = {"count": count}
    for name, values in (("reading_to_state", reading), ("switch_to_command", switch), ("native_loop", native)):
        kept = values[warm_up:]
        result[f"{name}_p50_ms"] = round(statistics.median(kept) * 1000, 2)
        result[f"{name}_p99_ms"] = percentile(kept, 99)
    return result


async def run(count: int) -> dict[str, float]:
    """Build a house with one plant and measure."""
    live_backend.PYTHON = str(REPOSITORY / ".venv" / "bin" / "python")
    with tempfile.TemporaryDirectory() as name, Backend(Path(name) / "backend") as backend:
        person = await asyncio.to_thread(backend.add_person)
        made = await asyncio.to_thread(person.add_device, "Basil", MANIFEST)
        async with House(Path(name) / "house") as house, aiohttp.ClientSession() as session:
            node = SimulatedNode(made, session)
            await node.send(**READINGS)
            polling = asyncio.create_task(node.poll_for_ever())
            await add_integration(house, backend.url)
            await house.becomes("sensor.basil_soil_moisture", "41.5")
            await asyncio.sleep(2)
            result = await measure(house, node, count)
            polling.cancel()
            return result


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer measurements")
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(run(50 if arguments.short else 500))))


if __name__ == "__main__":
    main()
