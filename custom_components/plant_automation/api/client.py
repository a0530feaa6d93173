"""The client: requests, and a stream that resumes."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, NoReturn

import aiohttp

from .errors import (
    CannotConnect,
    InvalidAuth,
    InvalidInput,
    NotAllowed,
    NotPlantAutomation,
    NotThere,
    Outdated,
    PlantApiError,
    Refused,
    Rejected,
    ServerTrouble,
    UnsupportedVersion,
)
from .events import EventParser, Message
from .models import API_VERSION, Alert, Bucket, Command, Decision, Device, Info, Profile, Sample, parse_time

REQUEST_TIMEOUT_S = 15.0
SILENCE_S = 45.0
"""The backend says something every 15 s: three times that and the line is dead."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
PAGE = 500


class PlantClient:
    """Speaks to one backend, as one person.

    The session is the caller's: this class never opens or closes one.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str | None = None) -> None:
        """`url` is the backend's address, such as http://192.0.2.7:8000."""
        self._session = session
        self.url = url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def info(self) -> Info:
        """Ask what the server is. Raises UnsupportedVersion, NotPlantAutomation, CannotConnect."""
        data = await self._request("GET", "/info")
        return check_info(data)

    async def exchange_password(self, username: str, password: str, name: str) -> str:
        """Trade a password for a named, revocable token. Raises InvalidAuth."""
        body = {"username": username, "password": password, "name": name}
        return str((await self._request("POST", "/auth/token", json=body))["token"])

    async def check_token(self) -> None:
        """Raise InvalidAuth if the token is not valid."""
        await self._request("GET", "/devices")

    async def profile(self, device_id: str) -> Profile:
        """Fetch a device's profile."""
        return Profile.parse(await self._request("GET", f"/devices/{device_id}/automation"))

    async def set_profile(self, device_id: str, profile: Profile) -> Profile:
        """Replace the version of a profile that was read. Raises InvalidInput, Outdated, NotAllowed."""
        path, only = f"/devices/{device_id}/automation", {"If-Match": f'"{profile.version}"'}
        return Profile.parse(await self._request("PUT", path, only, json=dict(profile.fields)))

    async def device(self, device_id: str) -> Device:
        """Fetch a device with its newest values."""
        return Device.parse(await self._request("GET", f"/devices/{device_id}"))

    async def switch_on(
        self, device_id: str, actuator: str, duration_ms: int | None = None, *, force: bool = False
    ) -> Command:
        """Run an actuator. A pump needs a duration. Raises Refused, InvalidInput."""
        body = {"actuator": actuator, "action": "on", "duration_ms": duration_ms, "force": force}
        return Command.parse(await self._request("POST", f"/devices/{device_id}/commands", json=body))

    async def switch_off(self, device_id: str, actuator: str) -> Command:
        """End a run; always passes."""
        body = {"actuator": actuator, "action": "off"}
        return Command.parse(await self._request("POST", f"/devices/{device_id}/commands", json=body))

    async def commands(self, device_id: str, newer_than: int = 0) -> list[Command]:
        """Fetch a device's commands after the one with this id, newest first, page by page."""
        found: list[Command] = []
        before: int | None = None
        while True:
            params = {"limit": str(PAGE)} | ({} if before is None else {"before": str(before)})
            page = await self._request("GET", f"/devices/{device_id}/commands", params=params)
            commands = [Command.parse(item) for item in page["commands"]]
            found += [command for command in commands if command.id > newer_than]
            before = page["next_before"]
            if before is None or before <= newer_than:
                return found

    async def readings(
        self, device_id: str, sensor: str, since: datetime, until: datetime | None = None, limit: int = 10_000
    ) -> list[Sample]:
        """Fetch what a sensor measured in [since, until)."""
        params = {"sensor": sensor, "since": since.isoformat(), "limit": str(limit)}
        if until is not None:
            params["until"] = until.isoformat()
        answer = await self._request("GET", f"/devices/{device_id}/readings", params=params)
        return [Sample.parse(item) for item in answer["readings"]]

    async def buckets(
        self, device_id: str, sensor: str, since: datetime, until: datetime, points: int
    ) -> tuple[str, list[Bucket]]:
        """Fetch what a sensor measured in [since, until), summed up in at most so many buckets, with the unit."""
        params = {"sensor": sensor, "since": since.isoformat(), "until": until.isoformat(), "points": str(points)}
        answer = await self._request("GET", f"/devices/{device_id}/readings", params=params)
        return str(answer["unit"]), [Bucket.parse(item) for item in answer["buckets"]]

    async def decisions(self, device_id: str, limit: int = 20) -> list[Decision]:
        """Fetch why a device was watered, or was not, newest first."""
        answer = await self._request("GET", f"/devices/{device_id}/decisions", params={"limit": str(limit)})
        return [Decision.parse(item) for item in answer["decisions"]]

    async def resolve_alert(self, alert_id: int) -> Alert:
        """Close an alert."""
        return Alert.parse(await self._request("PATCH", f"/alerts/{alert_id}/resolve"))

    async def acknowledge_alert(self, alert_id: int) -> Alert:
        """Say that somebody has seen an alert."""
        return Alert.parse(await self._request("PATCH", f"/alerts/{alert_id}/acknowledge"))

    async def snooze_alert(self, alert_id: int, minutes: int) -> Alert:
        """Call nobody because of an alert for 15 minutes to 7 days. It stays open."""
        return Alert.parse(await self._request("PATCH", f"/alerts/{alert_id}/snooze", json={"minutes": minutes}))

    async def snapshot(self) -> tuple[Info, Message]:
        """Fetch everything at once: what a fresh stream begins with."""
        async with asyncio.timeout(REQUEST_TIMEOUT_S), aclosing(self.stream()) as stream:
            info: Info | None = None
            async for message in stream:
                if message.type == "info":
                    info = check_info(message.data)
                elif message.type == "snapshot" and info is not None:
                    return info, message
        raise CannotConnect("The stream ended before its snapshot.")

    async def stream(self, last_id: str | None = None) -> AsyncGenerator[Message]:
        """Open the stream of events once, and give its messages until it ends.

        Raises CannotConnect, InvalidAuth, ServerTrouble, NotPlantAutomation.
        """
        headers = self._headers | ({} if last_id is None else {"Last-Event-ID": last_id})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT_S, sock_read=SILENCE_S)
        parser = EventParser()
        try:
            async with self._session.get(f"{self.url}/events", headers=headers, timeout=timeout) as response:
                if response.status != 200:
                    await _raise_for(response)
                if response.content_type != "text/event-stream":
                    raise NotPlantAutomation(f"{self.url}/events gives {response.content_type}.")
                async for chunk in response.content.iter_any():
                    for message in parser.feed(chunk):
                        yield message
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CannotConnect(str(error) or type(error).__name__) from error
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise NotPlantAutomation(f"The stream cannot be read: {error}") from error

    async def listen(self, last_id: str | None = None) -> AsyncIterator[Message | PlantApiError]:
        """Give messages for ever: connect, resume where the stream broke off, and wait longer and longer in between.

        Each failed attempt is given as its error, so that the caller can say that the line is down. InvalidAuth and
        UnsupportedVersion are raised: trying again would not help.
        """
        pause = FIRST_PAUSE_S
        while True:
            error: PlantApiError | None = None
            try:
                async with aclosing(self.stream(last_id)) as stream:
                    async for message in stream:
                        if message.type == "info":
                            check_info(message.data)
                        if message.id is not None:
                            last_id = message.id
                            # Only a stream that carries something shows that the backend is well again.
                            pause = FIRST_PAUSE_S
                        yield message
            except InvalidAuth, UnsupportedVersion:
                raise
            except PlantApiError as failed:
                error = failed
            # A stream that ended in good order (the backend restarts) is tried again at once, and only then reported.
            if error is not None:
                yield error
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads clients, hides nothing
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _request(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        try:
            async with self._session.request(
                method, self.url + path, headers={**self._headers, **(headers or {})}, timeout=timeout, **more
            ) as response:
                if response.status >= 300:
                    await _raise_for(response)
                if response.status == 204:
                    return None
                return await response.json()
        except (aiohttp.ContentTypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise NotPlantAutomation(f"{path} is not answered in JSON.") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CannotConnect(str(error) or type(error).__name__) from error


def check_info(data: Any) -> Info:
    """Read what a server says of itself. Raises NotPlantAutomation, UnsupportedVersion."""
    if not isinstance(data, Mapping) or data.get("name") != "plant-automation":
        raise NotPlantAutomation("The server is no Plant Automation backend.")
    try:
        info = Info.parse(data)
    except (KeyError, TypeError, ValueError) as error:
        raise NotPlantAutomation(f"The server's info cannot be read: {error!r}") from error
    if info.api_version != API_VERSION:
        raise UnsupportedVersion(info.api_version, info.version)
    return info


async def _raise_for(response: aiohttp.ClientResponse) -> NoReturn:
    """Turn a problem document into an error by its meaning."""
    if response.content_type != "application/problem+json":
        if response.status >= 500:
            raise ServerTrouble(f"The server answers {response.status}.")
        raise NotPlantAutomation(f"The server answers {response.status} without saying why.")
    problem = json.loads(await response.text())
    code, detail = str(problem.get("code", "error")), str(problem.get("detail", ""))
    match response.status:
        case 401:
            raise InvalidAuth(detail)
        case 403:
            raise NotAllowed(code, detail)
        case 404:
            raise NotThere(code, detail)
        case 409:
            raise Refused(code, detail, parse_time(problem.get("until")))
        case 412:
            raise Outdated(code, detail)
        case 400 | 413 | 422:
            raise InvalidInput(code, detail)
        case status if status >= 500:
            raise ServerTrouble(detail)
    raise Rejected(code, detail)
