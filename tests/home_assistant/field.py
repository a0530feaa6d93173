"""A person, a node beside a plant, and Home Assistant, as tests see them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.plant_automation.const import DOMAIN
from tests.home_assistant.field_data import MANIFEST, READINGS
from tests.live_backend import JSON, PASSWORD, Backend, Node, Person


async def until(look: Callable[[], Any], *, within_s: float = 60.0) -> Any:
    """Look again and again until there is something (true) to see, and give it. Home Assistant runs on meanwhile."""
    deadline = time.monotonic() + within_s
    while True:
        is_last = time.monotonic() > deadline
        if seen := look():
            return seen
        if is_last:
            raise AssertionError(f"Not within {within_s:g} s; last seen: {seen!r}")
        await asyncio.sleep(0.01)


class Field:
    """What a test needs. What speaks to the backend does so in a thread: Home Assistant needs the loop."""

    def __init__(self, hass: HomeAssistant, backend: Backend, person: Person) -> None:
        """Belong to one person."""
        self.hass = hass
        self.backend = backend
        self.person = person
        self.node: Node
        self.entry: MockConfigEntry

    async def do[T](self, what: Callable[..., T], *given: Any, **named: Any) -> T:
        """Do something blocking."""
        return await self.hass.async_add_executor_job(lambda: what(*given, **named))

    async def add_node(self, name: str = "Basil", manifest: JSON | None = MANIFEST) -> Node:
        """Make a device and sign its node in."""
        self.node = await self.do(self.person.add_device, name, manifest)
        return self.node

    async def instance_id(self) -> str:
        """Ask the backend who it is."""
        answer = await self.do(self.backend.request, "GET", "/info")
        return str(answer.json()["instance_id"])

    async def make_entry(self, **options: Any) -> MockConfigEntry:
        """Make the config entry, as the flow would."""
        self.entry = MockConfigEntry(
            domain=DOMAIN,
            title="Plant Automation (127.0.0.1)",
            unique_id=await self.instance_id(),
            data={CONF_URL: self.backend.url, CONF_TOKEN: self.person.token},
            options=options,
        )
        self.entry.add_to_hass(self.hass)
        return self.entry

    async def set_up(self, *, readings: JSON | None = None, **options: Any) -> MockConfigEntry:
        """A person with one plant in Home Assistant, live."""
        await self.add_node()
        await self.do(self.node.send, **(READINGS if readings is None else readings))
        await self.make_entry(**options)
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()
        await self.is_live()
        return self.entry

    async def end(self) -> None:
        """Unload what is loaded, while the recorder that it works with is there."""
        for entry in self.hass.config_entries.async_loaded_entries(DOMAIN):
            await self.hass.config_entries.async_unload(entry.entry_id)
        await self.hass.async_block_till_done()

    async def is_live(self) -> None:
        """Wait until the stream is open."""
        await until(lambda: self.entry.runtime_data.reconnects >= 0)

    def has(self, platform: str, key: str, node: Node | None = None) -> bool:
        """Tell whether there is such an entity."""
        return self._find(platform, key, node) is not None

    def entity_id(self, platform: str, key: str, node: Node | None = None) -> str:
        """Find an entity by the key of a channel, or of something that is worked out."""
        found = self._find(platform, key, node)
        assert found is not None, f"there is no {platform} {key}"
        return found

    def _find(self, platform: str, key: str, node: Node | None = None) -> str | None:
        device_id = (node or self.node).device_id
        registry = er.async_get(self.hass)
        for unique_id in (f"{device_id}_{key}", f"{device_id}_channel_{key}"):
            if found := registry.async_get_entity_id(platform, DOMAIN, unique_id):
                return found
        return None

    def state(self, platform: str, key: str, node: Node | None = None) -> State | None:
        """Give the state of an entity; None where it has none."""
        return self.hass.states.get(self.entity_id(platform, key, node))

    def value(self, platform: str, key: str, node: Node | None = None) -> str | None:
        """Give the state of an entity as text."""
        state = self.state(platform, key, node)
        return None if state is None else state.state

    async def becomes(self, platform: str, key: str, value: str, **more: Any) -> None:
        """Wait until an entity has this state."""
        await until(lambda: self.value(platform, key) == value, **more)

    def states_of(self, platform: str, key: str) -> list[State]:
        """Give a list that takes in all states of an entity from now on: for what may be over when one looks."""
        seen: list[State] = []

        @callback
        def take(event: Event[EventStateChangedData]) -> None:
            if event.data["new_state"] is not None:
                seen.append(event.data["new_state"])

        end = async_track_state_change_event(self.hass, [self.entity_id(platform, key)], take)
        self.entry.async_on_unload(end)
        return seen

    @property
    def ha_device_id(self) -> str:
        """The id of the plant's device in Home Assistant."""
        device = dr.async_get(self.hass).async_get_device_by_identifier(
            (DOMAIN, self.node.device_id), config_entry_id=self.entry.entry_id
        )
        assert device is not None
        return device.id

    async def call(self, domain: str, name: str, entity_id: str | None = None, **data: Any) -> Any:
        """Call an action and wait for its end."""
        target = {} if entity_id is None else {"entity_id": entity_id}
        return await self.hass.services.async_call(domain, name, {**target, **data}, blocking=True)

    async def ask(self, name: str, **data: Any) -> Any:
        """Call an action of ours for its response."""
        return await self.hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)

    async def poll(self, after: int | None = None, wait: float = 25) -> JSON:
        """Let the node fetch one command, which may still be on its way."""
        commands = await self.do(self.node.poll, after, wait)
        assert len(commands) == 1, commands
        return commands[0]

    async def run(self, ran_ms: int | None = None, status: str = "succeeded") -> JSON:
        """Let the node fetch one command, run it and say so. Home Assistant has heard of it then."""
        command = await self.poll()
        await self.do(self.node.ack, command, "accepted")
        await self.do(self.node.ack, command, status, command["duration_ms"] if ran_ms is None else ran_ms)

        def has_ended() -> bool:
            plant = self.entry.runtime_data.data.plants[self.node.device_id]
            last = plant.last.get(command["actuator"])
            return last is not None and last.id == command["id"] and not last.is_live

        await until(has_ended)
        return command

    async def set_profile(self, **changes: Any) -> None:
        """Change the profile at the backend."""
        profile = await self.do(self.person.get, f"{self.node.path}/automation")
        profile.pop("version")
        await self.do(self.person.request, "PUT", f"{self.node.path}/automation", json={**profile, **changes})


__all__ = ["MANIFEST", "PASSWORD", "READINGS", "Field", "until"]
