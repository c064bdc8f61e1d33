"""The newest records of each partition in memory, for the many readers of one process.

It serves only what the engine acknowledged or returned, without gaps, and asks the engine whether
there is more whenever a reader has come to the end: once for all who come there meanwhile.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import NoReturn

from bus.contract import Doubt, Log, Membership, Record, Stored


class CachedLog(Log):
    """An engine behind a cache of at most `records` and `size` bytes for each partition."""

    def __init__(self, engine: Log, records: int = 1000, size: int = 1_000_000) -> None:
        self._engine = engine
        self._tails: dict[tuple[str, int], _Tail] = defaultdict(lambda: _Tail(records, size))

    async def declare(self, topic: str, partitions: int) -> None:
        await self._engine.declare(topic, partitions)

    async def partitions(self, topic: str) -> int:
        return await self._engine.partitions(topic)

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        tail = self._tails[topic, partition]
        try:
            offset = await self._engine.append(topic, partition, records)
        except Doubt:
            tail.forget()
            raise
        tail.add([Stored(place, record) for place, record in enumerate(records, offset)])
        return offset

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000
    ) -> Sequence[Stored]:
        tail = self._tails[topic, partition]
        if tail.end == offset:
            await self._look_behind(topic, partition, tail, offset)
            if tail.end == offset:
                return []
        if tail.start <= offset < tail.end:
            return tail.part(offset, limit)
        records = await self._engine.read(topic, partition, offset, limit)
        tail.add(records)
        return records

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        if offset >= self._tails[topic, partition].end:
            await self._engine.wait(topic, partition, offset)

    async def stands(self, topic: str, partition: int) -> NoReturn:
        await self._engine.stands(topic, partition)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        first, end = await self._engine.bounds(topic, partition)
        tail = self._tails[topic, partition]
        if tail.end > end:
            tail.forget()
        return first, end

    async def trim(self, topic: str, partition: int, below: int) -> None:
        await self._engine.trim(topic, partition, below)
        self._tails[topic, partition].forget()

    def membership(self, group: str, topic: str) -> AbstractAsyncContextManager[Membership]:
        return self._engine.membership(group, topic)

    async def close(self) -> None:
        await self._engine.close()

    async def _look_behind(self, topic: str, partition: int, tail: "_Tail", end: int) -> None:
        """Add what the engine has behind `end`, unless it was asked after this call began."""
        asked = tail.asked
        async with tail.turn:
            if tail.end == end and tail.answered <= asked:
                tail.asked += 1
                tail.add(await self._engine.read(topic, partition, end))
                tail.answered = tail.asked


class _Tail:
    """The newest records of a partition that are known, one behind the other."""

    def __init__(self, records: int, size: int) -> None:
        self._most, self._largest = records, size
        self._records: list[Stored] = []
        self._size = 0
        self.turn = asyncio.Lock()
        self.asked = self.answered = 0

    @property
    def start(self) -> int:
        return self._records[0].offset if self._records else -1

    @property
    def end(self) -> int:
        """Where the next record will be expected; -1 when nothing is known."""
        return self._records[-1].offset + 1 if self._records else -1

    def part(self, offset: int, limit: int) -> list[Stored]:
        skip = offset - self.start
        return self._records[skip : skip + limit]

    def add(self, records: Sequence[Stored]) -> None:
        """Take records that lie one behind the other, as far as they are newer."""
        if not records:
            return
        if records[0].offset > self.end or self._contradicts(records[0]):
            self.forget()
        new = records[max(0, self.end - records[0].offset) :]
        self._records.extend(new)
        self._size += sum(stored.record.size for stored in new)
        self._shrink()

    def forget(self) -> None:
        self._records, self._size = [], 0

    def _contradicts(self, stored: Stored) -> bool:
        """Whether another record was known there: the log was replaced."""
        return (
            self.start <= stored.offset < self.end
            and self._records[stored.offset - self.start] != stored
        )

    def _shrink(self) -> None:
        gone = max(0, len(self._records) - self._most)
        self._size -= sum(stored.record.size for stored in self._records[:gone])
        while self._size > self._largest:
            self._size -= self._records[gone].record.size
            gone += 1
        del self._records[:gone]
