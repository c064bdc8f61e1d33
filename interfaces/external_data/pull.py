"""Data that we fetch on a period: each source on its own, with its own deadline.

What the source says of its newest version (`ETag`, `Last-Modified`) is asked with, so that nothing
new costs next to nothing. What changes is told: new data, the first of a row of failures, another
reason, the recovery.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import NoReturn
from uuid import uuid4

import aiohttp

from events.incidents import Arrival
from events.prose import cut
from events.values import Context
from managers.blobs import BlobStore, BlobStoreUnavailable, keep_content
from managers.endpoints import Endpoints, EndpointState, PullBroke, PullBrought
from managers.runtime import Assignment, Chain, TaskWork, Work

_LONGEST_HEADER = 255


class _TooLarge(Exception):
    """The source has more than we take."""


class PullHands:
    """Pulls for the External Data Interface."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        blobs: BlobStore,
        wall: Callable[[], float],
        deadline: float = 30.0,
        max_bytes: int = 256 * 2**20,
    ) -> None:
        """`deadline`: seconds for one pull, answer included; `max_bytes`: of the answer."""
        self._session, self._blobs, self._wall = session, blobs, wall
        self._deadline, self._max_bytes = deadline, max_bytes

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
        except (BlobStoreUnavailable, _TooLarge) as error:
            return PullBroke(endpoint.name, str(error))

    async def _brought(
        self, state: EndpointState, response: aiohttp.ClientResponse
    ) -> PullBrought | PullBroke:
        endpoint = state.endpoint
        if response.status == 304:
            return PullBrought(endpoint.name)
        if response.status != 200:
            return PullBroke(endpoint.name, f"the source answered {response.status}")
        media_type = _plain(response.content_type) or "application/octet-stream"
        content = await keep_content(self._blobs, self._limited(response), media_type)
        if content.size == 0:
            return PullBroke(endpoint.name, "the source answered with nothing in it")
        etag, last_modified = map(_plain, map(response.headers.get, ("ETag", "Last-Modified")))
        brought = PullBrought(endpoint.name, None, etag, last_modified, content.sha256)
        if endpoint.when_changed and content.sha256 == state.sha256:
            return brought
        arrival = Arrival(
            id=uuid4(),
            endpoint=endpoint.name,
            received=self._wall(),
            content=content,
            source=str(endpoint.url),
        )
        return replace(brought, arrival=arrival)

    async def _limited(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        too_large = _TooLarge(f"the source has more than the {self._max_bytes} bytes we take")
        if (response.content_length or 0) > self._max_bytes:
            raise too_large
        left = self._max_bytes
        async for chunk in response.content.iter_chunked(1 << 16):
            left -= len(chunk)
            if left < 0:
                raise too_large
            yield chunk


def _plain(header: str | None) -> str | None:
    """A header as it can be kept and sent back; None for what a source makes up otherwise."""
    fit = header and header.isascii() and header.isprintable() and len(header) <= _LONGEST_HEADER
    return header if fit else None


class _Pull:
    def __init__(self, hands: PullHands, assigned: Assignment[Endpoints, EndpointState]) -> None:
        self._hands, self._tell, self._state = hands, assigned.tell, assigned.item
        self._same: PullBrought | None = None
        """The newest answer, where it had the bytes of before: that is not worth an event."""
        cause = f"{Context.ENDPOINTS}.work/{assigned.name}"
        chain = Chain(assigned.item.endpoint.incident, None)
        self._task = TaskWork[EndpointState](self._run, cause, chain)

    def update(self, item: EndpointState) -> None:
        self._state = item

    def stop(self) -> None:
        self._task.stop()

    async def _run(self) -> NoReturn:
        while True:
            told = await self._hands.pull(self._as_last_said())
            if isinstance(told, PullBrought) and told.sha256:
                self._same = told if told.arrival is None else None
            if self._is_news(told):
                await self._tell(told)
            await asyncio.sleep(self._state.endpoint.period or 60.0)

    def _as_last_said(self) -> EndpointState:
        """The state, with what the source said last of those bytes."""
        state, same = self._state, self._same
        if same is None or same.sha256 != state.sha256:
            return state
        return replace(state, etag=same.etag, last_modified=same.last_modified)

    def _is_news(self, told: PullBrought | PullBroke) -> bool:
        if isinstance(told, PullBroke):
            return cut(told.reason) != self._state.failing
        return told.arrival is not None or self._state.failing is not None
