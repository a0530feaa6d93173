"""What one process has to hear of what another did."""

from typing import Any

from plant_backend.domain.account import Principal
from plant_backend.domain.command import Action

from tests.backend.contract.test_one_dose import a_process
from tests.backend.stateful.bench import SetClock
from tests.builders import NOW, a_manifest


async def test_a_poll_hears_of_commands_after_its_device_has_changed(postgres_url: str, tmp_path: Any) -> None:
    """The poll goes on with what it knew of the device; without a bus the log alone tells of a command."""
    clock, told = SetClock(), list[int]()
    async with (
        a_process(postgres_url, clock, tmp_path) as (here, one),
        a_process(postgres_url, clock, tmp_path) as (there, other),
    ):
        there.listen_elsewhere(other.elsewhere)
        other.bus.subscribe("commands", told.append)

        def work(tx):  # type: ignore[no-untyped-def]
            user = tx.users.add("ada", "hash", NOW)
            device = tx.devices.add(Principal(user.id, "ada"), "d-1", "Fern", b"\1" * 32, NOW)
            tx.devices.register(device.number, a_manifest(), NOW)
            return Principal(user.id, "ada"), device

        ada, device = await here.write(work)
        await there.catch_up()
        # It knows the device from here on.
        await other.automation.evaluate(device.number)
        await one.devices.rename(ada, device.id, "Moss")
        await one.commands.request(ada, device.id, "pump", Action.OFF, None)
        await there.catch_up()
        assert set(told) == {device.number}
        told.clear()
        await one.devices.rename(ada, device.id, "Lichen")
        await there.catch_up()
        await one.commands.request(ada, device.id, "pump", Action.OFF, None)
        await there.catch_up()
        assert set(told) == {device.number}
