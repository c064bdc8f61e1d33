"""Wakes readers when a partition has grown, in this process directly and in others by NOTIFY.

Never within an append: a transaction that notifies commits under one lock for the whole database,
and appends would wait for each other. So bells are rung behind the appends, collected for a moment,
and only while other processes listen; one may get lost, and all look by themselves every second.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import NoReturn

import structlog

from bus.postgres.connections import Connection, Connections
from bus.postgres.statements import ENDS, OTHERS, RING
from bus.waiting import Waiting

TopicPartition = tuple[str, int]
"""A topic and one of its partitions."""

LOOK_EVERY = 1.0
COLLECT_FOR = 0.002
_HELLO = "hello"

_log = structlog.get_logger()


class Bell:
    """What this process knows of the ends of partitions."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._ends: dict[TopicPartition, int] = {}
        self._waiting: dict[TopicPartition, Waiting] = defaultdict(Waiting)
        self._to_ring: dict[TopicPartition, int] = {}
        self._rung = asyncio.Event()
        self._others = self._heard_others = True
        self._pid = 0
        self.groups: set[Callable[[str], None]] = set()
        """Called with the name of a group whose members changed."""

    async def run(self) -> NoReturn:
        """Ring, listen and look until cancelled, over any loss of the database."""
        while True:
            try:
                async with self._connections.one() as connection:
                    await connection.add_listener("vestec_log", self._hear)
                    await connection.add_listener("vestec_log_groups", self._hear_group)
                    await self._serve(connection)
            except Exception as error:
                _log.warning("bell of the log out of order", reason=repr(error))
                await asyncio.sleep(LOOK_EVERY / 2)

    def ring(self, place: TopicPartition, end: int) -> None:
        """This process appended: tell all. Two appends at once may say so in the wrong order."""
        self._reaches_at_least(place, end)
        if self._others:
            self._to_ring[place] = self._ends[place]
            self._rung.set()

    async def until_beyond(self, place: TopicPartition, offset: int) -> None:
        """Return when the partition may reach beyond `offset`."""
        if self._ends.get(place, -1) <= offset:
            await self._waiting[place].until_beyond(offset)

    async def _serve(self, connection: Connection) -> NoReturn:
        now = asyncio.get_running_loop().time
        self._pid = connection.get_server_pid()
        await connection.execute(RING, [_HELLO])
        while True:
            await self._look(connection)
            until = now() + LOOK_EVERY
            while now() < until and await self._rung_before(until):
                rung, self._to_ring = self._to_ring, {}
                self._rung.clear()
                await connection.execute(RING, [_write(*place, end) for place, end in rung.items()])
                await asyncio.sleep(COLLECT_FOR)

    async def _rung_before(self, until: float) -> bool:
        try:
            async with asyncio.timeout_at(until):
                return await self._rung.wait()
        except TimeoutError:
            return False

    async def _look(self, connection: Connection) -> None:
        """Ask for all ends; what was heard while asking is newer than the answer."""
        known, self._heard_others = dict(self._ends), False
        others = await connection.fetchval(OTHERS)
        for topic, partition, end in await connection.fetch(ENDS):
            place = (topic, partition)
            if self._ends.get(place) == known.get(place):
                self._reaches(place, end)
        self._others = others or self._heard_others

    def _hear(self, _connection: object, pid: int, _channel: str, payload: object) -> None:
        if pid == self._pid:
            return
        self._others = self._heard_others = True
        if payload != _HELLO:
            place, end = _read(str(payload))
            self._reaches_at_least(place, end)

    def _hear_group(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for call in tuple(self.groups):
            call(str(payload))

    def _reaches_at_least(self, place: TopicPartition, end: int) -> None:
        self._reaches(place, max(end, self._ends.get(place, 0)))

    def _reaches(self, place: TopicPartition, end: int) -> None:
        self._ends[place] = end
        if place in self._waiting:
            self._waiting[place].reaches(end)


def _write(topic: str, partition: int, end: int) -> str:
    return f"{end} {partition} {topic}"


def _read(payload: str) -> tuple[TopicPartition, int]:
    end, partition, topic = payload.split(" ", 2)
    return (topic, int(partition)), int(end)
