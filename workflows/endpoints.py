"""Endpoints, as stages ask for them: where data arrives for which stage."""

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, HttpUrl

from events import endpoints as e
from events.endpoints import Endpoint
from events.values import Context, ReplyTo
from workflows.arrivals import Arrival
from workflows.asking import Asking
from workflows.own import own_name

P = TypeVar("P", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)

if TYPE_CHECKING:
    from workflows.workflow import Stage

    Receiving: TypeAlias = Stage[P, S, Arrival] | Stage[P, S, list[Arrival]]


class Endpoints(Asking, Generic[P, S]):
    """The endpoints of the incident; they are closed when it ends."""

    _context = Context.ENDPOINTS

    async def push(self, name: str, *, to: "Receiving[P, S]", credential: str | None = None) -> str:
        """Open an endpoint that others post to; returns its path below `/EDI/`.

        `credential` names a secret that senders must present.
        """
        endpoint = Endpoint(
            incident=self._incident,
            name=name,
            stage=own_name(to, self._kind),
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
        to: "Receiving[P, S]",
        when_changed: bool = True,
        name: str | None = None,
    ) -> str:
        """Fetch a URL on a period; with `when_changed` only what is new arrives.

        Returns the endpoint's name: `name`, or one made of the stage's name and the URL's digest.
        """
        stage = own_name(to, self._kind)
        endpoint = Endpoint(
            incident=self._incident,
            name=name or f"{stage[:80]}-{hashlib.sha256(url.encode()).hexdigest()[:8]}",
            stage=stage,
            url=HttpUrl(url),
            period=every.total_seconds(),
            when_changed=when_changed,
        )
        await self._open(endpoint)
        return endpoint.name

    async def remove(self, name: str) -> None:
        """Close an endpoint; what arrived before is still delivered."""

        def command(reply_to: ReplyTo) -> e.CloseEndpoint:
            return e.CloseEndpoint(name=name, reply_to=reply_to)

        await self._ask("endpoints.remove", command, name)

    async def _open(self, endpoint: Endpoint) -> None:
        def command(reply_to: ReplyTo) -> e.OpenEndpoint:
            return e.OpenEndpoint(endpoint=endpoint, reply_to=reply_to)

        await self._ask("endpoints.open", command, endpoint)
