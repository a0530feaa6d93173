"""Which addresses notifications may be sent to: the world's by default, and what the administrator names."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PRIVATE = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""Homes, and what providers and overlay networks use alike (RFC 1918, 6598, 4193)."""

_SPECIAL: tuple[tuple[str, Network], ...] = (
    ("an address of this machine", ip_network("127.0.0.0/8")),
    ("an address of this machine", ip_network("::1/128")),
    # Clouds hand out credentials here; these lie inside ranges that may be allowed as private.
    ("a metadata service", ip_network("169.254.169.254/32")),
    ("a metadata service", ip_network("100.100.100.200/32")),
    ("a metadata service", ip_network("fd00:ec2::254/128")),
    ("a link-local address", ip_network("169.254.0.0/16")),
    ("a link-local address", ip_network("fe80::/10")),
)
"""What is never meant by a wider network: it has to be named itself."""

_NAT64 = ip_network("64:ff9b::/96")


def refusal(address: Address, allowed: Sequence[Network]) -> str | None:
    """Say what an address is that nothing is sent to, or give None."""
    inner = _embedded(address)
    if inner is not None:
        return refusal(inner, allowed)
    named = [network for network in allowed if address.version == network.version and address in network]
    for what, network in _SPECIAL:
        if address.version == network.version and address in network:
            return None if any(_lies_in(entry, network) for entry in named) else what
    if address.is_unspecified or address.is_multicast or str(address) == "255.255.255.255":
        return "no address of a machine"
    if named:
        return None
    if any(address.version == network.version and address in network for network in _PRIVATE):
        return "a private address"
    return None if address.is_global and not address.is_reserved else "a reserved address"


def networks(text: str) -> tuple[Network, ...]:
    """Read a list with commas; the word `private` stands for all private networks. Raises ValueError."""
    found: list[Network] = []
    for name in (part.strip() for part in text.split(",")):
        if name == "private":
            found += _PRIVATE
        elif name:
            found.append(ip_network(name, strict=False))
    return tuple(found)


def _lies_in(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _embedded(address: Address) -> IPv4Address | None:
    """Give the IPv4 address that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
