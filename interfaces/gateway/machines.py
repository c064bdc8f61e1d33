"""Machines: look at them, and steer them."""

from urllib.parse import quote
from uuid import UUID

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from events.checkups import Checkup
from events.jobs import JobOptions
from events.machines import (
    FLEET,
    LOGIN_NEEDED,
    AllowLogin,
    CheckMachine,
    DisableMachine,
    EnableMachine,
    EstimateStart,
    RemoveMachine,
)
from events.simulations import Resources
from events.values import Command, Context, Identifier
from interfaces.gateway.auth import user_of
from interfaces.gateway.exchange import (
    Page,
    PageQuery,
    answer,
    as_of,
    body_of,
    id_of,
    idempotency_key,
    query_of,
)
from interfaces.gateway.problems import Problem
from interfaces.gateway.surroundings import edge_of
from interfaces.gateway.writes import NotKnownYet, later, not_known_yet, write, write_and
from interfaces.issuing import Write
from interfaces.showing import ShownMachine, shown_machine
from projections.audit import AuditLine, read_audit
from projections.commands import find_outcome
from projections.machines import Machine, list_machines

MACHINES = "/api/v1/machines"

_IDENTIFIER = TypeAdapter(Identifier)
_NO_SUCH = "There is no such machine."


class JobInMind(BaseModel):
    """A job that is not submitted."""

    resources: Resources
    options: JobOptions = JobOptions()


class CheckupQuery(BaseModel):
    """Which check of a machine: the newest."""

    since: AwareDatetime | None = None
    """If it did not end before."""


class Checked(BaseModel):
    """What a check of a machine found, and when."""

    checked: AwareDatetime
    checkup: Checkup


async def list_all(request: web.Request) -> web.StreamResponse:
    """All machines."""
    headers = await as_of(request, "machines")
    return answer(Page[Machine](items=await list_machines(edge_of(request).pool)), headers)


async def one(request: web.Request) -> web.StreamResponse:
    """One machine."""
    headers = await as_of(request, "machines")
    return answer(await named(request), headers)


async def audit(request: web.Request) -> web.StreamResponse:
    """What was done on a machine, or on one that was removed, newest first."""
    wanted, pool, name = query_of(request, PageQuery), edge_of(request).pool, _name(request)
    headers = await as_of(request, "audit")
    try:
        found = await read_audit(pool, name, wanted.limit, wanted.after)
    except ValueError:
        raise Problem(400, "There is no such place in the audit; begin anew.") from None
    if not found and wanted.after is None:
        await named(request)
    more = found[0].place if len(found) == wanted.limit else None
    return answer(Page[AuditLine](items=found[::-1], next=more), headers)


async def checkup(request: web.Request) -> web.StreamResponse:
    """What the newest check of a machine found; 202 while one that was asked for is under way."""
    since, headers = query_of(request, CheckupQuery).since, await as_of(request, "machines")
    found = await named(request)
    if found.checkup and found.checked and (since is None or found.checked >= since):
        return answer(Checked(checked=found.checked, checkup=found.checkup), headers)
    if since is None:
        raise Problem(404, f"{found.name} has not been checked with these settings.")
    needed = f"{LOGIN_NEEDED}: {found.reason}. {found.name} is checked after it."
    told = needed if found.login_needed else "under way"
    return later(NotKnownYet(detail=told, outcome=request.path_qs))


async def estimated(request: web.Request) -> web.StreamResponse:
    """When a job would start on a machine; 202 while it is being asked."""
    id, pool, headers = id_of(request), edge_of(request).pool, await as_of(request, "machines")
    for told in (await named(request)).estimates:
        if told.id == id:
            return answer(told, headers)
    asked = await find_outcome(pool, id)
    if asked is None or not asked.accepted:
        raise Problem(404, "Nobody asked this.")
    return later(NotKnownYet(detail="under way", command=id, outcome=request.path))


async def enable(request: web.Request) -> web.StreamResponse:
    """Let new jobs go to a machine."""
    return await _steer(request, EnableMachine(name=await _known(request)))


async def disable(request: web.Request) -> web.StreamResponse:
    """Let no new job go to a machine; those there go on to their end."""
    return await _steer(request, DisableMachine(name=await _known(request)))


async def allow_login(request: web.Request) -> web.StreamResponse:
    """Try a machine's refused login again, once."""
    return await _steer(request, AllowLogin(name=await _known(request)))


async def drain(request: web.Request) -> web.StreamResponse:
    """As disable; 202 as long as jobs of ours are there."""
    wanted = carrying(idempotency_key(request), DisableMachine(name=await _known(request)))

    async def drained(request: web.Request) -> web.StreamResponse:
        if not (jobs := len((await named(request)).simulations)):
            return await one(request)
        told = f"{jobs} of our jobs are on {_name(request)}, or on their way there"
        where = f"{MACHINES}/{_name(request)}"
        return later(NotKnownYet(detail=told, command=wanted.id, outcome=where))

    return await write_and(request, wanted, drained)


async def remove(request: web.Request) -> web.StreamResponse:
    """Take a machine out of the fleet; its history stays."""
    wanted = carrying(idempotency_key(request), RemoveMachine(name=_name(request)))
    if await find_outcome(edge_of(request).pool, wanted.id, str(user_of(request).id)) is None:
        await named(request)
    found = await write(request, wanted)
    return not_known_yet(wanted) if found is None else answer(found)


async def check(request: web.Request) -> web.StreamResponse:
    """Find out what a machine is like; 202, and where it will be told."""
    name, key = await _known(request), idempotency_key(request)
    wanted = carrying(key, CheckMachine(name=name, check=key))
    found = await write(request, wanted)
    if found is None:
        return not_known_yet(wanted)
    where = f"{MACHINES}/{name}/checkup?since={quote(found.decided.isoformat(), safe=':')}"
    return later(NotKnownYet(detail="under way", command=key, outcome=where))


async def estimate(request: web.Request) -> web.StreamResponse:
    """Ask when a job would start; 202, and where it will be told."""
    name, key = await _known(request), idempotency_key(request)
    job = await body_of(request, JobInMind)
    asked = EstimateStart(name=name, estimate=key, resources=job.resources, options=job.options)
    wanted = carrying(key, asked)
    if await write(request, wanted) is None:
        return not_known_yet(wanted)
    where = f"{MACHINES}/{name}/estimates/{key}"
    return later(NotKnownYet(detail="under way", command=key, outcome=where))


async def _steer(request: web.Request, command: Command) -> web.StreamResponse:
    return await write_and(request, carrying(idempotency_key(request), command), one)


def carrying(key: UUID, command: Command) -> Write:
    """A command to the manager of machines, under the key of a request."""
    return Write(key, Context.MACHINES, FLEET, command, ("machines",))


async def _known(request: web.Request) -> str:
    """The name in the path, of a machine that there is."""
    return (await named(request)).name


def _name(request: web.Request) -> str:
    """Raises `Problem` if no machine can be called so."""
    try:
        return _IDENTIFIER.validate_python(request.match_info["name"])
    except ValidationError:
        raise Problem(404, _NO_SUCH) from None


async def named(request: web.Request) -> ShownMachine:
    """The machine that the path names. Raises `Problem`."""
    found = await shown_machine(edge_of(request).pool, _name(request))
    if found is None:
        raise Problem(404, _NO_SUCH)
    return found
