"""Simulations: look at them, and steer them."""

from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field

from events.simulations import (
    CancelSimulation,
    HoldSimulation,
    RefreshSimulation,
    ReleaseSimulation,
    RetrySimulation,
)
from events.values import Command, Context
from interfaces.gateway.exchange import Page, answer, as_of, body_of, id_of, idempotency_key
from interfaces.gateway.incidents import visible
from interfaces.gateway.problems import Problem
from interfaces.gateway.surroundings import edge_of
from interfaces.gateway.writes import write_and
from interfaces.issuing import Write
from interfaces.showing import ShownSimulation, shown_simulation
from projections.simulations import Simulation, list_simulations


class Why(BaseModel):
    """Why a simulation is cancelled, held or released, for the log."""

    reason: str = Field(default="", max_length=1000)


async def list_of_incident(request: web.Request) -> web.StreamResponse:
    """The incident's simulations, in order of creation."""
    id = str(id_of(request))
    headers, incident = await as_of(request, "simulations", id), await visible(request, id)
    found = await list_simulations(edge_of(request).pool, incident.id)
    return answer(Page[Simulation](items=found), headers)


async def one(request: web.Request) -> web.StreamResponse:
    """One simulation: its state and who says so, where it runs and why there, its files."""
    headers = await as_of(request, "simulations")
    return answer(await _found(request, id_of(request)), headers)


async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel a simulation; it has ended when a witness on its machine says so."""
    reason = (await body_of(request, Why)).reason
    return await _steer(request, CancelSimulation(simulation=id_of(request), reason=reason))


async def retry(request: web.Request) -> web.StreamResponse:
    """Submit once more what was never found on its machine, or now what waits for room there."""
    return await _steer(request, RetrySimulation(simulation=id_of(request)))


async def hold(request: web.Request) -> web.StreamResponse:
    """Keep a simulation whose job waits from starting; it is held when its machine says so."""
    reason = (await body_of(request, Why)).reason
    return await _steer(request, HoldSimulation(simulation=id_of(request), reason=reason))


async def release(request: web.Request) -> web.StreamResponse:
    """Let a simulation whose job is held start when it may."""
    reason = (await body_of(request, Why)).reason
    return await _steer(request, ReleaseSimulation(simulation=id_of(request), reason=reason))


async def refresh(request: web.Request) -> web.StreamResponse:
    """Ask a simulation's machine about it now, not at its next turn."""
    return await _steer(request, RefreshSimulation(simulation=id_of(request)))


async def _steer(request: web.Request, command: Command) -> web.StreamResponse:
    found = await _found(request, id_of(request))
    key, shown_by = idempotency_key(request), ("simulations",)
    wanted = Write(key, Context.SIMULATIONS, found.incident, command, shown_by)
    return await write_and(request, wanted, one)


async def _found(request: web.Request, id: UUID) -> ShownSimulation:
    found = await shown_simulation(edge_of(request).pool, id)
    if found is None:
        raise Problem(404, "There is no such simulation.")
    await visible(request, found.incident)
    return found
