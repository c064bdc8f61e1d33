"""For operators and their tools: what runs here, how far behind it is, and metrics."""

import time
from collections.abc import Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from interfaces.gateway.exchange import answer
from interfaces.gateway.parts import MachineMetrics, PartMetrics
from interfaces.gateway.problems import Handler
from interfaces.gateway.surroundings import PartHealth, WebEdge, edge_of
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
            projections=_by_projection(await status(edge.pool, edge.log, edge.wall)),
        )
    )


def _by_projection(rows: Iterable[PartitionStatus]) -> dict[str, ProjectionHealth]:
    found: dict[str, ProjectionHealth] = {}
    for row in rows:
        before = found.get(row.projection, ProjectionHealth(lag_records=0, lag_seconds=0.0))
        found[row.projection] = ProjectionHealth(
            lag_records=before.lag_records + row.lag_records,
            lag_seconds=max(before.lag_seconds, row.lag_seconds),
        )
    return found


class Metrics:
    """Counts requests, and shows how parts and projections are when asked."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "vestec_requests", "Requests", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "vestec_request_seconds", "Time to answer", ["method", "route"], registry=registry
        )
        self._lag = Gauge(
            "vestec_projection_lag_records", "Not taken in", ["projection"], registry=registry
        )
        self._age = Gauge(
            "vestec_projection_lag_seconds",
            "Oldest not taken in",
            ["projection"],
            registry=registry,
        )
        self._machines = MachineMetrics()
        registry.register(self._machines)
        self._parts = PartMetrics()
        registry.register(self._parts)

        self._shells = Gauge(
            "vestec_machine_shell_startup_seconds",
            "Until a shell of the machine begins with a command, its start-up files included",
            ["machine"],
            registry=registry,
        )

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Metrics in Prometheus' text format."""
        edge: WebEdge = edge_of(request)
        self._parts.parts = await edge.parts()
        rows = await status(edge.pool, edge.log, edge.wall)
        for name, lag in _by_projection(rows).items():
            self._lag.labels(name).set(lag.lag_records)
            self._age.labels(name).set(lag.lag_seconds)
        self._machines.spent = edge.on_machines()
        self._shells.clear()
        for machine, seconds in edge.shell_startup().items():
            self._shells.labels(machine).set(seconds)
        body = generate_latest(self.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    @web.middleware
    async def measure(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Measure every request, by its route's pattern."""
        started, response = time.monotonic(), None
        try:
            response = await handler(request)
        finally:
            route = request.match_info.route.resource
            labels = (request.method, route.canonical if route else "unknown")
            self._requests.labels(*labels, response.status if response else "none").inc()
            self._seconds.labels(*labels).observe(time.monotonic() - started)
        return response
