"""Endpoints, as stages ask for them: where data arrives for which stage."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import HttpUrl

from events import endpoints as e
from events.endpoints import Endpoint
from events.values import Context, ReplyTo
from workflows.arrivals import Arrival
from workflows.asking import Asking

if TYPE_CHECKING:
    from workflows.workflow import Stage

    Receiving: TypeAlias = Stage[Any, Any, Arrival] | Stage[Any, Any, list[Arrival]]


class Endpoints(Asking):
    """The endpoints of the incident; they are closed when it ends."""

    _context = Context.ENDPOINTS

    async def push(self, name: str, *, to: "Receiving", credential: str | None = None) -> str:
        """Open an endpoint that others post to; returns its path below `/EDI/`.

        `credential` names a secret that senders must present.
        """
        endpoint = Endpoint(
            incident=self._incident,
            name=name,
            stage=to.name,
            path=f"{name}{self._incident}",
            credential=credential,
        )
        await self._open(endpoint)
        return str(endpoint.path)

    async def pull(
        self,
        url: str,
        *,
        every: timedelta,
        to: "Receiving",
        when_changed: bool = True,
        name: str | None = None,
    ) -> None:
        """Fetch a URL on a period; with `when_changed` only what is new arrives."""
        await self._open(
            Endpoint(
                incident=self._incident,
                name=name or to.name,
                stage=to.name,
                url=HttpUrl(url),
                period=every.total_seconds(),
                when_changed=when_changed,
            )
        )

    async def remove(self, name: str) -> None:
        """Close an endpoint."""

        def command(reply_to: ReplyTo) -> e.CloseEndpoint:
            return e.CloseEndpoint(name=name, reply_to=reply_to)

        await self._ask("endpoints.remove", command, name)

    async def _open(self, endpoint: Endpoint) -> None:
        def command(reply_to: ReplyTo) -> e.OpenEndpoint:
            return e.OpenEndpoint(endpoint=endpoint, reply_to=reply_to)

        await self._ask("endpoints.open", command, endpoint)
