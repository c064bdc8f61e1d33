"""Data that we fetch on a period: each source on its own, with its own deadline.

What the source says of its newest version (`ETag`, `Last-Modified`) is asked with, so that nothing
new costs next to nothing. Failures are told, and recover by themselves.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn
from uuid import uuid4

import aiohttp

from events.incidents import Arrival
from events.values import INLINE_BYTES, Content
from managers.blobs import BlobStore
from managers.endpoints import Endpoints, EndpointState, PullBroke, PullBrought
from managers.runtime import Assignment, TaskWork, Work


class PullHands:
    """Pulls for the External Data Interface."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        blobs: BlobStore,
        wall: Callable[[], float],
        deadline: float = 30.0,
    ) -> None:
        """`deadline`: seconds for one pull, answer included."""
        self._session, self._blobs, self._wall, self._deadline = session, blobs, wall, deadline

    def begin(self, assigned: Assignment[Endpoints, EndpointState]) -> Work[EndpointState]:
        """Pull one endpoint's source until it is closed."""
        return _Pull(self, assigned)

    async def pull(self, state: EndpointState) -> PullBrought | PullBroke:
        """One pull; what it brought, or why it failed."""
        endpoint = state.endpoint
        known = {"If-None-Match": state.etag, "If-Modified-Since": state.last_modified}
        headers = {name: value for name, value in known.items() if value and endpoint.when_changed}
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._session.get(str(endpoint.url), headers=headers) as response,
            ):
                return await self._brought(state, response)
        except TimeoutError:
            return PullBroke(endpoint.name, f"no whole answer within {self._deadline:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return PullBroke(endpoint.name, f"{type(error).__name__}: {error}")

    async def _brought(
        self, state: EndpointState, response: aiohttp.ClientResponse
    ) -> PullBrought | PullBroke:
        endpoint = state.endpoint
        if response.status == 304:
            return PullBrought(endpoint.name)
        if response.status != 200:
            return PullBroke(endpoint.name, f"the source answered {response.status}")
        blob = await self._blobs.put_stream(response.content.iter_chunked(1 << 16))
        if endpoint.when_changed and blob.sha256 == state.sha256:
            return PullBrought(endpoint.name)
        inline = await self._blobs.get(blob) if blob.size <= INLINE_BYTES else None
        arrival = Arrival(
            id=uuid4(),
            endpoint=endpoint.name,
            received=self._wall(),
            content=Content(
                media_type=response.content_type,
                size=blob.size,
                inline=inline,
                blob=None if inline is not None else blob,
            ),
            source=str(endpoint.url),
        )
        etag, last_modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
        return PullBrought(endpoint.name, arrival, etag, last_modified, blob.sha256)


class _Pull:
    def __init__(self, hands: PullHands, assigned: Assignment[Endpoints, EndpointState]) -> None:
        self._hands, self._tell, self._state = hands, assigned.tell, assigned.item
        self._task = TaskWork[EndpointState](self._run, f"pull {assigned.item.endpoint.url}")

    def update(self, item: EndpointState) -> None:
        self._state = item

    def stop(self) -> None:
        self._task.stop()

    async def _run(self) -> NoReturn:
        while True:
            told = await self._hands.pull(self._state)
            if isinstance(told, PullBroke) or self._state.failing or told.arrival:
                await self._tell(told)
            await asyncio.sleep(self._state.endpoint.period or 60.0)
