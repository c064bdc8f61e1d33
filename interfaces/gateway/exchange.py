"""What handlers have in common: reading a request, answering with a model and its "as of"."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Generic, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from events.entry import said
from interfaces.gateway.problems import Problem, invalid
from interfaces.gateway.surroundings import edge_of
from projections import freshness

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")

IDEMPOTENCY_KEY = "Idempotency-Key"
AS_OF = "As-Of"
"""The header with the time of the newest event that an answer takes into account, or, while read
models are behind, up to which it is whole."""


class Page(BaseModel, Generic[M]):
    """Some of a list, and how to get at the rest."""

    items: list[M]
    next: str | None = None
    """The value of `after` that gives the next page; None: this is the last one."""


class PageQuery(BaseModel):
    """Which page of a list."""

    after: str | None = None
    limit: int = Field(default=50, ge=1, le=500)


async def body_of(request: web.Request, model: type[M]) -> M:
    """The request's JSON body; none is an empty object. Raises `Problem`.

    A misspelt field would leave the default in force, and nobody would notice.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "JSON is sent as it is here: without a Content-Encoding.")
    body = await in_time(request.read(), edge_of(request).settings.body_deadline)
    try:
        value = from_json(body or b"{}", allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, f"The body is not JSON: {error}.") from None
    try:
        return said(model, value)
    except ValidationError as error:
        raise invalid(error, status=422) from None


async def in_time(reading: Awaitable[R], within: float) -> R:
    """What is read of a request's body; raises `Problem` after so many seconds without it.

    Nothing else bounds how long a sender may hold a connection by not going on with a body. One
    who hangs up is no storage that is away.
    """
    try:
        async with asyncio.timeout(within):
            return await reading
    except TimeoutError:
        raise Problem(408, "The body did not come in time; send it again.") from None
    except ConnectionError:
        raise Problem(400, "Its sender hung up before all of it was there.") from None


def query_of(request: web.Request, model: type[M]) -> M:
    """The request's query; a field that is a list may be repeated. Raises `Problem`."""
    given = {
        name: request.query.getall(name) if _is_list(model, name) else request.query[name]
        for name in model.model_fields
        if name in request.query
    }
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error, status=400) from None


def _is_list(model: type[BaseModel], name: str) -> bool:
    return isinstance(model.model_fields[name].get_default(call_default_factory=True), list)


def id_of(request: web.Request) -> UUID:
    """The id in the request's path. Raises `Problem`."""
    return _uuid(request.match_info["id"], 404, "There is nothing of this id.")


def idempotency_key(request: web.Request) -> UUID:
    """The id that the sender gave to a write, or a new one. Raises `Problem`."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is None:
        return edge_of(request).new_id()
    return _uuid(key.strip('"'), 400, f"The header {IDEMPOTENCY_KEY} must be a UUID.")


def _uuid(text: str, status: int, sentence: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Problem(status, sentence) from None


async def as_of(
    request: web.Request, projection: str, incident: str | None = None
) -> dict[str, str]:
    """The header; to be made before the tables are read, so that it never promises too much.

    With `incident`, an answer that is about this one alone.
    """
    edge = edge_of(request)
    moment = await freshness.as_of(edge.reader, edge.log, projection, incident)
    return {AS_OF: moment.isoformat()} if moment else {}


def answer(
    model: BaseModel, headers: Mapping[str, str] | None = None, status: int = 200
) -> web.Response:
    """A model as JSON."""
    return web.Response(
        body=model.model_dump_json().encode(),
        status=status,
        headers=headers,
        content_type="application/json",
    )
