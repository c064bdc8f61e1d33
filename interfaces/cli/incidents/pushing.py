"""Data that arrives by hand: a file, or what is piped in."""

import mimetypes
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import uuid4

import typer

from deploy.storage import Storage
from events.endpoints import ReceivePush
from events.incidents import Arrival
from events.values import Content, Context
from interfaces.cli.errors import Complaint
from interfaces.cli.incidents.naming import Id, id_of
from interfaces.cli.options import AsJson
from interfaces.cli.output import answer
from interfaces.cli.session import desk, require_same_blobs, run
from managers.blobs import keep_content
from projections.endpoints import list_endpoints

_CHUNK = 1 << 20


def push(
    ctx: typer.Context,
    id: Id,
    endpoint: Annotated[str, typer.Argument(help="Name of one of its open endpoints.")],
    file: Annotated[str, typer.Argument(help="What arrives; - for standard input.")],
    media_type: Annotated[str | None, typer.Option(help="Guessed from the name if unset.")] = None,
    json: AsJson = False,
) -> None:
    """Give data to an incident's workflow, as a sensor or a responder would.

    The stage behind the endpoint runs with it; what it refuses, and why, is in the incident's log.

    Example: vestec incidents push 3f2a hotspots pass-1.csv

    Next: vestec incidents show ID, vestec incidents log ID
    """

    async def work() -> None:
        async with desk(ctx) as at:
            incident = await id_of(at.storage, id)
            command = await _arrival(at.storage, incident, endpoint, file, media_type)
            arrival = command.arrival
            known = await at.carry_out(
                Context.ENDPOINTS, incident, command, "endpoints", id=arrival.id
            )
        told = {"id": str(arrival.id), "known": known, "size": arrival.content.size}
        came = f"{arrival.id} {'arrived' if known else 'sent'}, {arrival.content.size} bytes"
        answer(json, told, came)

    run(work())


async def _arrival(
    storage: Storage, incident: str, endpoint: str, file: str, media_type: str | None
) -> ReceivePush:
    """The command that lets a file (or `-`) arrive. Raises `Complaint`, `OSError`."""
    is_open = [found.name for found in await list_endpoints(storage.pool, incident)]
    if endpoint not in is_open:
        there = f"open are: {', '.join(is_open)}" if is_open else "none is open (is it active?)"
        raise Complaint(f"The incident has no endpoint {endpoint}; {there}.")
    guessed = media_type or mimetypes.guess_type(file)[0] or "application/octet-stream"
    arrival = Arrival(
        id=uuid4(),
        endpoint=endpoint,
        received=time.time(),
        content=await _content(storage, file, guessed),
        source="command line",
    )
    return ReceivePush(arrival=arrival)


async def _content(storage: Storage, file: str, media_type: str) -> Content:
    await require_same_blobs(storage)
    with _opened(file) as stream:
        chunks = _chunks(stream, storage.settings.push_limit)
        content = await keep_content(storage.blobs, chunks, media_type)
    if not content.size:
        raise Complaint(f"{file} is empty: there is nothing to push.")
    return content


def _opened(file: str) -> BinaryIO:
    return sys.stdin.buffer if file == "-" else Path(file).open("rb")


async def _chunks(stream: BinaryIO, limit: int) -> AsyncIterator[bytes]:
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise Complaint(f"At most {limit} bytes are taken; see VESTEC_PUSH_LIMIT.")
        yield chunk
