"""The inputs of one partition, from the logs of others, from outside and from its own hands."""

import asyncio
from collections import deque
from dataclasses import dataclass
from uuid import UUID

from events.envelope import Cursor, Rejection
from events.values import IncidentId
from managers.runtime.manager import Input

Reply = asyncio.Future[Rejection | None]


@dataclass(frozen=True, slots=True)
class Item:
    """One input: what is to be decided, about what, and where it came from."""

    key: str
    input: Input
    id: UUID
    cause: str
    correlation: UUID
    actor: str
    incident: IncidentId | None = None
    cursor: Cursor | None = None
    reply: Reply | None = None
    """Given a result when the decision counts."""

    def settle(self, rejection: Rejection | None) -> None:
        if self.reply and not self.reply.done():
            self.reply.set_result(rejection)

    def abandon(self) -> None:
        """The partition was lost: whoever owns it now goes on."""
        if self.reply:
            self.reply.cancel()


class Inbox:
    """A queue with room for `capacity` items from logs; own hands never wait."""

    def __init__(self, capacity: int = 2000) -> None:
        self._items: deque[Item] = deque()
        self._capacity = capacity
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = False
        self.read: dict[str, int] = {}
        """The offset behind what was read of each source."""

    def put(self, item: Item) -> None:
        if self._closed:
            item.abandon()
            return
        self._items.append(item)
        self._filled.set()

    async def room(self) -> None:
        """Wait until there is room for another item from a log."""
        while len(self._items) >= self._capacity:
            self._drained.clear()
            await self._drained.wait()

    async def take(self, limit: int) -> list[Item]:
        """At least one item, at most `limit`, in order of arrival."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self.take_now(limit)

    def take_now(self, limit: int) -> list[Item]:
        taken = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
        self._drained.set()
        return taken

    def close(self) -> None:
        """The partition was lost: abandon what is here, and what hands still put."""
        self._closed = True
        for item in self.take_now(len(self._items)):
            item.abandon()

    def __len__(self) -> int:
        return len(self._items)
