"""How often somebody may guess wrong."""

import asyncio
import hashlib
import itertools
import os
import time
from ipaddress import IPv6Address, ip_address

from plant_backend.ports import Bus

_SLOTS = 16_384
_OWN_SALT = os.urandom(16)
_count = itertools.count()


class Attempts:
    """Buckets of attempts: `burst` at once, refilled one by one every `refill_s`.

    A key falls into one of a fixed number of slots. So memory is bounded and, unlike with a table that drops its
    oldest entries, nobody can wash a count away by trying many other keys. Nobody outside knows which keys share one.

    With a `name`, processes that share a bus count together: who tries at several of them gains nothing.
    """

    def __init__(self, burst: int, refill_s: float, name: str = "", bus: Bus | None = None, salt: str = "") -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._full_at: dict[int, float] = {}
        self._salt = salt.encode() or _OWN_SALT
        self._taken, self._given_back = f"attempt:{name}", f"attempt_undone:{name}"
        self._bus = bus if name else None
        if self._bus is not None:
            self._bus.subscribe(self._taken, self._take)
            self._bus.subscribe(self._given_back, self._give_back)

    def take(self, key: object) -> int:
        """Take one attempt. Gives 0, or the seconds until there is one again."""
        wait_s = self.wait_s(key)
        if not wait_s:
            slot = self._slot(key)
            self._take(slot)
            if self._bus is not None:
                self._bus.tell_others(self._taken, _once(slot))
        return wait_s

    def wait_s(self, key: object) -> int:
        """Give the seconds until there is an attempt to take, 0 where there is one."""
        lacking_s = self._full_at.get(self._slot(key), 0.0) - time.monotonic()
        too_much_s = lacking_s - (self._burst - 1) * self._refill_s
        return 0 if too_much_s <= 0 else int(too_much_s) + 1

    def give_back(self, key: object) -> None:
        """Undo a `take`: the attempt was a good one."""
        slot = self._slot(key)
        self._give_back(slot)
        if self._bus is not None:
            self._bus.tell_others(self._given_back, _once(slot))

    def _take(self, told: int) -> None:
        slot = told % _SLOTS
        self._full_at[slot] = max(self._full_at.get(slot, 0.0), time.monotonic()) + self._refill_s

    def _give_back(self, told: int) -> None:
        slot = told % _SLOTS
        if slot in self._full_at:
            self._full_at[slot] -= self._refill_s

    def _slot(self, key: object) -> int:
        digest = hashlib.blake2b(repr(key).encode(), key=self._salt, digest_size=4).digest()
        return int.from_bytes(digest) % _SLOTS


def _once(slot: int) -> int:
    """Give a number that stands for one attempt at a slot: a bus says the same thing only once."""
    return next(_count) * _SLOTS + slot


class Refusals:
    """Paces the answers to who guessed wrong: a few at once, then `PER_S` a second, none later than `LONGEST_S`.

    Whoever waits for an answer does not ask again. So a flood of guesses costs the nodes next to nothing, and who is
    right never waits.
    """

    PER_S = 20.0
    BURST = 30
    LONGEST_S = 5.0

    def __init__(self) -> None:
        self._next_at = 0.0

    async def wait(self) -> None:
        """Return when it is this refusal's turn."""
        now = time.monotonic()
        self._next_at = max(self._next_at, now - self.BURST / self.PER_S) + 1 / self.PER_S
        delay_s = self._next_at - now
        if delay_s > self.LONGEST_S:
            # The queue does not grow beyond what is waited for: when the flood ends, it ends.
            self._next_at = now + self.LONGEST_S
        if delay_s > 0:
            await asyncio.sleep(min(delay_s, self.LONGEST_S))


def network_of(address: str) -> str:
    """Give what stands for a caller: the address, or the /64 that one household of IPv6 has."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped) if ip.ipv4_mapped else str(IPv6Address(int(ip) >> 64 << 64))
    return str(ip)
