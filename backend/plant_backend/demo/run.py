"""Runs the demonstration from start to end."""

import asyncio
import secrets
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plant_backend import logs
from plant_backend.app import running
from plant_backend.demo.check import expected_readings, look, table
from plant_backend.demo.client import Client, RequestFailed
from plant_backend.demo.plants import PLANTS, backend_environment, node_environment
from plant_backend.demo.processes import Processes, StartFailed, has_agent, start_backend, start_node
from plant_backend.demo.story import Story
from plant_backend.server import PortInUse, listen
from plant_backend.settings import Settings

_CHECK_SPEED = 1440.0
_DAY_H = 24.0
_USERNAME = "demo"


def run_demo(*, speed: float | None, check: bool, host: str, port: int) -> int:
    """Show the demonstration, or watch one day of it. Gives the exit code."""
    if not has_agent():
        hint = "Install it from this repository with: pip install ./firmware/raspberry_pi"
        print(f"plant-backend: the demo needs the node's agent. {hint}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="plant-demo-") as folder:
        processes = Processes(Path(folder))
        try:
            return _run(
                processes, Path(folder), speed or (_CHECK_SPEED if check else 360.0), check, host, _free(host, port)
            )
        except KeyboardInterrupt:
            _say("")
            return 130 if check else 0
        except (StartFailed, RequestFailed, PortInUse) as error:
            print(f"plant-backend: {error}", file=sys.stderr)
            return 1
        finally:
            killed = processes.stop()
            _say("Stopped: nodes first, then the backend." + (f" Had to kill {', '.join(killed)}." if killed else ""))


def _run(processes: Processes, folder: Path, speed: float, check: bool, host: str, port: int) -> int:
    origin_ms = time.time_ns() // 1_000_000
    data_dir = folder / "backend"
    password = f"demo-{secrets.token_hex(4)}"
    asyncio.run(_make_user(data_dir, password))
    url = start_backend(processes, host, port, backend_environment(str(data_dir), speed, origin_ms))
    token = Client(url).post("/auth/token", {"username": _USERNAME, "password": password, "name": "demo"})["token"]
    client = Client(url, token)
    names: dict[str, str] = {}
    for plant in PLANTS:
        device = client.post("/devices", {"name": plant.name})
        client.put(f"/devices/{device['id']}/automation", plant.profile)
        names[device["id"]] = plant.name
        state_dir = folder / plant.key
        start_node(
            processes,
            plant.key,
            node_environment(plant, url, device["id"], device["secret"], str(state_dir), speed, origin_ms),
        )
    _introduce(url, password, token, speed, folder)
    story = Story(client, names, _say)
    story.start()
    started = datetime.fromtimestamp(origin_ms / 1000, UTC)
    ends_at = time.monotonic() + _DAY_H * 3600 / speed
    try:
        while not check or time.monotonic() < ends_at:
            processes.check()
            time.sleep(0.2)
    finally:
        story.end()
    since = (started - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    return _report(client, list(names), since)


def _report(client: Client, device_ids: list[str], since: str) -> int:
    days = [look(client, plant, device_id, since) for plant, device_id in zip(PLANTS, device_ids, strict=True)]
    least = expected_readings(_DAY_H)
    for day in days:
        if len(day.soil) < least:
            day.failures.append(f"only {len(day.soil)} readings came, at least {least} were due")
    _say("\n" + table(days) + "\n")
    failed = any(day.failures for day in days)
    _say("The day did not go as it should." if failed else "The day went as it should.")
    return 1 if failed else 0


def _introduce(url: str, password: str, token: str, speed: float, folder: Path) -> None:
    _say(
        f"""
Plant Automation is running, with two simulated plants whose time passes {speed:g} times faster.

  dashboard  {url}/web   (the API: {url}/docs)
  user       {_USERNAME}
  password   {password}
  API token  {token}
  logs       {folder}

Ctrl-C ends it. What happens, by the plants' clock (UTC):
"""
    )


async def _make_user(data_dir: Path, password: str) -> None:
    logs.configure("warning", "console")
    async with running(Settings(data_dir=data_dir, _env_file=None), with_worker=False, is_guest=True) as services:
        await services.accounts.add(_USERNAME, password)


def _free(host: str, port: int) -> int:
    """Give the port if it is free; without a wish 8000, or any."""
    wished = port or 8000
    try:
        listen(host, wished).close()
    except PortInUse:
        if port:
            raise
        return 0
    return wished


def _say(text: str) -> None:
    print(text, flush=True)
