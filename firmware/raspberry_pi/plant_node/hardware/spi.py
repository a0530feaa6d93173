"""An SPI device by the kernel's `/dev/spidevB.C` (linux/spi/spidev.h), mode 0."""

from __future__ import annotations

import array
import fcntl
import os
import struct

_MESSAGE_OF_ONE = 0x40206B00
_TRANSFER = struct.Struct("=QQIIHBBBBBB")
_SPEED_HZ = 1_000_000


class SpiDevice:
    """One chip on a bus."""

    def __init__(self, bus: int, chip_select: int) -> None:
        self._fd = os.open(f"/dev/spidev{bus}.{chip_select}", os.O_RDWR | os.O_CLOEXEC)

    def transfer(self, write: bytes) -> bytes:
        """Write and read as many bytes. Raises OSError."""
        out, back = array.array("B", write), array.array("B", bytes(len(write)))
        fcntl.ioctl(
            self._fd,
            _MESSAGE_OF_ONE,
            _TRANSFER.pack(out.buffer_info()[0], back.buffer_info()[0], len(write), _SPEED_HZ, 0, 8, 0, 0, 0, 0, 0),
        )
        return back.tobytes()

    def close(self) -> None:
        """Close the device."""
        os.close(self._fd)
