"""GPIO lines through the kernel's character device: `linux/gpio.h`, version 2 of its interface (Linux 5.10 and newer).

The pump's supervisor runs this with nothing but Python's core around it, so it imports little.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import time

_GET_CHIP_INFO = 0x8044B401
_GET_LINE = 0xC250B407
_GET_VALUES = 0xC010B40E
_SET_VALUES = 0xC010B40F

_CHIP_INFO = struct.Struct("=32s32sI")
_LINE_REQUEST = struct.Struct("=64I32sQI20x240sII20xi")
_OUTPUT_VALUES = struct.Struct("=IIQQ")
_VALUES = struct.Struct("=QQ")
_EVENT = struct.Struct("=QIIII24x")

_ACTIVE_LOW = 1 << 1
_INPUT = 1 << 2
_OUTPUT = 1 << 3
_BOTH_EDGES = 1 << 4 | 1 << 5
_PULL_UP = 1 << 8
_ATTRIBUTE_OUTPUT_VALUES = 2
_RISING = 1
_MOST_CHIPS = 32
_MOST_EVENTS = 1024


class GpioError(OSError):
    """A line that cannot be had; the text says which and why."""


class Output:
    """One output line. It is inactive from the moment that it exists."""

    def __init__(self, pin: int, *, active_high: bool, patience_s: float = 0.0) -> None:
        flags = _OUTPUT | (0 if active_high else _ACTIVE_LOW)
        self._fd = _request(pin, flags, patience_s=patience_s)

    def set(self, is_on: bool) -> None:
        """Switch. Raises OSError."""
        fcntl.ioctl(self._fd, _SET_VALUES, _VALUES.pack(int(is_on), 1))

    def close(self) -> None:
        """Let go of the line. Whether it keeps its level then is the kernel's affair: switch it off before."""
        os.close(self._fd)


class Input:
    """One input line with its edges, which the kernel dates (CLOCK_MONOTONIC)."""

    def __init__(self, pin: int, *, pull_up: bool) -> None:
        flags = _INPUT | _BOTH_EDGES | (_PULL_UP if pull_up else 0)
        self._fd = _request(pin, flags)
        os.set_blocking(self._fd, False)

    def is_high(self) -> bool:
        """Its level now."""
        values = bytearray(_VALUES.pack(0, 1))
        fcntl.ioctl(self._fd, _GET_VALUES, values)
        return bool(_VALUES.unpack(values)[0] & 1)

    def edges(self, wait_s: float = 0.0) -> list[tuple[int, bool]]:
        """The edges since the last call, as (nanoseconds, it rose); waits for the first one as long as that."""
        if wait_s > 0:
            select.select([self._fd], [], [], wait_s)
        try:
            raw = os.read(self._fd, _EVENT.size * _MOST_EVENTS)
        except BlockingIOError:
            return []
        return [(event[0], event[1] == _RISING) for event in _EVENT.iter_unpack(raw)]

    def close(self) -> None:
        """Let go of the line."""
        os.close(self._fd)


def header_chip() -> str:
    """The device of the chip behind the 40-pin header: its number differs between models and kernels.

    Raises GpioError.
    """
    found = ""
    is_refused = False
    for number in range(_MOST_CHIPS):
        path = f"/dev/gpiochip{number}"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except PermissionError:
            is_refused = True
            continue
        except OSError:
            continue
        try:
            info = bytearray(_CHIP_INFO.size)
            fcntl.ioctl(descriptor, _GET_CHIP_INFO, info)
        finally:
            os.close(descriptor)
        label = _CHIP_INFO.unpack(info)[1].rstrip(b"\0")
        # A Raspberry Pi 5 has its header on the RP1; its other chips are not ours.
        if label == b"pinctrl-rp1":
            return path
        if label.startswith(b"pinctrl-bcm"):
            found = found or path
    if found:
        return found
    if is_refused:
        raise GpioError(errno.EACCES, "may not use /dev/gpiochip*: is the user in the group gpio?")
    raise GpioError(errno.ENODEV, "there is no Raspberry Pi header here (no /dev/gpiochip* of one)")


def _request(pin: int, flags: int, *, patience_s: float = 0.0) -> int:
    """The line's own descriptor. An output begins inactive, without a glitch."""
    give_up_s = time.monotonic() + patience_s
    chip = os.open(header_chip(), os.O_RDWR | os.O_CLOEXEC)
    try:
        values = _OUTPUT_VALUES.pack(_ATTRIBUTE_OUTPUT_VALUES, 0, 0, 1) if flags & _OUTPUT else b""
        events = _MOST_EVENTS if flags & _INPUT else 0
        while True:
            request = bytearray(
                _LINE_REQUEST.pack(pin, *[0] * 63, b"plant-node", flags, 1 if values else 0, values, 1, events, 0)
            )
            try:
                fcntl.ioctl(chip, _GET_LINE, request)
            except OSError as error:
                if error.errno == errno.EBUSY and time.monotonic() < give_up_s:
                    # Its last user may be dying just now.
                    time.sleep(0.02)
                    continue
                raise GpioError(error.errno, f"GPIO {pin}: {os.strerror(error.errno or 0)}") from None
            return int(_LINE_REQUEST.unpack(request)[-1])
    finally:
        os.close(chip)
