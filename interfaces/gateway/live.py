"""The live stream: the timeline as server-sent events, resumed behind the last one that was seen.

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
from interfaces.gateway.incidents import serial, visible
from interfaces.gateway.problems import STARTED, Problem
from interfaces.gateway.surroundings import WebEdge, edge_of
from projections.timeline import TimelineEvent, last_id, read_timeline

STREAMS = web.AppKey("streams", set[asyncio.Task[object]])

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
    after = await last_id(edge.pool) if last is None else serial(last)
    response = web.StreamResponse(headers={**_HEADERS, **await as_of(request, "timeline")})
    request[STARTED] = True
    await response.prepare(request)
    with _known_as_stream(request), suppress(ConnectionError):
        try:
            await _stream(edge, response, after, incidents, until=request[EXPIRES])
        except TimeoutError:
            _hang_up(request)
    return response


@contextmanager
def _known_as_stream(request: web.Request) -> Iterator[None]:
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


async def _stream(
    edge: WebEdge,
    response: web.StreamResponse,
    after: int,
    incidents: list[str] | None,
    until: float,
) -> None:
    """Send what comes until the token expires; `ConnectionError`: the client has gone."""
    await _write(edge, response, b"retry: 2000\n\n")
    while edge.wall() < until:
        moved = edge.reader.move("timeline")
        events = await read_timeline(edge.pool, after, incidents, _AT_ONCE)
        for event in events:
            await _write(edge, response, _encoded(event))
            after = event.id
        if not events:
            await _until_moved(edge, response, moved)


async def _until_moved(edge: WebEdge, response: web.StreamResponse, moved: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(edge.settings.heartbeat):
            await moved.wait()
    except TimeoutError:
        await _write(edge, response, b": still here\n\n")
    await asyncio.sleep(_BREATH)


async def _write(edge: WebEdge, response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(edge.settings.stalled):
        await response.write(data)


def _encoded(event: TimelineEvent) -> bytes:
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()


async def end_streams(app: web.Application) -> None:
    """The server stops: clients come back with their last id."""
    streams = app[STREAMS]
    for task in list(streams):
        task.cancel()
