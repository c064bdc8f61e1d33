"""Errors as RFC 9457 problem details, in one place for the whole web edge."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus

import asyncpg
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, JsonValue, ValidationError
from structlog.contextvars import bind_contextvars, clear_contextvars

from bus import Doubt, LogError, PartitionsChanged, RecordTooLarge, UnknownTopic
from bus.tasks import starved
from events.prose import Fault, faults_of
from interfaces.gateway.surroundings import edge_of
from interfaces.machines.connection import WrongSettings
from managers.blobs import BlobMissing, BlobStoreUnavailable
from managers.runtime import about
from projections.database import UNAVAILABLE
from projections.freshness import Behind

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STARTED = web.RequestKey("started", bool)
"""Set on a request whose answer is being streamed: it is too late for another one."""

WRITING = web.RequestKey("writing", bool)
"""Set on a request while what it wants to be kept is not kept yet."""

_SOON = {"Retry-After": "5"}

_log = structlog.get_logger()


class ProblemDetails(BaseModel):
    """What went wrong, for people and programs."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    """A sentence on what to do about it."""
    instance: str
    errors: JsonValue = None
    """Of a body or query: where, and what is wrong there."""
    command: str | None = None
    """The id under which the same write may be sent again."""


class Problem(Exception):
    """An error that its sender can do something about."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: JsonValue = None,
        command: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})
        self.errors, self.command = errors, command

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The problem as a response."""
        details = ProblemDetails(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            instance=request.path,
            errors=self.errors,
            command=self.command,
        )
        response = web.Response(
            status=self.status,
            headers=self.headers,
            body=details.model_dump_json(exclude_none=True).encode(),
            content_type="application/problem+json",
        )
        if self.status == 408:
            response.force_close()  # nobody waits for the rest of its body
        return response


@web.middleware
async def identified(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let all lines in the log say of which request they are; one task serves a connection."""
    clear_contextvars()
    bind_contextvars(**about(cause=f"{request.method} {request.path}"))
    return await handler(request)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem."""
    try:
        if "\0" in request.path + request.query_string:
            raise Problem(400, "An address cannot hold a zero byte.")
        return await handler(request)
    except Exception as error:
        if request.get(STARTED):
            raise
        problem = _problem(error)
        if problem is None:
            raise
        if problem.status == 503 and request.get(WRITING):
            edge_of(request).writing.hindered = problem.detail
        return problem.answer(request)


def _problem(error: Exception) -> Problem | None:
    match error:
        case Problem():
            return error
        case web.HTTPException() if error.status < 400:
            return None
        case web.HTTPException():
            headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
            return Problem(error.status, _sentence(error), headers=headers)
        case HttpProcessingError() | web.RequestPayloadError():
            return unreadable(getattr(error, "message", "") or str(error))
        case WrongSettings():
            return unfit(f"{error}.", error.faults)
        case RecordTooLarge():
            return Problem(413, str(error))
        case BlobMissing():
            return Problem(500, f"{error}; restore it from a backup.")
        case LogError() | Doubt() | BlobStoreUnavailable():
            return away(error)
        case Behind():
            return Problem(503, f"{error}; try again in a few seconds.", headers=_SOON)
        case _ if isinstance(error, UNAVAILABLE):
            return away(error)
        case _ if starved(error):
            _log.warning("no thread or memory to be had", reason=f"{type(error).__name__}: {error}")
            detail = "The server is short of threads or memory now; try again in a few seconds."
            return Problem(503, detail, headers=_SOON)
    _log.error("request failed", exc_info=error)
    return Problem(500, "This is a defect; the operator finds it in the log of the server.")


def unreadable(why: str) -> Problem:
    """The problem of what is not the HTTP that it says it is."""
    sentence = why.strip().partition("\n")[0].rstrip(":. ")
    return Problem(400, f"This cannot be read as HTTP: {sentence}; send it again, whole.")


def away(error: Exception) -> Problem:
    """The problem of a log, a database or a blob store that cannot be used now."""
    _log.warning("storage is away", reason=f"{type(error).__name__}: {error}")
    if _full(error):
        detail = "The disk of the database is full: an operator has to make room. Try again later."
    elif isinstance(error, UnknownTopic | PartitionsChanged):
        detail = f"An operator has to act: {error}."
    else:
        detail = "The storage cannot be reached now; try again in a few seconds."
    return Problem(503, detail, headers=_SOON)


def _full(error: BaseException | None) -> bool:
    """Whether PostgreSQL said so (SQLSTATE 53100), to whoever translated that for us."""
    while error is not None and not isinstance(error, asyncpg.DiskFullError):
        error = error.__cause__
    return error is not None


def _sentence(error: web.HTTPException) -> str:
    match error.status:
        case 404:
            return "There is nothing at this address."
        case 405:
            return "This address does not take this method."
        case _:
            return error.text or error.reason


def invalid(error: ValidationError, status: int) -> Problem:
    """The problem of a body or query that does not fit its model."""
    return unfit("What was sent does not fit; see `errors`.", faults_of(error), status)


def unfit(detail: str, faults: Iterable[Fault], status: int = 422) -> Problem:
    """The problem of what is understood, and is wrong in these places."""
    errors: list[JsonValue] = [{"where": where, "what": what} for where, what in faults]
    return Problem(status, detail, errors=errors)
