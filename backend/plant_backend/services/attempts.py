"""How often somebody may guess wrong."""

import time
from ipaddress import IPv6Address, ip_address

_SLOTS = 16_384


class Attempts:
    """Buckets of attempts: `burst` at once, refilled one by one every `refill_s`.

    A key falls into one of a fixed number of slots. So memory is bounded and, unlike with a table that drops its
    oldest entries, nobody can wash a count away by trying many other keys.
    """

    def __init__(self, burst: int, refill_s: float) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._full_at: dict[int, float] = {}

    def take(self, key: object) -> int:
        """Take one attempt. Gives 0, or the seconds until there is one again."""
        wait_s = self.wait_s(key)
        if not wait_s:
            slot = hash(key) % _SLOTS
            self._full_at[slot] = max(self._full_at.get(slot, 0.0), time.monotonic()) + self._refill_s
        return wait_s

    def wait_s(self, key: object) -> int:
        """Give the seconds until there is an attempt to take, 0 where there is one."""
        lacking_s = self._full_at.get(hash(key) % _SLOTS, 0.0) - time.monotonic()
        too_much_s = lacking_s - (self._burst - 1) * self._refill_s
        return 0 if too_much_s <= 0 else int(too_much_s) + 1

    def give_back(self, key: object) -> None:
        """Undo a `take`: the attempt was a good one."""
        slot = hash(key) % _SLOTS
        if slot in self._full_at:
            self._full_at[slot] -= self._refill_s


def network_of(address: str) -> str:
    """Give what stands for a caller: the address, or the /64 that one household of IPv6 has."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped) if ip.ipv4_mapped else str(IPv6Address(int(ip) >> 64 << 64))
    return str(ip)
