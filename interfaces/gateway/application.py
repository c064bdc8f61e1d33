"""The gateway as one aiohttp application."""

import asyncio
import json

from aiohttp import web

from interfaces.gateway.auth import Doorkeeper, authenticated
from interfaces.gateway.live import READ_AT_ONCE, STREAMS, TURNS, end_streams
from interfaces.gateway.metrics import Metrics
from interfaces.gateway.openapi import describe
from interfaces.gateway.passwords import Verifier
from interfaces.gateway.problems import Handler, identified, problems
from interfaces.gateway.routes import api_routes, operator_routes
from interfaces.gateway.surroundings import EDGE, WebEdge


def gateway(
    edge: WebEdge, verifier: Verifier | None = None, *, api: bool = True
) -> web.Application:
    """The web edge; other edges may add their routes before it is served.

    They share its errors, its metrics and (given to both) its `verifier` of secrets. Without `api`
    it answers to operators only.
    """
    metrics = Metrics()
    app = web.Application(middlewares=[identified, metrics.measure, problems])
    app[EDGE] = edge
    app[STREAMS] = set()
    app[TURNS] = asyncio.Semaphore(READ_AT_ONCE)
    app.on_shutdown.append(end_streams)
    table = operator_routes(metrics)
    if api:
        table = [*api_routes(Doorkeeper(edge, verifier or Verifier())), *table]
    for route in table:
        handler = route.handler
        if not route.anonymous:
            handler = authenticated(handler, administrators=route.administrators)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET" and route.answer != "text/event-stream":
            app.router.add_route("HEAD", route.path, handler)
    app.router.add_get("/api/v1/openapi.json", _described(json.dumps(describe(table))))
    return app


def _described(document: str) -> Handler:
    async def openapi(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=document, content_type="application/json")

    return openapi
