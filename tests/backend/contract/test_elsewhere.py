"""What one process has to know of what another did. Without a bus: the log alone tells of it."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
import pytest
from plant_backend.api.telemetry import TelemetryEndpoint
from plant_backend.domain.account import Principal
from plant_backend.domain.alert import AlertKind, AlertState
from plant_backend.domain.command import Action
from plant_backend.domain.errors import InvalidCredentials, WateringRefused
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.model import Device, Manifest, SensorClaim
from plant_backend.services.registry import Services
from plant_backend.storage.postgres_store import PostgresStorage

from tests.backend.contract.test_one_dose import a_process
from tests.backend.stateful.bench import PROFILE, SetClock
from tests.builders import NOW, a_batch, a_manifest

ADA = Principal(1, "ada")


class Two(NamedTuple):
    """Two processes, and a device that both know."""

    here: PostgresStorage
    one: Services
    there: PostgresStorage
    other: Services
    device: Device
    secret: str

    async def decisions(self) -> int:
        found = await self.here.read(lambda tx: tx.automation.decisions(self.device.number, None, 10))
        return len(found)


@pytest.fixture
async def two(postgres_url: str, tmp_path: Any) -> AsyncIterator[Two]:
    clock = SetClock()
    async with (
        a_process(postgres_url, clock, tmp_path) as (here, one),
        a_process(postgres_url, clock, tmp_path) as (there, other),
    ):
        there.listen_elsewhere(other.elsewhere)
        await here.write(lambda tx: tx.users.add("ada", "hash", NOW))
        device, secret = await one.devices.add(ADA, "Fern")
        await one.automation.set_profile(ADA, device.id, PROFILE)
        await there.catch_up()
        await other.automation.evaluate(device.number)
        yield Two(here, one, there, other, device, secret)


async def test_a_poll_hears_of_commands_after_its_device_has_changed(two: Two) -> None:
    """The poll goes on with what it knew of the device."""
    told: list[int] = []
    two.other.bus.subscribe("commands", told.append)
    await two.one.node_auth.sign_in(two.device.id, two.secret, a_manifest())
    await two.one.commands.request(ADA, two.device.id, "lamp", Action.OFF, None)
    await two.there.catch_up()
    assert set(told) == {two.device.number}
    told.clear()
    await two.one.devices.rename(ADA, two.device.id, "Moss")
    await two.there.catch_up()
    await two.one.commands.request(ADA, two.device.id, "lamp", Action.OFF, None)
    await two.there.catch_up()
    assert set(told) == {two.device.number}


async def test_a_worker_judges_a_plant_by_the_channels_that_it_has_now(two: Two) -> None:
    """The nudge may come before the log was followed."""
    before = await two.decisions()
    await two.one.node_auth.sign_in(two.device.id, two.secret, a_manifest())
    await two.other.automation.evaluate(two.device.number)
    assert await two.decisions() == before + 1


async def test_who_heard_less_undoes_nothing_of_what_another_worker_did(two: Two) -> None:
    """It stood still between listening and acting: the reservoir ran low meanwhile, and the alert stays open."""
    await two.one.node_auth.sign_in(two.device.id, two.secret, a_manifest())
    device = await two.here.read(lambda tx: tx.devices.get(ADA, two.device.id))
    soil, tank = (sensor.id for sensor in device.sensors)
    await two.here.append(a_batch("b-1", [(soil, 12, 60_000), (soil, 12, 0), (tank, 80, 60_000)], device=device.number))
    read = two.there.read

    async def stand_still(work: Any) -> Any:
        seen = await read(work)
        two.there.read = read  # type: ignore[method-assign]
        await two.here.append(a_batch("b-2", [(tank, 1, 0)], device=device.number))
        await two.one.automation.evaluate(device.number)
        return seen

    two.there.read = stand_still  # type: ignore[method-assign]
    await two.other.automation.evaluate(device.number)

    alerts = await two.here.read(lambda tx: tx.alerts.all(ADA, AlertState.OPEN, device.id, 10))
    assert [alert.kind for alert in alerts] == [AlertKind.RESERVOIR_LOW]
    assert await two.here.read(lambda tx: tx.commands.live(device.number)) == []


async def test_a_person_is_refused_for_a_tank_that_was_found_empty_elsewhere(two: Two) -> None:
    await two.one.node_auth.sign_in(two.device.id, two.secret, a_manifest())
    device = await two.here.read(lambda tx: tx.devices.get(ADA, two.device.id))
    soil, tank = (sensor.id for sensor in device.sensors)
    await two.here.append(a_batch("b-1", [(soil, 30, 60_000), (tank, 80, 60_000)], device=device.number))
    await two.there.catch_up()
    await two.here.append(a_batch("b-2", [(tank, 1, 0)], device=device.number))
    with pytest.raises(WateringRefused) as refused:
        await two.other.commands.request(ADA, device.id, "pump", Action.ON, 5_000)
    assert refused.value.code == "reservoir_low"


async def test_readings_of_a_channel_that_was_named_elsewhere_are_taken(two: Two) -> None:
    """Refused for good they would be lost: the node drops what can never succeed."""
    bare = Manifest("plant-node", "0.1.0", (SensorClaim("soil", SensorKind.SOIL_MOISTURE, "%"),), ())
    await two.one.node_auth.sign_in(two.device.id, two.secret, bare)
    await two.there.catch_up()
    pair = await two.one.node_auth.sign_in(two.device.id, two.secret, bare)
    endpoint = TelemetryEndpoint(two.other, lambda _: None)

    async def send(sensor: str) -> int:
        body = msgspec.json.encode({"batch_id": sensor, "readings": [{"sensor": sensor, "value": 30, "age_ms": 0}]})
        scope = {"headers": [(b"authorization", f"Bearer {pair.access_token}".encode())]}
        answers: list[int] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def answer(message: Any) -> None:
            answers.extend([message["status"]] if "status" in message else ())

        await endpoint(scope, receive, answer)
        return answers[0]

    assert await send("soil") == 202
    assert await send("tank") == 422
    await two.one.node_auth.sign_in(two.device.id, two.secret, a_manifest())
    assert await send("tank") == 202
    assert await send("nonsense") == 422


async def test_the_nodes_of_an_account_that_was_ended_elsewhere_are_not_heard(two: Two) -> None:
    """Not for the quarter of an hour that their access tokens would last."""
    pair = await two.one.node_auth.sign_in(two.device.id, two.secret, a_manifest())
    await two.there.catch_up()
    assert (await two.other.tokens.check(pair.access_token)).device.id == two.device.id
    await two.one.accounts.delete("ada")
    await two.there.catch_up()
    with pytest.raises(InvalidCredentials):
        await two.other.tokens.check(pair.access_token)
