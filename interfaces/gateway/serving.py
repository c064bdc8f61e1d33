"""How the web edge listens: what is not even a request is answered with a problem, too.

Whoever connects and then says nothing, or half of a request, or takes nothing of an answer, does
not keep the files that the rest of the process needs: he is cut off after a while, and there are
never too many of him.
"""

import asyncio
import resource
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from interfaces.gateway.problems import unreadable

PATIENCE = 60.0
"""Seconds in which a connection has to bring a whole request, and to go on taking its answer.

What a body may take is bounded where it is read, by `exchange.in_time`.
"""

_log = structlog.get_logger()


def most_connections() -> int:
    """Half of the files that the process may have open, or 10,000."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if files == resource.RLIM_INFINITY else min(10_000, files // 2)


class EdgeRunner(web.AppRunner):
    """Runs an application like any other, but for the answers to what cannot be parsed.

    Bodies are left as they come: the parser would take a gzip that was cut for a whole one.
    """

    def __init__(
        self, app: web.Application, most: int | None = None, patience: float = PATIENCE, **more: Any
    ) -> None:
        self._most = most_connections() if most is None else most
        self._patience = patience
        more = {"auto_decompress": False, "access_log": None, "keepalive_timeout": patience, **more}
        super().__init__(app, **more)

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return _Server(
            self._most,
            self._patience,
            plain.request_handler,
            request_factory=plain.request_factory,
            loop=plain._loop,
            **plain._kwargs,
        )


class _Server(web.Server):
    def __init__(self, most: int, patience: float, *plain: Any, **options: Any) -> None:
        super().__init__(*plain, **options)
        self.most, self.patience = most, patience

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        server = cast(_Server, self._manager)
        if len(server.connections) > server.most:
            _log.warning("too many connections: a new one is cut off", most=server.most)
            cast(asyncio.Transport, transport).abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_again()

    def _look_again(self) -> None:
        transport = cast(asyncio.Transport, self.transport)
        left, patience = transport.get_write_buffer_size(), cast(_Server, self._manager).patience
        self._stalled = self._loop.call_later(patience, self._goes_on, left)

    def _goes_on(self, left: int) -> None:
        """Whoever takes anything at all may take his time."""
        transport = cast(asyncio.Transport, self.transport)
        if transport.get_write_buffer_size() < left:
            self._look_again()
        else:
            transport.abort()

    def resume_writing(self) -> None:
        self._stalled.cancel()
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer where no handler gives one; it closes the connection."""
        if status != 400 or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        answer = unreadable(message or "it is something else").answer(request)
        answer.force_close()
        return answer
