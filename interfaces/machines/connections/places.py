"""Room for the sessions of one connection: as many at once as we may have, and the server has."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from interfaces.machines.connection import Unreachable

_log = structlog.get_logger()


class Patience:
    """With one session: seconds before it is asked for again, since one that ended may still count.

    On a busy host that takes a while; but while others have sessions, theirs are waited for.
    """

    def __init__(self) -> None:
        self.first = iter((0.02, 0.1, 0.3))
        self.alone = iter((1.0, 3.0))


class Places:
    """So many on a host, and fewer where it refuses some."""

    def __init__(self, host: str, count: int) -> None:
        self._host, self._count, self._taken = host, count, 0
        self._open = self._most = 0
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

    @contextmanager
    def session(self) -> Iterator[None]:
        """Around one that the server has opened."""
        self._open += 1
        self._most = max(self._most, self._open)
        try:
            yield
        finally:
            self._open -= 1

    @property
    def used(self) -> bool:
        """Whether the server has ever opened a session."""
        return self._most > 0

    @property
    def single(self) -> bool:
        """Whether there is room for one session at a time only."""
        return self._count == 1

    async def refused(self, patience: Patience, why: str) -> None:
        """Wait until whoever has a place may ask for its session again.

        The server may have fewer sessions than are wanted: from then on there are as many places as
        it had open at once, but for one in which a command that is cut can be killed; the place is
        given back, and taken again in turn. Raises `Unreachable` where nobody else has one.
        """
        pause = next(patience.first, None)
        if pause is None and self._taken == 1 and self.used:
            pause = next(patience.alone, None)
        if pause is not None:
            await asyncio.sleep(pause)
            return
        if self._taken == 1:
            raise Unreachable(f"{self._host} opens no session: {why}")
        if self._taken <= self._count:
            self._count = count = max(1, min(self._most, self._count) - 1)
            _log.warning("fewer sessions", host=self._host, sessions=count, reason=why)
        self._leave()
        try:
            await self._take()
        except asyncio.CancelledError:
            self._taken += 1  # who has the place leaves it once more
            raise
