"""For operators and their tools: what runs here, and how far behind it is.

Whatever is away, this is answered soon, with what is known without it.
"""

import asyncio
from contextlib import suppress

from aiohttp import web
from pydantic import BaseModel

from bus import ClockWrong, LogError
from bus.tasks import within
from interfaces.gateway.exchange import answer
from interfaces.gateway.problems import Problem, away
from interfaces.gateway.surroundings import KNOWN_WITHIN, PartHealth, WebEdge, edge_of
from projections import database_time, status
from projections.database import UNAVAILABLE


class ProjectionHealth(BaseModel):
    """How far one projection is behind the log, over all its partitions."""

    lag_records: int
    lag_seconds: float


class Health(BaseModel):
    """`degraded`: something makes no progress; reads and other parts go on."""

    status: str
    storage: str = "ok"
    """Why nobody knows how far projections are, if so; then the answer is a 503."""
    clock: str = "ok"
    """How far this machine's is from the database's, if too far."""
    writes: str = "ok"
    """Why the newest write or push could not be kept, if so."""
    parts: dict[str, PartHealth]
    projections: dict[str, ProjectionHealth]


async def health(request: web.Request) -> web.StreamResponse:
    """What runs here and how it is."""
    edge = edge_of(request)
    parts, (projections, hindered), wrong = await asyncio.gather(
        edge.parts(), projections_of(edge), _wrong_clock(edge)
    )
    broken = any(part.broken or part.failing for part in parts.values())
    found = Health(
        status="degraded" if broken or hindered or wrong or edge.writing.hindered else "ok",
        storage=hindered.detail if hindered else "ok",
        clock=wrong or "ok",
        writes=edge.writing.hindered or "ok",
        parts=dict(parts),
        projections=projections,
    )
    return answer(found, hindered.headers, hindered.status) if hindered else answer(found)


async def _wrong_clock(edge: WebEdge) -> str:
    """What is wrong with it, as far as the database can be asked."""
    with suppress(*UNAVAILABLE):
        try:
            edge.clock.compare(await within(KNOWN_WITHIN, database_time(edge.pool)))
        except ClockWrong as error:
            return str(error)
    return ""


async def projections_of(edge: WebEdge) -> tuple[dict[str, ProjectionHealth], Problem | None]:
    """How far each is behind, over all its partitions; or why nobody knows."""
    try:
        rows = await within(KNOWN_WITHIN, status(edge.pool, edge.log, edge.wall))
    except (LogError, *UNAVAILABLE) as error:
        return {}, away(error)
    found: dict[str, ProjectionHealth] = {}
    for row in rows:
        before = found.get(row.projection, ProjectionHealth(lag_records=0, lag_seconds=0.0))
        found[row.projection] = ProjectionHealth(
            lag_records=before.lag_records + row.lag_records,
            lag_seconds=max(before.lag_seconds, row.lag_seconds),
        )
    return found, None
