"""The contract on Kafka: what each call means in requests, and what its failure means."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.protocol.admin import DeleteRecordsRequest

from bus.contract import Log, Membership, Record, Stored, UnknownTopic, check_sizes
from bus.kafka.address import Address
from bus.kafka.bell import Bell
from bus.kafka.connections import Connections, TopicPartition, check
from bus.kafka.members import Member
from bus.kafka.producers import Producers
from bus.kafka.readers import Reader
from bus.kafka.topics import Topics
from bus.tasks import end


class KafkaLog(Log):
    """The log on the brokers behind an address; `connect` makes one.

    Brokers that are away are waited for until the deadline; then `LogUnavailable` is raised, and
    later calls work as soon as they are back. `wait` and memberships wait as long as it takes.
    """

    def __init__(self, address: Address, deadline: float, lease: float) -> None:
        self._address, self._deadline, self._lease = address, deadline, lease
        self._calls = Connections(address, deadline)
        self._polls = Connections(address, deadline)
        self._topics = Topics(self._calls, address)
        self._reader = Reader(self._calls)
        self._producers = Producers(address, deadline)
        self._bell = Bell(self._polls, self._reader)
        self._ringing = asyncio.create_task(self._bell.run())

    @classmethod
    async def connect(cls, url: str, *, deadline: float = 10.0, lease: float = 6.0) -> Self:
        """The log behind a `kafka://` URL, as `bus.kafka.address` describes it.

        `deadline` is how many seconds a call may take, `lease` after how many seconds a silent
        member is replaced. Raises `LogUnavailable`, `LogError`.
        """
        log = cls(Address.parse(url), deadline, lease)
        try:
            await log._calls.find_brokers()
        except BaseException:
            await log.close()
            raise
        return log

    async def declare(self, topic: str, partitions: int) -> None:
        await self._topics.declare(self._named(topic), partitions)

    async def partitions(self, topic: str) -> int:
        return await self._topics.partitions(self._named(topic))

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        check_sizes(records)
        place, partitions = await self._place(topic, partition)
        if not records:
            _, end = await self._reader.bounds(place)
            return end
        offset = await self._producers.append(place, partitions, records)
        self._bell.ring(place, offset + len(records))
        return offset

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000
    ) -> Sequence[Stored]:
        place, _ = await self._place(topic, partition)
        return await self._reader.read(place, offset, limit)

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        place, _ = await self._place(topic, partition)
        await self._bell.until_beyond(place, offset)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        place, _ = await self._place(topic, partition)
        return await self._reader.bounds(place)

    async def trim(self, topic: str, partition: int, below: int) -> None:
        place, _ = await self._place(topic, partition)
        first, end = await self._reader.bounds(place)
        if min(below, end) > first:
            request = DeleteRecordsRequest(
                [(place[0], [(partition, min(below, end))])], round(self._deadline * 1000)
            )
            await self._calls.ask_leader(place, request, _trimmed)

    @asynccontextmanager
    async def membership(self, group: str, topic: str) -> AsyncIterator[Membership]:
        partitions = await self.partitions(topic)
        name = f"{self._named(group)}:{topic}"
        member = Member(self._address, name, self._named(topic), partitions, self._lease)
        keeping = asyncio.create_task(member.keep())
        try:
            yield member
        finally:
            await end(keeping)

    async def close(self) -> None:
        await end(self._ringing)
        await asyncio.gather(self._producers.close(), self._calls.close(), self._polls.close())

    def _named(self, name: str) -> str:
        return self._address.prefix + name

    async def _place(self, topic: str, partition: int) -> tuple[TopicPartition, int]:
        there = await self.partitions(topic)
        if not 0 <= partition < there:
            raise UnknownTopic(f"topic {topic} has {there} partitions, none is {partition}")
        return (self._named(topic), partition), there


def _trimmed(response: Any) -> None:
    """Somebody else may have trimmed more meanwhile."""
    ((_, ((_, _, code, *_), *_), *_),) = response.topics
    if code != OffsetOutOfRangeError.errno:
        check(code)
