"""Room for the sessions of one connection: as many at once as we may have, and the server has."""

import asyncio
from collections import deque
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
        self._host, self._count, self._taken = host, count, 0
        self._waiting = deque[asyncio.Future[None]]()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Room for one session; in order of arrival."""
        await self._take()
        try:
            yield
        finally:
            self._leave()

    async def _take(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given one
                self._leave()
            raise

    def _leave(self) -> None:
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._taken < self._count:
            if not (turn := self._waiting.popleft()).done():
                turn.set_result(None)
                self._taken += 1

    async def refused(self, patience: Iterator[float], why: str) -> None:
        """Wait until whoever has a place may ask for its session again.

        After the last of the pauses the server has fewer sessions than are wanted: from now on
        there are as many places as it has, but for one in which a command that is cut can be
        killed. Raises `Unreachable` where nobody else has one.
        """
        if (pause := next(patience, None)) is not None:
            await asyncio.sleep(pause)
            return
        if self._taken == 1:
            raise Unreachable(f"{self._host} opens no session: {why}")
        if (count := max(1, self._taken - 2)) < self._count:
            self._count = count
            _log.warning("fewer sessions", host=self._host, sessions=count, reason=why)
        self._leave()
        try:
            await self._take()
        except asyncio.CancelledError:
            self._taken += 1  # it is left once more
            raise
