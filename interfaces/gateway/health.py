"""For operators and their tools: what runs here, and how far behind it is."""

from collections.abc import Iterable

from aiohttp import web
from pydantic import BaseModel

from interfaces.gateway.exchange import answer
from interfaces.gateway.surroundings import PartHealth, edge_of
from projections import PartitionStatus, status


class ProjectionHealth(BaseModel):
    """How far one projection is behind the log, over all its partitions."""

    lag_records: int
    lag_seconds: float


class Health(BaseModel):
    """`degraded`: something makes no progress; reads and other parts go on."""

    status: str
    writes: str = "ok"
    """Why the newest write or push could not be kept, if so."""
    parts: dict[str, PartHealth]
    projections: dict[str, ProjectionHealth]


async def health(request: web.Request) -> web.StreamResponse:
    """What runs here and how it is."""
    edge = edge_of(request)
    parts = dict(await edge.parts())
    broken = any(part.broken or part.failing for part in parts.values())
    return answer(
        Health(
            status="degraded" if broken or edge.writing.hindered else "ok",
            writes=edge.writing.hindered or "ok",
            parts=parts,
            projections=by_projection(await status(edge.pool, edge.log, edge.wall)),
        )
    )


def by_projection(rows: Iterable[PartitionStatus]) -> dict[str, ProjectionHealth]:
    """How far each is behind, over all its partitions."""
    found: dict[str, ProjectionHealth] = {}
    for row in rows:
        before = found.get(row.projection, ProjectionHealth(lag_records=0, lag_seconds=0.0))
        found[row.projection] = ProjectionHealth(
            lag_records=before.lag_records + row.lag_records,
            lag_seconds=max(before.lag_seconds, row.lag_seconds),
        )
    return found
