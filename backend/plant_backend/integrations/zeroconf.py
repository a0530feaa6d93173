"""Tells the local network that a backend is here, so that nobody types an address. No names of people or plants."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import structlog
from zeroconf import Error as ZeroconfError
from zeroconf import InterfaceChoice, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

log = structlog.get_logger(__name__)

SERVICE = "_plant-automation._tcp.local."


class Advertisement:
    """One entry of the local network's directory, from `start` to `stop`."""

    def __init__(
        self, instance_id: str, api_version: int, version: str, port: int, interfaces: Sequence[str] | None = None
    ) -> None:
        """`interfaces` are addresses to be heard on; by default all that reach another machine."""
        self._instance_id = instance_id
        self._properties = {"instance_id": instance_id, "api_version": str(api_version), "version": version}
        self._port = port
        self._interfaces = interfaces
        self._zeroconf: AsyncZeroconf | None = None

    async def start(self) -> None:
        """Begin. What does not work is logged: the backend is as good without."""
        try:
            addresses = list(self._interfaces) if self._interfaces else await asyncio.to_thread(_own_addresses)
            if not addresses:
                log.info("not_advertised", reason="no address that another machine could reach")
                return
            self._zeroconf = AsyncZeroconf(interfaces=self._interfaces or InterfaceChoice.All)
            info = ServiceInfo(
                SERVICE,
                f"plant-automation-{self._instance_id[:8]}.{SERVICE}",
                port=self._port,
                properties=self._properties,
                server=f"plant-automation-{self._instance_id[:8]}.local.",
                parsed_addresses=addresses,
            )
            # The name has one letter more than RFC 6335 has room for; whoever looks for it does not mind.
            await self._zeroconf.async_register_service(info, allow_name_change=True, strict=False)
        except (TimeoutError, OSError, ZeroconfError) as error:
            log.warning("not_advertised", reason=str(error) or type(error).__name__)
            await self.stop()

    async def stop(self) -> None:
        """Say good-bye."""
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is not None:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()


def _own_addresses() -> list[str]:
    """Give the addresses by which other machines reach this one."""
    found = []
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Connecting a datagram socket sends nothing; it only asks which way it would go.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
            except OSError:
                continue
            address = str(probe.getsockname()[0])
        if not ip_address(address).is_loopback:
            found.append(address)
    return found
