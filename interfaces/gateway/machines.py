"""Machines: look at them, and say that one lets us in again."""

from aiohttp import web

from events.machines import FLEET, AllowLogin
from events.values import Context
from interfaces.gateway.auth import user_of
from interfaces.gateway.exchange import Page, answer, as_of, idempotency_key
from interfaces.gateway.problems import Problem
from interfaces.gateway.surroundings import edge_of
from interfaces.gateway.writes import not_known_yet, write
from interfaces.issuing import Write
from interfaces.showing import ShownMachine, shown_machine
from projections.machines import Machine, list_machines


async def list_all(request: web.Request) -> web.StreamResponse:
    """All machines."""
    headers = await as_of(request, "machines")
    return answer(Page[Machine](items=await list_machines(edge_of(request).pool)), headers)


async def one(request: web.Request) -> web.StreamResponse:
    """One machine."""
    headers = await as_of(request, "machines")
    return answer(await named(request), headers)


async def allow_login(request: web.Request) -> web.StreamResponse:
    """Try a machine's refused login again, once: for administrators."""
    name = request.match_info["name"]
    for_administrators(request)
    await named(request)
    wanted = Write(
        idempotency_key(request), Context.MACHINES, FLEET, AllowLogin(name=name), ("machines",)
    )
    if await write(request, wanted) is None:
        return not_known_yet(wanted)
    headers = await as_of(request, "machines")
    return answer(await named(request), headers)


def for_administrators(request: web.Request) -> None:
    """Who logs in to machines, or says that one lets us in. Raises `Problem` for all others."""
    if not user_of(request).administrator:
        raise Problem(
            403, "Only administrators log in to machines, or say that one lets us in again."
        )


async def named(request: web.Request) -> ShownMachine:
    """The machine that the path names. Raises `Problem`."""
    found = await shown_machine(edge_of(request).pool, request.match_info["name"])
    if found is None:
        raise Problem(404, "There is no such machine.")
    return found
