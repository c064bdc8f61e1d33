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
from projections.machines import Machine, list_machines


async def list_all(request: web.Request) -> web.StreamResponse:
    """All machines."""
    headers = await as_of(request, "machines")
    return answer(Page[Machine](items=await list_machines(edge_of(request).pool)), headers)


async def allow_login(request: web.Request) -> web.StreamResponse:
    """Try a machine's refused login again, once: for administrators."""
    name = request.match_info["name"]
    if not user_of(request).administrator:
        raise Problem(403, "Only administrators say that a machine lets us in again.")
    if await _find(request, name) is None:
        raise Problem(404, "There is no such machine.")
    wanted = Write(
        idempotency_key(request), Context.MACHINES, FLEET, AllowLogin(name=name), ("machines",)
    )
    if await write(request, wanted) is None:
        return not_known_yet(wanted)
    found = await _find(request, name)
    if found is None:
        raise Problem(404, "The machine was removed meanwhile.")
    return answer(found, await as_of(request, "machines"))


async def _find(request: web.Request, name: str) -> Machine | None:
    found = await list_machines(edge_of(request).pool)
    return next((machine for machine in found if machine.name == name), None)
