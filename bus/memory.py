"""The log as lists, for unit tests, workflow authors' tests and deterministic simulation."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bus.contract import (
    Log,
    PartitionsChanged,
    Record,
    Stored,
    UnknownTopic,
    check_sizes,
)
from bus.waiting import Waiting


class MemoryLog(Log):
    """One process, one event loop, nothing on disk."""

    def __init__(self) -> None:
        self._topics: dict[str, list[_Partition]] = {}
        self._groups: dict[tuple[str, str], _Group] = defaultdict(_Group)

    async def declare(self, topic: str, partitions: int) -> None:
        there = self._topics.setdefault(topic, [_Partition() for _ in range(partitions)])
        if len(there) != partitions:
            raise PartitionsChanged(
                f"topic {topic} has {len(there)} partitions, {partitions} were asked for"
            )

    async def partitions(self, topic: str) -> int:
        return len(self._topic(topic))

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        check_sizes(records)
        return self._partition(topic, partition).append(records)

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000
    ) -> Sequence[Stored]:
        return self._partition(topic, partition).read(offset, limit)

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        await self._partition(topic, partition).wait(offset)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        there = self._partition(topic, partition)
        return there.first, there.end

    async def trim(self, topic: str, partition: int, below: int) -> None:
        self._partition(topic, partition).trim(below)

    @asynccontextmanager
    async def membership(self, group: str, topic: str) -> AsyncIterator["_Member"]:
        members = self._groups[group, topic]
        member = _Member()
        members.join(member, len(self._topic(topic)))
        try:
            yield member
        finally:
            members.leave(member, len(self._topic(topic)))

    async def close(self) -> None:
        """Nothing to let go of."""

    def _topic(self, topic: str) -> "list[_Partition]":
        try:
            return self._topics[topic]
        except KeyError:
            raise UnknownTopic(f"topic {topic} was never declared") from None

    def _partition(self, topic: str, partition: int) -> "_Partition":
        there = self._topic(topic)
        if not 0 <= partition < len(there):
            raise UnknownTopic(f"topic {topic} has {len(there)} partitions, none is {partition}")
        return there[partition]


class _Partition:
    def __init__(self) -> None:
        self.first = 0
        self._records: list[Record] = []
        self._waiting = Waiting()

    @property
    def end(self) -> int:
        return self.first + len(self._records)

    def append(self, records: Sequence[Record]) -> int:
        offset = self.end
        self._records.extend(records)
        self._waiting.reaches(self.end)
        return offset

    def read(self, offset: int, limit: int) -> list[Stored]:
        start = max(offset, self.first)
        there = self._records[start - self.first : start - self.first + limit]
        return [Stored(start + index, record) for index, record in enumerate(there)]

    async def wait(self, offset: int) -> None:
        if offset >= self.end:
            await self._waiting.until_beyond(offset)

    def trim(self, below: int) -> None:
        gone = max(0, min(below, self.end) - self.first)
        del self._records[:gone]
        self.first += gone


class _Member:
    def __init__(self) -> None:
        self.owned: frozenset[int] = frozenset()
        self._condition = asyncio.Event()

    def give(self, owned: frozenset[int]) -> None:
        self.owned = owned
        self._condition.set()

    async def changed(self, known: frozenset[int]) -> frozenset[int]:
        while self.owned == known:
            self._condition.clear()
            await self._condition.wait()
        return self.owned


class _Group:
    def __init__(self) -> None:
        self._members: list[_Member] = []

    def join(self, member: _Member, partitions: int) -> None:
        self._members.append(member)
        self._share(partitions)

    def leave(self, member: _Member, partitions: int) -> None:
        self._members.remove(member)
        member.give(frozenset())
        self._share(partitions)

    def _share(self, partitions: int) -> None:
        for index, member in enumerate(self._members):
            member.give(frozenset(range(index, partitions, len(self._members))))
