"""The live stream: the timeline as server-sent events, resumed behind the last one that was seen.

An event's id says what was seen with it, in all partitions (`projections.seen`): it holds over a
rebuild of the timeline.

A client takes events off at its own pace: nothing is read from the tables before what was read
earlier has left for the network.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiohttp import web
from pydantic import BaseModel

from interfaces.gateway.auth import EXPIRES, user_of
from interfaces.gateway.exchange import as_of, query_of
from interfaces.gateway.incidents import seen_by, visible
from interfaces.gateway.problems import STARTED, Problem
from interfaces.gateway.surroundings import WebEdge, edge_of
from projections import positions
from projections.seen import Seen
from projections.timeline import TimelineEvent, read_timeline, serial_before
from projections.users import find_user

STREAMS = web.AppKey("streams", set[asyncio.Task[object]])
TURNS = web.AppKey("turns", asyncio.Semaphore)
"""Of streams that read the timeline."""
READ_AT_ONCE = 4
"""Fewer than there are connections: however many streams catch up, others find one."""

_AT_ONCE = 50
_BREATH = 0.05
"""Seconds between two looks at a busy timeline."""
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class LiveQuery(BaseModel):
    """Of which incidents, and from where on."""

    incident: list[str] = []
    """Users name their own; administrators get all events if they name none."""
    after: str | None = None
    """As `Last-Event-ID`, for clients that cannot set a header; `0`: from the beginning."""


async def live(request: web.Request) -> web.StreamResponse:
    """Events as they happen, from the last one seen on, or from now on."""
    edge, wanted = edge_of(request), query_of(request, LiveQuery)
    incidents = await _incidents(request, wanted)
    last = request.headers.get("Last-Event-ID", wanted.after)
    seen = await (seen_by(edge, last) if last is not None else _all(edge))
    response = web.StreamResponse(headers={**_HEADERS, **await as_of(request, "timeline")})
    request[STARTED] = True
    await response.prepare(request)
    with known_as_stream(request), suppress(ConnectionError):
        try:
            await _stream(request, response, seen, incidents)
        except TimeoutError:
            _hang_up(request)
    return response


@contextmanager
def known_as_stream(request: web.Request) -> Iterator[None]:
    """So that it can be ended when the server stops."""
    streams, task = request.config_dict[STREAMS], asyncio.current_task()
    assert task is not None
    streams.add(task)
    try:
        yield
    finally:
        streams.discard(task)


def _hang_up(request: web.Request) -> None:
    """Drop a client that takes nothing: it would not take a farewell either."""
    if request.transport:
        request.transport.abort()


async def _incidents(request: web.Request, wanted: LiveQuery) -> list[str] | None:
    if not wanted.incident:
        if user_of(request).administrator:
            return None
        raise Problem(400, "Name the incidents to follow: ?incident=…, once or more often.")
    return [(await visible(request, id)).id for id in wanted.incident]


async def _all(edge: WebEdge) -> Seen:
    """All that the timeline holds now."""
    marks = await positions.load(edge.pool, "timeline")
    return Seen.before({source: mark.position.offset for source, mark in marks.items()})


async def _stream(
    request: web.Request, response: web.StreamResponse, seen: Seen, incidents: list[str] | None
) -> None:
    """Send what comes until the token expires or the user is not what they were.

    `ConnectionError`: the client has gone.
    """
    edge, user, turn = edge_of(request), user_of(request), request.config_dict[TURNS]
    await _write(edge, response, b"retry: 2000\n\n")
    async with turn:
        after = await serial_before(edge.pool, seen)
    looked = asyncio.Event()
    looked.set()
    while edge.wall() < request[EXPIRES]:
        moved = edge.reader.move("timeline")
        if looked.is_set():
            looked = edge.reader.move("users")
            if await find_user(edge.pool, user.id) not in (user, None):  # None: being rebuilt
                return
        async with turn:
            events = await read_timeline(edge.pool, seen, incidents, _AT_ONCE, after)
        for number, event in events:
            after = number
            if seen.take((event.context, event.partition), (event.offset, event.index)):
                await _write(edge, response, _encoded(event, seen))
        if not events:
            if incidents is None:  # a rebuild gives what was seen new numbers
                async with turn:
                    after = await serial_before(edge.pool, seen)
            await _until_moved(edge, response, moved, looked)


async def _until_moved(edge: WebEdge, response: web.StreamResponse, *moves: asyncio.Event) -> None:
    """Until there may be more to do, or a sign of life is due."""
    waits = [asyncio.ensure_future(move.wait()) for move in moves]
    try:
        done, _ = await asyncio.wait(
            waits, timeout=edge.settings.heartbeat, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for wait in waits:
            wait.cancel()
    if not done:
        await _write(edge, response, b": still here\n\n")
    await asyncio.sleep(_BREATH)


async def _write(edge: WebEdge, response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(edge.settings.stalled):
        await response.write(data)


def _encoded(event: TimelineEvent, seen: Seen) -> bytes:
    return f"id: {seen}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()


async def end_streams(app: web.Application) -> None:
    """The server stops: clients come back with their last id."""
    streams = app[STREAMS]
    for task in list(streams):
        task.cancel()
