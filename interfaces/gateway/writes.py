"""Writes: a command goes to its manager, and the answer waits until readers see what came of it."""

import asyncio
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from structlog.contextvars import bind_contextvars

from bus import Doubt
from interfaces.gateway.auth import user_of
from interfaces.gateway.exchange import answer, as_of, id_of
from interfaces.gateway.problems import WRITING, Handler, Problem
from interfaces.gateway.surroundings import WebEdge, edge_of
from interfaces.issuing import Write, issue, outcome, shown
from managers.runtime import about
from projections.commands import Outcome, find_outcome
from projections.keys import hold_key, release_key


class NotKnownYet(BaseModel):
    """Something was accepted; what comes of it is not known yet."""

    detail: str = "accepted, not known yet"
    command: UUID | None = None
    outcome: str
    """Where to ask."""


async def write(request: web.Request, wanted: Write, refused: int = 409) -> Outcome | None:
    """What came of a command, once readers can see it; None: not known yet.

    One that is known to have been accepted is not sent again: meanwhile somebody may have undone
    what it did. Raises `Problem` with the status `refused` and the reason if it was refused; 409,
    with nothing sent, if its id was used for another one.
    """
    edge, actor = edge_of(request), str(user_of(request).id)
    incident = wanted.key if wanted.context.keyed_by_incident else None
    bind_contextvars(**about(incident, correlation=wanted.id))
    request[WRITING] = True
    use = wanted.command.model_dump(mode="json")
    held = await hold(edge, actor, wanted.id, [wanted.context, wanted.key, use])
    try:
        async with asyncio.timeout(edge.settings.write_deadline):
            found = await find_outcome(edge.pool, wanted.id, actor) if held > 1 else None
            if found is None or not found.accepted:
                place = await issue(edge.log, edge.clock, wanted, actor)
                edge.writing.hindered, request[WRITING] = None, False
                found = await outcome(edge.reader, wanted, actor, place)
            await shown(edge.reader, found, wanted.shown_by)
    except (Doubt, TimeoutError):
        return None
    if not found.accepted:
        await release_key(edge.pool, actor, wanted.id)
        raise Problem(refused, found.reason or "refused", command=str(wanted.id))
    return found


async def write_and(request: web.Request, wanted: Write, show: Handler) -> web.StreamResponse:
    """The answer to a command about something that `show` answers with, once it was carried out."""
    if await write(request, wanted) is None:
        return not_known_yet(wanted)
    return await show(request)


async def hold(edge: WebEdge, actor: str, key: UUID, use: object) -> int:
    """Bind a sender's key to what it is used for; how often it was by now, refusals not counted.

    Raises `Problem` if that is something else.
    """
    held = await hold_key(edge.pool, actor, key, to_jsonable_python(use))
    if not held:
        detail = (
            "This key or id was used for something else, so that nothing is done: take another."
        )
        raise Problem(409, detail, command=str(key))
    return held


def not_known_yet(wanted: Write) -> web.Response:
    """202, and where to ask for the word on a command."""
    where = f"/api/v1/commands/{wanted.id}"
    return later(NotKnownYet(command=wanted.id, outcome=where))


def later(told: NotKnownYet) -> web.Response:
    """202, and where to ask."""
    return answer(told, {"Location": told.outcome}, 202)


async def command(request: web.Request) -> web.StreamResponse:
    """The word on a command that the user sent."""
    user, headers = user_of(request), await as_of(request, "commands")
    actor = None if user.administrator else str(user.id)
    found = await find_outcome(edge_of(request).pool, id_of(request), actor)
    if found is None:
        raise Problem(404, "Nothing is known of this command (yet).")
    return answer(found, headers)
