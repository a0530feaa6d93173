"""A real Home Assistant on loopback, onboarded, with this repository's integration, and a browser to look at it."""

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.ports import reserve_a_port

REPOSITORY = Path(__file__).resolve().parents[3]
PERSON = {"name": "Ada", "username": "ada", "password": "correct horse battery", "language": "en"}

CONFIGURATION = """\
homeassistant:
  name: Greenhouse
  latitude: 52.5
  longitude: 13.4
  elevation: 34
  unit_system: metric
  currency: EUR
  country: DE
  language: en
  time_zone: Europe/Berlin
api:
config:
frontend:
history:
logbook:
system_health:
websocket_api:
recorder:
  commit_interval: 1
input_boolean:
  asked:
  answered:
automation: !include automations.yaml
logger:
  default: warning
  logs:
    custom_components: info
"""

# Home Assistant's own answer to a change of state, to compare with.
AUTOMATIONS = """\
- id: native
  alias: Native
  mode: queued
  triggers:
    - trigger: state
      entity_id: input_boolean.asked
  actions:
    - action: input_boolean.toggle
      target:
        entity_id: input_boolean.answered
"""

# Voice is not used here, and its two libraries come without wheels for every system.
STUBS = {"pymicro_vad": "class MicroVad:\n    pass\n", "pyspeex_noise": "class AudioProcessor:\n    pass\n"}


type Shot = tuple[str, tuple[int, int], Path]
"""A page, the size of the window, and where the picture goes."""


def browser_path() -> str:
    """Find a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    raise FileNotFoundError("There is no Chromium on the PATH; on Debian: sudo apt-get install chromium")


def _store(key: str, version: tuple[int, int], data: Any) -> str:
    return json.dumps({"version": version[0], "minor_version": version[1], "key": key, "data": data})


class House:
    """One Home Assistant."""

    def __init__(self, folder: Path) -> None:
        """Live in a folder."""
        self.folder = folder
        self._port = reserve_a_port(self)
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.session: aiohttp.ClientSession
        self._tokens: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession()
        self._furnish()
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self.session.close()

    def _furnish(self) -> None:
        storage = self.folder / ".storage"
        storage.mkdir(parents=True)
        (self.folder / "configuration.yaml").write_text(CONFIGURATION)
        (self.folder / "automations.yaml").write_text(AUTOMATIONS)
        # The other steps of onboarding would look for a place and a radio on the internet.
        done = {"done": ["core_config", "analytics", "integration"]}
        (storage / "onboarding").write_text(_store("onboarding", (4, 1), done))
        stable = {
            "server_port": self._port,
            "server_host": ["127.0.0.1"],
            "cors_allowed_origins": [],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": False,
            "ssl_profile": "modern",
            "use_x_frame_options": True,
            "created_at": "2026-01-01T00:00:00+00:00",
            "error": None,
            "error_message": None,
        }
        http = {"stable": stable, "pending": None, "yaml_migration_done": True}
        (storage / "http").write_text(_store("http", (2, 2), http))
        (self.folder / "custom_components").symlink_to(REPOSITORY / "custom_components")
        stubs = self.folder / "stubs"
        stubs.mkdir()
        for name, source in STUBS.items():
            (stubs / f"{name}.py").write_text(source)

    @property
    def log(self) -> str:
        """All that it has written."""
        return (self.folder / "said").read_text(errors="replace")

    async def start(self) -> None:
        """Start it and wait until it runs."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "stubs")}
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it only starts here
                [sys.executable, "-m", "homeassistant", "-c", str(self.folder), "--skip-pip", "--log-no-color"],
                stdout=said,
                stderr=said,
                env=environment,
            )
        await self._until_it_answers()
        if not self._tokens:
            await self._move_in()
        async with asyncio.timeout(300):
            while (await self.get("/api/core/state"))["state"] != "RUNNING":
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop it as a system does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self._process.wait, 180)

    async def _until_it_answers(self) -> None:
        async with asyncio.timeout(300):
            while True:
                assert self._process is not None
                assert self._process.poll() is None, self.log[-3000:]
                with suppress(aiohttp.ClientError):
                    async with self.session.get(f"{self.url}/manifest.json") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)

    async def _move_in(self) -> None:
        client = f"{self.url}/"
        made = await self._json("POST", "/api/onboarding/users", json={**PERSON, "client_id": client})
        form = {"grant_type": "authorization_code", "code": made["auth_code"], "client_id": client}
        tokens = await self._json("POST", "/auth/token", data=form)
        expires = int(time.time() * 1000) + tokens["expires_in"] * 1000
        self._tokens = {**tokens, "hassUrl": self.url, "clientId": client, "expires": expires}

    async def _json(self, method: str, path: str, **more: Any) -> Any:
        if self._tokens:
            more["headers"] = {"Authorization": f"Bearer {self._tokens['access_token']}"}
        async with self.session.request(method, self.url + path, **more) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def get(self, path: str) -> Any:
        """Fetch something."""
        return await self._json("GET", path)

    async def post(self, path: str, **body: Any) -> Any:
        """Send something."""
        return await self._json("POST", path, json=body)

    async def state(self, entity_id: str) -> str:
        """Give the state of an entity."""
        return str((await self.get(f"/api/states/{entity_id}"))["state"])

    async def becomes(self, entity_id: str, *values: str, within_s: float = 90) -> None:
        """Wait until an entity has one of these states."""
        seen = ""
        try:
            async with asyncio.timeout(within_s):
                while (seen := await self.state(entity_id)) not in values:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{entity_id} is {seen}, not {values}") from None

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[Talk]:
        """Open a websocket."""
        async with self.session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0) as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._tokens["access_token"]})
            assert (await socket.receive_json())["type"] == "auth_ok"
            yield Talk(socket)

    async def photograph(self, *shots: Shot) -> list[str]:
        """Take pictures of pages. Gives what the browser complained about."""
        profile = await asyncio.to_thread(tempfile.mkdtemp, prefix="chromium-", dir=self.folder)
        browser = subprocess.Popen(  # noqa: ASYNC220 - it only starts here
            [
                browser_path(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
                "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
                "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                "--window-size=1280,1100", f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return await self._photograph(Path(profile), shots)
        finally:
            browser.terminate()
            await asyncio.to_thread(browser.wait, 60)
            await asyncio.to_thread(shutil.rmtree, profile, ignore_errors=True)

    async def _photograph(self, profile: Path, shots: tuple[Shot, ...]) -> list[str]:
        said = profile / "DevToolsActivePort"
        async with asyncio.timeout(90):
            while not said.exists() or said.read_text().count("\n") < 1:
                await asyncio.sleep(0.05)
        port = said.read_text().splitlines()[0]
        async with self.session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            page = next(item for item in await answer.json() if item["type"] == "page")
        async with self.session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            view = View(socket)
            await view.ask("Page.enable")
            await view.ask("Runtime.enable")
            stored = json.dumps(json.dumps(self._tokens))
            await view.ask(
                "Page.addScriptToEvaluateOnNewDocument", source=f"localStorage.setItem('hassTokens', {stored});"
            )
            for path, (width, height), target in shots:
                size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                await view.ask("Emulation.setDeviceMetricsOverride", **size)
                await view.ask("Page.navigate", url=self.url + path)
                async with asyncio.timeout(90):
                    while not await view.is_ready():
                        await asyncio.sleep(0.3)
                await asyncio.sleep(5)
                picture = await view.ask("Page.captureScreenshot", format="png")
                await asyncio.to_thread(target.write_bytes, base64.b64decode(picture["data"]))
            return view.complaints


class Talk:
    """Questions and events over one websocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Begin to count."""
        self._socket = socket
        self._count = 0
        self.events: list[Any] = []

    async def ask(self, **message: Any) -> Any:
        """Ask, and give the answer."""
        number = await self.send(**message)
        while True:
            heard = await self._socket.receive_json()
            if heard.get("id") == number and heard["type"] == "result":
                assert heard["success"], heard
                return heard["result"]
            self.events.append(heard)

    async def send(self, **message: Any) -> int:
        """Say something and do not wait."""
        self._count += 1
        await self._socket.send_json({"id": self._count, **message})
        return self._count

    async def changed(self, entity_id: str, value: str | None = None) -> float:
        """Wait until an entity changes; gives when that was heard."""
        async with asyncio.timeout(60):
            while True:
                heard = await self._socket.receive_json()
                if heard.get("type") != "event":
                    continue
                data = heard["event"]["data"]
                if data["entity_id"] == entity_id and (value is None or data["new_state"]["state"] == value):
                    return time.perf_counter()


class View:
    """A page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Begin to count."""
        self._socket = socket
        self._count = 0
        self.complaints: list[str] = []

    async def ask(self, method: str, **params: Any) -> Any:
        """Have the browser do something."""
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": params})
        while True:
            heard = await self._socket.receive_json()
            if heard.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(heard["params"])[:300])
            if heard.get("id") == self._count:
                return heard.get("result")

    async def is_ready(self) -> bool:
        """Tell whether Home Assistant shows a page."""
        script = (
            "(() => { const main = document.querySelector('home-assistant')?.shadowRoot"
            "?.querySelector('home-assistant-main')?.shadowRoot?.querySelector('partial-panel-resolver');"
            "return !!(main && main.firstElementChild && !main.querySelector('hass-loading-screen')); })()"
        )
        answer = await self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return bool(answer["result"].get("value"))
