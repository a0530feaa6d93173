"""Two workers see the same dry plant at the same time, 200 times: each plant gets one dose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from plant_backend.bus.local import LocalBus
from plant_backend.domain.account import Principal
from plant_backend.domain.command import Action
from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.integrations.notifications import AppriseNotifier
from plant_backend.services.registry import Services, build_services
from plant_backend.services.tokens import SigningKeys
from plant_backend.storage.postgres_store import PostgresStorage
from plant_backend.storage.sealer import FileSealer
from plant_backend.wording.writer import CatalogWriter

from tests.backend.stateful.bench import PROFILE, TTL_MS, SetClock
from tests.builders import NOW, a_batch, a_manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PLANTS = 200


@asynccontextmanager
async def a_process(url: str, clock: SetClock, tmp_path: Any) -> AsyncIterator[tuple[PostgresStorage, Services]]:
    """Give what one process has: its own connections, its own memory."""
    storage = PostgresStorage(url, clock)
    await storage.open()
    try:
        yield (
            storage,
            build_services(
                storage,
                LocalBus(),
                clock,
                instance_id="i",
                signing_keys=SigningKeys(b"k" * 32),
                command_ttl_ms=TTL_MS,
                notifier=AppriseNotifier(),
                writer=CatalogWriter(),
                sealer=FileSealer(tmp_path / "notifications.key"),
                real_clock=clock,
                public_url="",
            ),
        )
    finally:
        await storage.close()


async def test_each_dry_plant_gets_one_dose(postgres_url: str, tmp_path: Any) -> None:
    clock = SetClock()
    async with (
        a_process(postgres_url, clock, tmp_path) as (first, one),
        a_process(postgres_url, clock, tmp_path) as (second, other),
    ):

        def work(tx):  # type: ignore[no-untyped-def]
            user = tx.users.add("ada", "hash", NOW)
            found = []
            for number in range(PLANTS):
                device = tx.devices.add(Principal(user.id, "ada"), f"d-{number}", "Fern", b"\1" * 32, NOW)
                tx.devices.register(device.number, a_manifest(), NOW)
                tx.automation.set_profile(device.number, PROFILE, NOW)
                found.append(tx.devices.by_number(device.number))
            return found

        devices = await first.write(work)
        for place, storage in enumerate((first, second)):
            heard = [
                storage.append(
                    a_batch(
                        f"b-{place}",
                        [(device.sensors[0].id, 12.0, place * 1_000), (device.sensors[1].id, 80.0, place * 1_000)],
                        device=device.number,
                    )
                )
                for device in devices
            ]
            await asyncio.gather(*heard)
        await asyncio.gather(first.catch_up(), second.catch_up())
        for device in devices:
            await asyncio.gather(one.automation.evaluate(device.number), other.automation.evaluate(device.number))
        for device in devices:
            commands = await first.read(lambda tx, device=device: tx.commands.all(device.number, None, 10))  # type: ignore[misc]
            assert [command.action for command in commands] == [Action.ON], device.id
            decisions = await second.read(lambda tx, device=device: tx.automation.decisions(device.number, None, 10))  # type: ignore[misc]
            outcomes = [decision.outcome for decision in decisions]
            assert outcomes.count(DecisionOutcome.WATERED) == 1, device.id
            assert len(decisions) <= 2, "and the ledger says it once"
