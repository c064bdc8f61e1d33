"""Reading at any offset, and where a partition begins and ends."""

import asyncio
from math import inf
from typing import Any

from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest

from bus.contract import Stored
from bus.kafka.batches import unpack
from bus.kafka.connections import Connections, TopicPartition, check

_FETCH_BYTES = 1_000_000
"""Largest fetch; a batch that is larger comes whole all the same."""
_LEAST_BYTES = 16_000
_AT_ONCE = 8
"""Fetches under way. A broker answers a connection's questions in turn: with hundreds, as when all
read from the beginning, the last would miss its deadline, the connection be given up with all of
them, and all be asked again."""
_EARLIEST, _LATEST = -2, -1


class Reader:
    """Each read is one fetch of about as much as it will return."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._sizes: dict[TopicPartition, float] = {}
        """Bytes of a record as fetched last."""
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def read(self, place: TopicPartition, offset: int, limit: int) -> list[Stored]:
        """At most `limit` records from `offset` on, or from the first that is kept."""
        while True:
            wanted = self._sizes.get(place, 0.0) * limit
            size = round(min(max(wanted, _LEAST_BYTES), _FETCH_BYTES))
            async with self._turns:
                fetched = await self._connections.ask_leader(
                    place, fetch_request([(place, offset)], size), _fetched
                )
            if fetched is None:
                first, _ = await self.bounds(place)
                if offset >= first:
                    return []
                offset = first
                continue
            found, behind = unpack(fetched, offset, limit)
            self._learn(place, len(fetched), len(found), limit)
            if found or behind == offset:
                return found
            offset = behind

    async def bounds(self, place: TopicPartition) -> tuple[int, int]:
        """The first offset still kept, and that of the next record."""
        first, end = await asyncio.gather(
            self._bound(place, _EARLIEST), self._bound(place, _LATEST)
        )
        return first, max(first, end)

    async def _bound(self, place: TopicPartition, time: int) -> int:
        topic, partition = place
        request = OffsetRequest(-1, 0, [(topic, [(partition, time)])])
        return await self._connections.ask_leader(place, request, _bound)

    def _learn(self, place: TopicPartition, size: int, found: int, limit: int) -> None:
        """How large records are; where the limit cut them, they may be smaller than it seems."""
        if found and (found < limit or size < found * self._sizes.get(place, inf)):
            self._sizes[place] = size / found


def fetch_request(
    offsets: list[tuple[TopicPartition, int]], size: int, *, wait: float = 0.0
) -> FetchRequest:
    """Ask for `size` bytes behind each of the offsets; wait so many seconds if there is nothing."""
    topics: dict[str, list[tuple[int, int, int]]] = {}
    for (topic, partition), offset in offsets:
        topics.setdefault(topic, []).append((partition, offset, size))
    everything, uncommitted = 2**26, 0
    return FetchRequest(
        round(wait * 1000), int(wait > 0), everything, uncommitted, [*topics.items()]
    )


def _fetched(response: Any) -> bytes | None:
    """The batches of the one partition asked for; None if it has not that offset."""
    ((_, (part,)),) = response.topics
    code, batches = part[1], part[-1]
    if code == OffsetOutOfRangeError.errno:
        return None
    check(code)
    return bytes(batches or b"")


def _bound(response: Any) -> int:
    ((_, ((_, code, _, offset),)),) = response.topics
    check(code)
    found: int = offset
    return found
