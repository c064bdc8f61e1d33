"""The contract on PostgreSQL: what each call means in statements, and what its failure means."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self
from uuid import uuid4

from bus.contract import (
    Doubt,
    Log,
    LogError,
    Membership,
    PartitionsChanged,
    Record,
    Stored,
    UnknownTopic,
    check_sizes,
)
from bus.postgres.batches import pack, unpack
from bus.postgres.bell import Bell
from bus.postgres.connections import FAILURES, Connection, Connections, refused
from bus.postgres.leases import Lease
from bus.postgres.schema import make_schema
from bus.postgres.statements import (
    APPEND,
    BOUNDS,
    DECLARE,
    FORGET,
    PARTITIONS,
    READ,
    REMOVE,
)
from bus.tasks import end

READ_BYTES = 8_000_000
"""A read ends with the batch that reaches this size."""


class PostgresLog(Log):
    """The log in schema `vestec_log` of a database; `connect` makes one.

    A database that is away is waited for until the deadline; then `LogUnavailable` is raised, and
    later calls work as soon as it is back. `wait` and memberships wait for it as long as it takes.
    """

    def __init__(self, calls: Connections, leases: Connections, bell: Bell, lease: float) -> None:
        self._calls, self._leases, self._bell, self._lease = calls, leases, bell, lease
        self._ringing = asyncio.create_task(bell.run())
        self._partitions: dict[str, int] = {}

    @classmethod
    async def connect(
        cls, url: str, *, connections: int = 10, deadline: float = 10.0, lease: float = 6.0
    ) -> Self:
        """The log behind a `postgresql://` URL, its tables made if need be.

        `connections` is how many calls run at once (two more connections are kept), `deadline` how
        many seconds each may take, `lease` after how many seconds a silent member is replaced.
        Raises `LogUnavailable`.
        """
        name = f"vestec log {uuid4()}"
        calls = Connections(url, name, connections, deadline)
        async with calls.one() as connection:
            await make_schema(connection)
        leases = Connections(url, name, 1, min(deadline, lease / 3))
        bell = Bell(Connections(url, name, 1, deadline, synchronous_commit="off"))
        return cls(calls, leases, bell, lease)

    async def declare(self, topic: str, partitions: int) -> None:
        await self._calls.fetch(DECLARE, topic, partitions)
        there = await self.partitions(topic)
        if there != partitions:
            raise PartitionsChanged(
                f"topic {topic} has {there} partitions, {partitions} were asked for"
            )

    async def partitions(self, topic: str) -> int:
        if topic not in self._partitions:
            rows = await self._calls.fetch(PARTITIONS, topic)
            if not rows:
                raise UnknownTopic(f"topic {topic} was never declared")
            self._partitions[topic] = rows[0][0]
        return self._partitions[topic]

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        check_sizes(records)
        await self._check(topic, partition)
        batch = pack(records)
        async with self._calls.one() as connection:
            offset = await _append(connection, topic, partition, len(records), batch)
        self._bell.ring((topic, partition), offset + len(records))
        return offset

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000
    ) -> Sequence[Stored]:
        await self._check(topic, partition)
        rows = await self._calls.fetch(READ, topic, partition, offset, limit, READ_BYTES)
        found = [stored for row in rows for stored in unpack(row["start"], row["records"])]
        skip = rows[0]["lowest"] - rows[0]["start"] if rows else 0
        return found[skip : skip + limit]

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        await self._check(topic, partition)
        await self._bell.until_beyond((topic, partition), offset)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        await self._check(topic, partition)
        rows = await self._calls.fetch(BOUNDS, topic, partition)
        if not rows:
            raise UnknownTopic(f"topic {topic} is gone from the database")
        return rows[0]["first"], rows[0]["next"]

    async def trim(self, topic: str, partition: int, below: int) -> None:
        await self._check(topic, partition)
        await self._calls.fetch(FORGET, topic, partition, below)
        await self._calls.fetch(REMOVE, topic, partition)

    @asynccontextmanager
    async def membership(self, group: str, topic: str) -> AsyncIterator[Membership]:
        await self.partitions(topic)
        member = Lease(self._leases, group, topic, self._lease)
        keeping = asyncio.create_task(member.keep())
        self._bell.groups.add(member.look)
        try:
            yield member
        finally:
            self._bell.groups.discard(member.look)
            await end(keeping)
            await member.leave()

    async def close(self) -> None:
        await end(self._ringing)
        self._calls.close()
        self._leases.close()

    async def _check(self, topic: str, partition: int) -> None:
        there = await self.partitions(topic)
        if not 0 <= partition < there:
            raise UnknownTopic(f"topic {topic} has {there} partitions, none is {partition}")


async def _append(
    connection: Connection, topic: str, partition: int, count: int, batch: bytes
) -> int:
    """From here on only the server's own word that it refused takes doubt away."""
    try:
        offset: int | None = await connection.fetchval(APPEND, topic, partition, count, batch)
    except FAILURES as error:
        if refused(error):
            raise LogError(f"the database refused an append: {error}") from error
        raise Doubt(f"{topic}/{partition}: {type(error).__name__}: {error}") from error
    if offset is None:
        raise UnknownTopic(f"topic {topic} is gone from the database")
    return offset
