"""The backend is found on the local network, and says nothing private there."""

import asyncio

import pytest
from plant_backend.app import can_be_advertised
from plant_backend.integrations.zeroconf import SERVICE, Advertisement
from plant_backend.settings import Settings
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

INSTANCE = "0b8f6a62-5a0e-4c3e-9a0e-0f5b7a3a1c55"


async def test_it_is_found_with_what_a_client_needs_and_nothing_else() -> None:
    changes: asyncio.Queue[tuple[str, ServiceStateChange]] = asyncio.Queue()

    def note(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        changes.put_nowait((name, state_change))

    listener = AsyncZeroconf(interfaces=["127.0.0.1"])
    browser = AsyncServiceBrowser(listener.zeroconf, SERVICE, handlers=[note])
    advertisement = Advertisement(INSTANCE, 1, "0.1.0", 8123, interfaces=["127.0.0.1"])
    await advertisement.start()
    try:
        async with asyncio.timeout(60):
            name = f"plant-automation-{INSTANCE[:8]}.{SERVICE}"
            # Another backend on this machine may be heard as well.
            while await changes.get() != (name, ServiceStateChange.Added):
                pass
            info = AsyncServiceInfo(SERVICE, name)
            assert await info.async_request(listener.zeroconf, 30_000)
            assert (info.port, info.parsed_addresses()) == (8123, ["127.0.0.1"])
            assert info.decoded_properties == {"instance_id": INSTANCE, "api_version": "1", "version": "0.1.0"}
            await advertisement.stop()
            while await changes.get() != (name, ServiceStateChange.Removed):
                pass
    finally:
        await advertisement.stop()
        await browser.async_cancel()
        await listener.async_close()


# The library leaves the sockets that it had opened to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_network_that_takes_no_entry_stops_nothing() -> None:
    advertisement = Advertisement(INSTANCE, 1, "0.1.0", 8123, interfaces=["203.0.113.77"])
    await advertisement.start()
    await advertisement.stop()


@pytest.mark.parametrize(
    ("wanted", "host", "advertised"),
    [
        (True, "0.0.0.0", True),
        (True, "192.168.1.5", True),
        (False, "0.0.0.0", False),
        (True, "127.0.0.1", False),
        (True, "::1", False),
    ],
)
def test_what_nobody_else_reaches_is_not_advertised(wanted: bool, host: str, advertised: bool) -> None:
    assert can_be_advertised(Settings(zeroconf=wanted, host=host, _env_file=None)) is advertised
