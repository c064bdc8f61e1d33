"""Managers' snapshots in a table beside the projections; losing them costs time, never truth."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple

from bus import Position
from events.values import Context
from managers.runtime import Snapshot
from projections.database import Connection, Pool

_DDL = """
create table if not exists vestec_read.snapshots (
    context text not null,
    partition integer not null,
    "offset" bigint not null,
    epoch bigint not null,
    sequence bigint not null,
    nonce text not null,
    fold integer not null,
    states bytea not null,
    primary key (context, partition)
)
"""


async def prepare_snapshots(connection: Connection) -> None:
    """Create the table if it is missing."""
    await connection.execute(_DDL)


async def forget_snapshots(connection: Connection) -> None:
    """Have every manager fold its whole log at its next takeover."""
    await connection.execute("delete from vestec_read.snapshots")


class TableSnapshots:
    """The newest snapshot of every partition; implements `managers.runtime.Snapshots`.

    Who loads or stores one has a partition to lead, and waits `deadline` seconds at most.
    """

    def __init__(self, pool: Pool, deadline: float = 10.0) -> None:
        self._pool, self._deadline = pool, deadline

    async def load(self, context: Context, partition: int) -> Snapshot | None:
        async with self._connection() as connection:
            found = await connection.fetchrow(
                """
                select fold, states, "offset", epoch, sequence, nonce from vestec_read.snapshots
                where context = $1 and partition = $2
                """,
                context.value,
                partition,
            )
        if found is None:
            return None
        fold, states, *position = found
        return Snapshot(Position(*position), fold, states)

    async def store(self, context: Context, partition: int, snapshot: Snapshot) -> None:
        """A newer one stays: who lost the partition may be late."""
        async with self._connection() as connection:
            await connection.execute(
                """
                insert into vestec_read.snapshots as s
                    (context, partition, fold, states, "offset", epoch, sequence, nonce)
                values ($1, $2, $3, $4, $5, $6, $7, $8)
                on conflict (context, partition) do update set
                    fold = excluded.fold, states = excluded.states, "offset" = excluded."offset",
                    epoch = excluded.epoch, sequence = excluded.sequence, nonce = excluded.nonce
                where (s.epoch, s."offset") <= (excluded.epoch, excluded."offset")
                """,
                context.value,
                partition,
                snapshot.fold,
                snapshot.states,
                *astuple(snapshot.position),
            )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """One that is dropped should it not answer: asyncpg would wait for it all the same."""
        async with asyncio.timeout(self._deadline), self._pool.acquire() as connection:
            try:
                yield connection
            except BaseException:
                connection.terminate()
                raise
