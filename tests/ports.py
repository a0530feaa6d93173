"""Ports for servers that tests end and start again while other tests open connections and servers of their own."""

import os
import socket
import weakref


def reserve_a_port(owner: object) -> int:
    """Give a port of 127.0.0.1 that nobody else is given while `owner` lives, also while its server is down.

    A socket that is bound and does not listen keeps it; a server with SO_REUSEADDR may bind it beside.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", 0))
    port = int(place.getsockname()[1])
    weakref.finalize(owner, os.close, place.detach())
    return port
