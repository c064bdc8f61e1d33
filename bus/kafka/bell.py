"""Wakes readers when a partition has grown: by this process directly, by others with long polls.

The poll at a broker asks for all partitions that were ever waited for, since whoever came while it
is under way would have to wait for its end: a broker answers a connection's questions in turn. It
says how far they reach now; what they hold is read by those who were woken.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Any, NoReturn

import structlog
from aiokafka import structs
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, OffsetOutOfRangeError, StaleMetadata

from bus.contract import LogError
from bus.kafka.connections import FAILURES, Connections, TopicPartition
from bus.kafka.readers import Reader, fetch_request
from bus.tasks import end_if_cancelled
from bus.waiting import Waiting

LONGEST_POLL = 0.5
_PACE = {True: 0.005, False: 0.02}
"""Seconds from poll to poll, after one that brought news, and after one that did not."""
_TRY_AGAIN = 0.5

_log = structlog.get_logger()


class Bell:
    """What this process knows of the ends of partitions."""

    def __init__(self, connections: Connections, reader: Reader) -> None:
        self._connections, self._reader = connections, reader
        self._ends: dict[TopicPartition, int] = {}
        self._waiting: dict[TopicPartition, Waiting] = defaultdict(Waiting)
        self._newcomer = asyncio.Event()

    async def run(self) -> NoReturn:
        """Listen until cancelled, over any loss of the brokers."""
        while True:
            if not self._ends:
                await self._newcomer.wait()
            try:
                await self._listen(await self._connections.client())
            except* Exception as errors:
                _log.warning("bell of the log out of order", reason=repr(errors.exceptions[0]))
            end_if_cancelled()
            await asyncio.sleep(_TRY_AGAIN)

    def ring(self, place: TopicPartition, end: int) -> None:
        """This process appended: tell all. Two appends at once may say so in the wrong order."""
        if place in self._ends:
            self._reaches_at_least(place, end)

    async def until_beyond(self, place: TopicPartition, offset: int) -> None:
        """Return when the partition may reach beyond `offset`."""
        while place not in self._ends:
            await self._learn(place)
        if self._ends[place] <= offset:
            await self._waiting[place].until_beyond(offset)

    async def _learn(self, place: TopicPartition) -> None:
        try:
            _, end = await self._reader.bounds(place)
        except LogError as error:
            _log.warning("end of a partition not known", place=place, reason=str(error))
            await asyncio.sleep(_TRY_AGAIN)
        else:
            self._ends.setdefault(place, end)
            self._newcomer.set()

    async def _listen(self, client: AIOKafkaClient) -> None:
        """Poll all brokers that there are now."""
        nodes = {broker.nodeId for broker in client.cluster.brokers()}
        async with asyncio.TaskGroup() as tasks:
            for node in nodes:
                tasks.create_task(self._poll(client, node))
            await self._look_for_leaders(client, nodes)

    async def _look_for_leaders(self, client: AIOKafkaClient, nodes: set[int]) -> NoReturn:
        """Raises `StaleMetadata` where a partition is led by a broker that came later."""
        while True:
            leaders = {_leader(client, place) for place in self._ends}
            if leaders - nodes - {None}:
                raise StaleMetadata
            if None in leaders and not await self._connections.refresh(client):
                raise KafkaConnectionError("no broker answers")
            self._newcomer.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_TRY_AGAIN):
                    await self._newcomer.wait()

    async def _poll(self, client: AIOKafkaClient, node: int) -> NoReturn:
        now = asyncio.get_running_loop().time
        while True:
            started, news = now(), False
            try:
                if ends := self._led(client, node):
                    request = fetch_request([*ends.items()], 1, wait=LONGEST_POLL)
                    news = await self._hear(client, await client.send(node, request))
            except FAILURES as error:
                _log.warning("broker did not answer the bell", node=node, reason=repr(error))
                if not await self._connections.refresh(client):
                    raise
                await asyncio.sleep(_TRY_AGAIN)
            await asyncio.sleep(max(0.0, started + _PACE[news] - now()))

    def _led(self, client: AIOKafkaClient, node: int) -> dict[TopicPartition, int]:
        """The ends of the partitions that this broker leads."""
        return {place: end for place, end in self._ends.items() if _leader(client, place) == node}

    async def _hear(self, client: AIOKafkaClient, response: Any) -> bool:
        """Whether anything grew that was not known to."""
        news = moved = False
        for topic, parts in response.topics:
            for partition, code, highest, *_ in parts:
                place = (topic, partition)
                if code == OffsetOutOfRangeError.errno:
                    # Trimmed beyond, or cut: the polls go on from where it ends now.
                    _, self._ends[place] = await self._reader.bounds(place)
                    self._waiting[place].reaches(self._ends[place])
                elif code:
                    moved = True
                elif highest > self._ends[place]:
                    news = True
                    self._reaches_at_least(place, highest)
        if moved and not await self._connections.refresh(client):
            raise KafkaConnectionError("no broker answers")
        return news

    def _reaches_at_least(self, place: TopicPartition, end: int) -> None:
        self._ends[place] = max(end, self._ends[place])
        self._waiting[place].reaches(self._ends[place])


def _leader(client: AIOKafkaClient, place: TopicPartition) -> int | None:
    leader: int | None = client.cluster.leader_for_partition(structs.TopicPartition(*place))
    return None if leader == -1 else leader
