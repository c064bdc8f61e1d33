"""Data that is pushed to us by HTTP: `POST /EDI/<path>`, any bytes, by whoever knows the path.

The answer comes once the arrival is durable. A body with a `Content-Encoding` is taken decoded.
Small ones travel in the log itself, large ones go to the blob store as they come in, and are never
whole in memory.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NoReturn
from uuid import UUID

import structlog
from aiohttp import web
from pydantic import BaseModel, Field
from structlog.contextvars import bind_contextvars

from bus import Doubt, LogError
from bus.tasks import end
from events.endpoints import ReceivePush
from events.incidents import Arrival, TakeNote
from events.values import Content, Context, Note
from interfaces.external_data import refusals
from interfaces.external_data.decoding import CODINGS, decoded
from interfaces.external_data.endpoint_cache import EndpointCache
from interfaces.external_data.refusals import Refusals
from interfaces.gateway import Verifier, WebEdge
from interfaces.gateway.exchange import IDEMPOTENCY_KEY, answer, idempotency_key, in_time
from interfaces.gateway.problems import WRITING, Problem
from interfaces.gateway.senders import sender_of
from interfaces.gateway.throttle import Throttle
from interfaces.gateway.writes import hold
from interfaces.issuing import Write, issue
from managers.blobs import keep_content
from managers.runtime import about, crash_point
from projections.endpoints import Endpoint
from projections.people import find_credential

ACTOR = "push"
"""Who acts: senders are not users."""

_log = structlog.get_logger()


class PushSettings(BaseModel):
    """How pushes are taken; times are in seconds."""

    max_bytes: int = Field(default=256 * 2**20, gt=0)
    """Of one body; a larger one is refused (413)."""
    deadline: float = Field(default=10.0, gt=0)
    """For the log to take an arrival."""
    idle: float = Field(default=30.0, gt=0)
    """A sender that sends nothing for so long is given up (408)."""


class Received(BaseModel):
    """The arrival is durable."""

    msg: str = "Data received"
    id: UUID


def add_push(
    app: web.Application,
    edge: WebEdge,
    settings: PushSettings | None = None,
    verifier: Verifier | None = None,
) -> None:
    """Let an application take pushes; it must turn `Problem` into answers, as the gateway does."""
    push = _Push(edge, settings or PushSettings(), verifier or Verifier())
    app.router.add_post("/EDI/{path:.+}", push.receive)
    app.cleanup_ctx.append(push.telling)


class _Push:
    def __init__(self, edge: WebEdge, settings: PushSettings, verifier: Verifier) -> None:
        self._edge, self._settings, self._verifier = edge, settings, verifier
        self._endpoints = EndpointCache(edge.log, edge.reader)
        self._refusals = Refusals(edge.wall)
        login = edge.settings
        self._throttle = Throttle(login.login_failures, login.login_window, edge.wall)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        endpoint = await self._endpoints.find(request.match_info["path"])
        if endpoint is None:
            raise Problem(404, "There is no such endpoint, or its incident is over.")
        request[WRITING] = True
        bind_contextvars(**about(endpoint.incident))
        await self._check_secret(request, endpoint)
        id = idempotency_key(request)
        bind_contextvars(**about(correlation=id))
        arrival = Arrival(
            id=id,
            endpoint=endpoint.name,
            received=self._edge.wall(),
            content=await self._taken(request, endpoint, id),
            source="HTTP push",
        )
        crash_point("before push is kept")
        await self._keep(endpoint.incident, arrival)
        crash_point("after push is kept")
        return answer(Received(id=id), status=202)

    async def _check_secret(self, request: web.Request, endpoint: Endpoint) -> None:
        if endpoint.credential is None:
            return
        hash = await find_credential(self._edge.pool, "endpoint", endpoint.credential)
        async with self._throttle.attempt((endpoint.id, sender_of(request))):
            if not await self._verifier.verify(hash, _secret(request)):
                raise Problem(
                    401,
                    "This endpoint wants its secret, as a Bearer token or as ?key=….",
                    headers={"WWW-Authenticate": "Bearer"},
                )

    async def _taken(self, request: web.Request, endpoint: Endpoint, id: UUID) -> Content:
        """The body; the incident's operators are told of one that is refused. Raises `Problem`."""
        try:
            content = await self._content(request)
            if IDEMPOTENCY_KEY in request.headers:
                use = [endpoint.id, content.media_type, content.sha256]
                await hold(self._edge, ACTOR, id, use)
            return content
        except Problem as problem:
            if text := self._refusals.sentence(endpoint.incident, endpoint.name, problem.detail):
                await self._tell(endpoint.incident, text)
            raise

    async def telling(self, _app: web.Application) -> AsyncIterator[None]:
        """While the application is served, refusals do not wait for the next one to be told."""
        task = asyncio.create_task(self._tell_what_is_overdue())
        yield
        await end(task)

    async def _tell_what_is_overdue(self) -> NoReturn:
        while True:
            await asyncio.sleep(refusals.LOOK)
            for incident, text in self._refusals.overdue():
                try:
                    await self._tell(incident, text)
                except Exception:  # whatever it is, the next ones may be told
                    _log.exception("refused pushes could not be told", incident=incident)

    async def _tell(self, incident: str, text: str) -> None:
        told, edge = TakeNote(note=Note(level="warning", text=text)), self._edge
        with suppress(Doubt, LogError):
            write = Write(edge.new_id(), Context.INCIDENTS, incident, told)
            await issue(edge.log, edge.clock, write, ACTOR)

    async def _content(self, request: web.Request) -> Content:
        """The body, in the arrival itself or in the blob store. Raises `Problem`."""
        if (request.content_length or 0) > self._settings.max_bytes:
            raise self._too_large()
        chunks, media_type = self._bounded(self._decoded(request)), request.content_type[:255]
        content = await keep_content(self._edge.blobs, chunks, media_type)
        if not content.size:
            raise Problem(400, "The body is empty: there is nothing to receive.")
        return content

    async def _bounded(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > self._settings.max_bytes:
                raise self._too_large()
            yield chunk

    def _decoded(self, request: web.Request) -> AsyncIterator[bytes]:
        coding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("identity", *CODINGS):
            known = " or ".join(CODINGS)
            raise Problem(415, f"The Content-Encoding of what is pushed is {known}, or none.")
        chunks = self._chunks(request)
        return chunks if coding == "identity" else decoded(chunks)

    async def _chunks(self, request: web.Request) -> AsyncIterator[bytes]:
        while chunk := await in_time(request.content.readany(), self._settings.idle):
            yield chunk

    def _too_large(self) -> Problem:
        return Problem(413, f"At most {self._settings.max_bytes} bytes are taken; send less.")

    async def _keep(self, incident: str, arrival: Arrival) -> None:
        """Make an arrival durable. Raises `Problem` if nobody knows whether it is."""
        wanted = Write(arrival.id, Context.ENDPOINTS, incident, ReceivePush(arrival=arrival))
        try:
            async with asyncio.timeout(self._settings.deadline):
                await issue(self._edge.log, self._edge.clock, wanted, ACTOR)
                self._edge.writing.hindered = None
        except (Doubt, TimeoutError):
            detail = "Nobody knows whether it was kept: send it again with this Idempotency-Key."
            raise Problem(
                503, detail, command=str(arrival.id), headers={"Retry-After": "5"}
            ) from None


def _secret(request: web.Request) -> str:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else request.query.get("key", "")
