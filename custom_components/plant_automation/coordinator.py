"""Keeps what is known of the plants of one backend, fed by its stream of events."""

import asyncio
from asyncio import Lock, Task
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .api import (
    CannotConnect,
    Command,
    Decision,
    Garden,
    Info,
    InvalidAuth,
    Message,
    Outdated,
    Plant,
    PlantApiError,
    PlantClient,
    Profile,
    Unreadable,
    UnsupportedVersion,
)
from .api.client import check_info
from .const import CLOCK_TICK, DOMAIN, LOGGER, SAFETY_REFRESH
from .happenings import Happening, happening_of
from .issues import async_keep_issues
from .profile_fields import in_home
from .water_counts import WaterCounts

type PlantConfigEntry = ConfigEntry[PlantCoordinator]

ANEW_AFTER_S = 5.0
"""How long to wait after a message that could not be taken in."""

_MISSED_AFTER = timedelta(seconds=5)
"""What happened this long before the stream (re)opened is history: it changes states, but fires no event."""


class PlantCoordinator(DataUpdateCoordinator[Garden]):
    """One backend."""

    config_entry: PlantConfigEntry
    info: Info
    hub_id: str
    water_counts: WaterCounts

    def __init__(self, hass: HomeAssistant, entry: PlantConfigEntry, client: PlantClient) -> None:
        """Begin with an empty garden; the first refresh fills it."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            # The safety refresh has a clock of its own: each event would put the coordinator's off, for ever.
            update_interval=None,
            always_update=False,
        )
        self.client = client
        self.data = Garden()
        self.connected: frozenset[str] = frozenset()
        self.reconnects = -1
        self._profile_lock = Lock()
        self._stream: Task[None] | None = None
        self._resume_from: str | None = None
        self._records: dict[str, tuple[str, str | None]] | None = None
        self._opened_at: datetime | None = None
        self._listeners_by_device: dict[str, list[Callable[[Happening], None]]] = {}
        self._late_readings: list[Callable[[Message], None]] = []

    @callback
    def async_start(self, resume_from: str | None = None) -> None:
        """Listen to the stream until the entry is unloaded.

        `resume_from`: a position before that of the first refresh, so that late readings are heard that came between.
        """
        self._resume_from = resume_from
        self.config_entry.async_on_unload(
            async_track_time_interval(self.hass, self._async_tick, CLOCK_TICK, cancel_on_shutdown=True)
        )
        self.config_entry.async_on_unload(
            async_track_time_interval(self.hass, self._async_look_anew, SAFETY_REFRESH, cancel_on_shutdown=True)
        )
        self._async_ensure_stream()

    @callback
    def async_subscribe(self, device_id: str, listener: Callable[[Happening], None]) -> CALLBACK_TYPE:
        """Hear what happens to one device."""
        self._listeners_by_device.setdefault(device_id, []).append(listener)
        return lambda: self._listeners_by_device[device_id].remove(listener)

    @callback
    def async_subscribe_readings(self, listener: Callable[[Message], None]) -> CALLBACK_TYPE:
        """See each message with readings, late ones included, and each snapshot that came instead of some."""
        self._late_readings.append(listener)
        return lambda: self._late_readings.remove(listener)

    async def async_change_profile(self, device_id: str, changes: dict[str, Any]) -> Profile:
        """Change some fields of a profile, and what a person at home means with them. Raises PlantApiError.

        The backend replaces whole profiles, so two changes at once would undo each other: one at a time, each of the
        version that the backend has now, and again where somebody else was faster.
        """
        config = self.hass.config
        async with self._profile_lock:
            for attempts_left in (2, 1, 0):
                profile = await self.client.profile(device_id)
                wanted = in_home(profile, changes, config.time_zone, (config.latitude, config.longitude))
                try:
                    changed = await self.client.set_profile(device_id, profile.with_changes(wanted))
                    break
                except Outdated:
                    if not attempts_left:
                        raise
        self._async_take_over(self.data.with_profile(device_id, changed))
        return changed

    async def async_refresh_derived(self, device_id: str) -> None:
        """Ask for what no event brings."""
        try:
            device = await self.client.device(device_id)
        except PlantApiError as error:
            # The stream says when the line is down; this is asked again soon.
            LOGGER.debug("What follows from the readings of %s is not known: %s", device_id, error)
            return
        self._async_take_over(self.data.with_derived(device_id, device.derived))

    @callback
    def _async_take_over(self, garden: Garden) -> None:
        """Keep what was learnt beside the stream."""
        if garden is not self.data:
            self.data = garden
            self.async_update_listeners()

    @override
    async def _async_update_data(self) -> Garden:
        """Fetch everything at once."""
        try:
            info, snapshot = await self.client.snapshot()
            self._check_instance(info)
            garden = await self._async_with_history(snapshot)
        except InvalidAuth as error:
            raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key="invalid_auth") from error
        except UnsupportedVersion as error:
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="unsupported_version",
                translation_placeholders={"version": error.version, "api_version": str(error.api_version)},
            ) from error
        except PlantApiError as error:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="cannot_connect",
                translation_placeholders={"error": str(error)},
            ) from error
        self._async_sync_devices(garden)
        self._look_who_is_connected(garden)
        async_keep_issues(self.hass, self.config_entry.entry_id, garden)
        if self._stream is not None:
            self._async_ensure_stream()
        return garden

    def _check_instance(self, info: Info) -> None:
        if info.instance_id != self.config_entry.unique_id:
            raise ConfigEntryError(translation_domain=DOMAIN, translation_key="other_instance")
        self.info = info

    async def _async_with_history(self, snapshot: Message, *, begins_stream: bool = False) -> Garden:
        """Add to a snapshot the runs and the last decision of each device, which it does not carry."""
        # A stream begins with a snapshot where the backend cannot go on from what was heard. One that was restored from
        # a copy gives the ids of commands a second time, at positions ahead or behind: what is known has others.
        went_back = begins_stream and bool(self.data.plants)
        known = {} if went_back else self.data.plants
        commands: dict[str, list[Command]] = {}
        decisions: dict[str, Decision] = {}
        for item in snapshot.data["devices"]:
            device_id = item["id"]
            plant = known.get(device_id)
            commands[device_id] = await self.client.commands(device_id, _settled_until(plant))
            if plant is None or plant.decision is None:
                for decision in await self.client.decisions(device_id, 1):
                    decisions[device_id] = decision
        # Nothing is awaited from here on: what the stream brought meanwhile is in self.data.
        garden = (Garden() if went_back else self.data).apply(snapshot)
        # A stream goes on from its own snapshot, also where that is older than what is known. One that was fetched
        # beside the stream may have been overtaken.
        if not begins_stream and self.data.plants and not garden.covers(self.data):
            garden = self.data
        return garden.with_history(commands, decisions)

    @callback
    def _async_ensure_stream(self) -> None:
        if self._stream is None or self._stream.done():
            self._stream = self.config_entry.async_create_background_task(
                self.hass, self._async_listen(), f"{DOMAIN} events of {self.name}"
            )

    async def _async_listen(self) -> None:
        """Take in the stream until it cannot go on."""
        position, self._resume_from = self._resume_from or self.data.position, None
        try:
            while True:
                heard = position
                try:
                    async for message in self.client.listen(position):
                        if isinstance(message, PlantApiError):
                            self._async_line_is_down(message)
                            continue
                        heard = message.id or heard
                        await self._async_take(message)
                        position = heard
                except InvalidAuth, UnsupportedVersion:
                    raise
                except PlantApiError as error:
                    # Something that belongs to a message could not be fetched: the message is asked for again. One that
                    # makes no sense is not. What goes on meanwhile is not shown as if it were so still.
                    self._async_line_is_down(error)
                    if isinstance(error, Unreadable):
                        position = heard
                await asyncio.sleep(ANEW_AFTER_S)
                await self.async_refresh()
        except InvalidAuth as error:
            self._async_line_is_down(error)
            self.config_entry.async_start_reauth(self.hass)
        except (UnsupportedVersion, ConfigEntryError) as error:
            # The safety refresh keeps looking, and starts the stream again when the backend fits: from what was heard,
            # for only then the backend tells whether it went back meanwhile.
            self._resume_from = position
            self._async_line_is_down(error)

    @callback
    def _async_line_is_down(self, error: Exception) -> None:
        if self.last_update_success:
            self.async_set_update_error(
                UpdateFailed(
                    translation_domain=DOMAIN,
                    translation_key="cannot_connect",
                    translation_placeholders={"error": str(error) or type(error).__name__},
                )
            )

    async def _async_take(self, message: Message) -> None:
        if message.type == "info":
            self._check_instance(check_info(message.data))
            self._opened_at = self.info.time
            self.reconnects += 1
            if not self.last_update_success:
                # Who says that it is back says what is the case: what was missed fires no event.
                await self._async_fetch_anew()
            return
        before = self.data
        if message.type == "snapshot":
            garden = await self._async_with_history(message, begins_stream=True)
        elif message.type == "device" and not before.knows(message):
            await self._async_fetch_anew()
            return
        else:
            garden = before.apply(message)
        if garden.plants is not before.plants:
            self._async_sync_devices(garden)
            self._look_who_is_connected(garden)
        if garden is not before or not self.last_update_success:
            self.async_set_updated_data(garden)
        if message.type in ("alert", "snapshot", "device_deleted"):
            async_keep_issues(self.hass, self.config_entry.entry_id, garden)
        if message.type in ("readings", "snapshot"):
            for listener in tuple(self._late_readings):
                listener(message)
        self._async_tell(before, garden, message)

    async def _async_fetch_anew(self) -> None:
        """Fetch what a message announced. Raises CannotConnect where that fails: the message is asked for again."""
        await self.async_refresh()
        if not self.last_update_success:
            raise CannotConnect(str(self.last_exception))

    @callback
    def _async_tell(self, before: Garden, after: Garden, message: Message) -> None:
        """Tell event entities, unless it happened while nobody listened."""
        device_id = message.data.get("device_id", "")
        happening = happening_of(before.plants.get(device_id), message)
        if happening is None or device_id not in after.plants:
            return
        at = dt_util.parse_datetime(str(message.data.get("at")))
        if at is not None and self._opened_at is not None and at < self._opened_at - _MISSED_AFTER:
            return
        for listener in tuple(self._listeners_by_device.get(device_id, ())):
            listener(happening)

    async def _async_look_anew(self, _now: datetime) -> None:
        await self.async_refresh()

    @callback
    def _async_tick(self, _now: datetime) -> None:
        if self._look_who_is_connected(self.data):
            self.async_update_listeners()

    def _look_who_is_connected(self, garden: Garden) -> bool:
        """Find the nodes that were heard lately. Gives whether that changed."""
        now = dt_util.utcnow()
        connected = frozenset(
            device_id
            for device_id, plant in garden.plants.items()
            if plant.device.last_seen_at is not None
            and now - plant.device.last_seen_at <= timedelta(seconds=plant.profile.stale_after_s)
        )
        changed = connected != self.connected
        self.connected = connected
        return changed

    @callback
    def _async_sync_devices(self, garden: Garden) -> None:
        """Keep the device registry in step: names, firmware, and devices that are no more."""
        records = {key: (plant.device.name, plant.device.version) for key, plant in garden.plants.items()}
        if records == self._records:
            return
        self._records = records
        registry = dr.async_get(self.hass)
        for entry in dr.async_entries_for_config_entry(registry, self.config_entry.entry_id):
            device_id = next((value for domain, value in entry.identifiers if domain == DOMAIN), "")
            if device_id == self.config_entry.unique_id:
                continue
            plant = garden.plants.get(device_id)
            if plant is None:
                registry.async_remove_device(entry.id)
            elif (entry.name, entry.sw_version) != (plant.device.name, plant.device.version):
                registry.async_update_device(entry.id, name=plant.device.name, sw_version=plant.device.version)


def _settled_until(plant: Plant | None) -> int:
    """Give the id up to which all commands of a plant are known with their outcome."""
    if plant is None:
        return 0
    if plant.live:
        return min(plant.live) - 1
    ids = [command.id for command in plant.last.values()]
    return max((*ids, *(run for runs in plant.runs.values() for run in runs)), default=0)
