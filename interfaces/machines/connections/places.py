"""Room for the sessions of one connection: as many at once as we may have, and the server has."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import structlog

from interfaces.machines.connection import Unreachable

PATIENCE = (0.02, 0.1, 0.3)
"""Seconds before a refused session is asked for again: one that just ended may still count."""

_log = structlog.get_logger()


class Places:
    """So many on a host, and fewer where it refuses some."""

    def __init__(self, host: str, count: int) -> None:
        self._host, self._count = host, count
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Room for one session."""
        async with self._free:
            yield

    async def refused(self, patience: Iterator[float], why: str) -> None:
        """Wait until whoever has a place may ask for its session again.

        After the last of the pauses the server wants fewer sessions than there are: there is one
        place less from now on. Raises `Unreachable` when that was the last.
        """
        if (pause := next(patience, None)) is not None:
            await asyncio.sleep(pause)
            return
        if self._count == 1:
            raise Unreachable(f"{self._host} opens no session: {why}")
        self._count -= 1
        _log.warning("fewer sessions", host=self._host, sessions=self._count, reason=why)
        await self._free.acquire()
