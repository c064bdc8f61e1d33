"""Ports for servers that stand and fall with who started them."""

import socket
from pathlib import Path
from random import SystemRandom

_HOST = "127.0.0.1"
_GIVEN_TO_CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _USUAL = 10_000, 32_768
_given = set[int]()
"""By this process: who was given one may not listen yet."""


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nobody listens, below those that connections are given.

    One of those might be a connection's own before somebody listens there. None is given twice.
    """
    order = range(_FIRST, max(_lowest_of_connections(), 2 * _FIRST))
    found: list[int] = []
    for port in SystemRandom().sample(order, len(order)):
        if len(found) == count:
            break
        if port not in _given and _is_free(port):
            found.append(port)
    _given.update(found)
    return found


def _lowest_of_connections() -> int:
    try:
        return int(_GIVEN_TO_CONNECTIONS.read_text().split()[0])
    except OSError:
        return _USUAL


def _is_free(port: int) -> bool:
    try:
        socket.create_server((_HOST, port)).close()
    except OSError:
        return False
    return True
