"""Whom a request comes from, where proxies stand before the web edge."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from aiohttp import web

from interfaces.gateway.surroundings import edge_of


def sender_of(request: web.Request) -> str:
    """The address of the nearest on the way here that is none of our proxies.

    A proxy adds to `X-Forwarded-For` who came to it. What stands there before that could have been
    written by anybody, and counts only as far as it is one of `GatewaySettings.proxies` who came.
    """
    proxies = edge_of(request).settings.proxies
    said = request.headers.getall("X-Forwarded-For", ())
    way = ",".join([*said, request.remote or ""]).split(",")
    sender = ""
    while way and (address := _address(way.pop())):
        sender = str(address)
        if not any(address in proxy for proxy in proxies):
            break
    return sender


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
