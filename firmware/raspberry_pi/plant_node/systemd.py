"""The part of sd_notify that the agent needs."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Tell systemd; without systemd nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(state.encode(), address)


def watchdog_interval_s() -> float | None:
    """How often systemd wants a sign of life: half of what it waits for."""
    try:
        interval_s = int(os.environ.get("WATCHDOG_USEC", "")) / 2_000_000
    except ValueError:
        return None
    return interval_s if interval_s > 0 else None
