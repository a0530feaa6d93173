"""An I²C bus by the kernel's `/dev/i2c-N` (linux/i2c-dev.h): write, then read."""

from __future__ import annotations

import fcntl
import os

_SLAVE = 0x0703
_FIRST, _LAST = 0x08, 0x77


class I2cBus:
    """One bus. Not for several threads at once: a chip's conversation is more than one transfer."""

    def __init__(self, number: int) -> None:
        self._fd = os.open(f"/dev/i2c-{number}", os.O_RDWR | os.O_CLOEXEC)

    def transfer(self, address: int, write: bytes, read: int) -> bytes:
        """Write these bytes, if any, then read so many, if any. Raises OSError."""
        fcntl.ioctl(self._fd, _SLAVE, address)
        if write:
            os.write(self._fd, write)
        return os.read(self._fd, read) if read else b""

    def scan(self) -> list[int]:
        """The addresses at which a chip answers. Reads a byte of each and writes nothing."""
        found = []
        for address in range(_FIRST, _LAST + 1):
            try:
                self.transfer(address, b"", 1)
            except OSError:
                continue
            found.append(address)
        return found

    def close(self) -> None:
        """Close the device."""
        os.close(self._fd)
