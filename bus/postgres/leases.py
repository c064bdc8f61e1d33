"""A member of a group: it owns partitions for as long as it renews its lease."""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import NoReturn
from uuid import uuid4

import structlog

from bus.contract import LogError
from bus.postgres.connections import Connections
from bus.postgres.sharing import LEAVE, RENEW

_log = structlog.get_logger()


class Lease:
    """What a member was given, as a `Membership`; `seconds` is how long it may be silent."""

    def __init__(self, connections: Connections, group: str, topic: str, seconds: float) -> None:
        self._connections, self._group, self._topic = connections, group, topic
        self._seconds = seconds
        self._member = str(uuid4())
        self._owned: frozenset[int] = frozenset()
        self._until = 0.0
        self._news = asyncio.Event()
        self._look = asyncio.Event()

    @property
    def owned(self) -> frozenset[int]:
        """Nothing once the lease ran out, whatever the database says, until it is renewed.

        Asks the system for the time: that of an event loop stands still within a callback.
        """
        return self._owned if monotonic() < self._until else frozenset()

    async def changed(self, known: frozenset[int]) -> frozenset[int]:
        while (owned := self.owned) == known:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until - monotonic() if owned else None):
                    await self._news.wait()
        return owned

    async def keep(self) -> NoReturn:
        """Join, and renew at a third of the lease and whenever the members change."""
        while True:
            self._look.clear()
            renewed = await self._renew()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds / (3 if renewed else 30)):
                    await self._look.wait()

    async def leave(self) -> None:
        """Hand over at once; if that fails, others wait until the lease ends."""
        self._owned = frozenset()
        self._news.set()
        with suppress(LogError):
            await self._connections.fetch(LEAVE, self._group, self._topic, self._member)

    def look(self, group: str) -> None:
        """Somebody joined, left or gave back."""
        if group == self._group:
            self._look.set()

    async def _renew(self) -> bool:
        asked = monotonic()
        me = (self._group, self._topic, self._member, self._connections.name, self._seconds)
        try:
            rows = await self._connections.fetch(RENEW, *me)
        except Exception as error:
            _log.warning("lease not renewed", group=self._group, reason=repr(error))
            return False
        self._owned, self._until = frozenset(rows[0][0]), asked + self._seconds
        self._news.set()
        return True
