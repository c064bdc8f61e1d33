"""How the web edge listens: what is not even a request is answered with a problem, too."""

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from interfaces.gateway.problems import unreadable


class EdgeRunner(web.AppRunner):
    """Runs an application like any other, but for the answers to what cannot be parsed.

    Bodies are left as they come: the parser would take a gzip that was cut for a whole one.
    """

    def __init__(self, app: web.Application, **options: Any) -> None:
        super().__init__(app, auto_decompress=False, access_log=None, **options)

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return _Server(
            plain.request_handler,
            request_factory=plain.request_factory,
            loop=plain._loop,
            **plain._kwargs,
        )


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
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
