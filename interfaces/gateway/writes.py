"""Writes: a command goes to its manager, and the answer waits until readers see what came of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel

from bus import Doubt, partition_of
from events.envelope import Issued, commands_topic, encode_issued
from events.values import Command, Context
from interfaces.gateway.auth import user_of
from interfaces.gateway.exchange import answer, as_of, id_of
from interfaces.gateway.problems import Problem
from interfaces.gateway.surroundings import Edge, edge_of
from projections.commands import Outcome, find_outcome


@dataclass(frozen=True, slots=True)
class Write:
    """A command, under an id: sent twice, it acts once."""

    id: UUID
    context: Context
    key: str
    command: Command
    shown_by: tuple[str, ...]
    """The projections that the sender will read next."""


class NotKnownYet(BaseModel):
    """The command was sent; what comes of it is not known yet."""

    detail: str = "accepted, not known yet"
    command: UUID
    outcome: str
    """Where to ask."""


async def write(request: web.Request, wanted: Write, refused: int = 409) -> Outcome | None:
    """What came of a command, once readers can see it; None: not known yet.

    Raises `Problem` with the status `refused` and the reason if it was refused.
    """
    edge, actor = edge_of(request), str(user_of(request).id)
    try:
        async with asyncio.timeout(edge.settings.write_deadline):
            taken = await _issue(edge, wanted, actor)
            outcome = await _outcome(edge, wanted, actor, taken)
            await _shown(edge, outcome, wanted.shown_by)
    except (Doubt, TimeoutError):
        return None
    if not outcome.accepted:
        raise Problem(refused, outcome.reason or "refused", command=str(wanted.id))
    return outcome


async def _issue(edge: Edge, wanted: Write, actor: str) -> tuple[int, int]:
    """Where the command lies: its partition and offset."""
    topic = commands_topic(wanted.context)
    partition = partition_of(wanted.key, await edge.log.partitions(topic))
    issued = Issued.model_construct(
        id=wanted.id,
        time=edge.clock.now(),
        actor=actor,
        correlation=wanted.id,
        command=wanted.command,  # type: ignore[arg-type]  # one of a known kind
    )
    record = encode_issued(wanted.key, issued)
    return partition, await edge.log.append(topic, partition, [record])


async def _outcome(edge: Edge, wanted: Write, actor: str, taken: tuple[int, int]) -> Outcome:
    """The word on this very command: a refusal of an earlier one of the same id is not it."""
    partition, offset = taken
    seen = -1
    while True:
        moved = edge.reader.move("commands")
        if (now := edge.reader.offset("commands", wanted.context, partition)) != seen:
            seen = now
            found = await find_outcome(edge.pool, wanted.id, actor)
            if found and (found.accepted or (found.taken or 0) >= offset):
                return found
        await moved.wait()


async def _shown(edge: Edge, outcome: Outcome, projections: Sequence[str]) -> None:
    place = (outcome.context, outcome.partition, outcome.offset)
    for projection in projections:
        if not await edge.reader.wait_for(projection, *place, edge.settings.write_deadline):
            raise TimeoutError


def not_known_yet(wanted: Write) -> web.Response:
    """202, and where to ask."""
    where = f"/api/v1/commands/{wanted.id}"
    return answer(NotKnownYet(command=wanted.id, outcome=where), {"Location": where}, 202)


async def command(request: web.Request) -> web.StreamResponse:
    """The word on a command that the user sent."""
    user, headers = user_of(request), as_of(request, "commands")
    actor = None if user.administrator else str(user.id)
    found = await find_outcome(edge_of(request).pool, id_of(request), actor)
    if found is None:
        raise Problem(404, "Nothing is known of this command (yet).")
    return answer(found, headers)
