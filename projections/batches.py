"""Batches: the tails of all source partitions, folded in one transaction each."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from bus import Log, Position, Stored, verify
from events.envelope import events_topic
from managers.runtime import crash_point
from projections import builds, positions
from projections.database import Connection, at
from projections.decoder import Decoder
from projections.positions import Mark, Source
from projections.projection import Fact, Projection

_SOON_OVER = """
select set_config('transaction_timeout', '15s', true)
where current_setting('server_version_num')::int >= 170000
"""
"""A process that is stopped in the middle of writing rows must not keep its locks for ever."""

_CHUNK = 500
"""Records read in one go."""
_TURN = 100
"""Records looked at before others have a turn."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of a partition."""

    source: Source
    records: Sequence[Stored]


@dataclass
class Tails:
    """The records of all partitions behind where they were read to, as they come."""

    log: Log
    decoder: Decoder
    chunks: asyncio.Queue[Chunk] = field(default_factory=lambda: asyncio.Queue(maxsize=8))

    async def follow(self, source: Source, position: Position) -> NoReturn:
        """Put what lies behind `position` into the queue; raises `LogReplaced`, `LogError`."""
        topic, offset = events_topic(source[0]), position.offset
        await verify(self.log, topic, source[1], position)
        while True:
            records = await self.log.read(topic, source[1], offset, _CHUNK)
            if records:
                offset = records[-1].offset + 1
                await self.chunks.put(Chunk(source, records))
                if len(records) == _CHUNK:
                    await self.decoder.others(source, offset)
            else:
                await self.log.wait(topic, source[1], offset)

    async def take(self, limit: int = 2000) -> list[Chunk]:
        """At least one chunk; more if they are there, up to about `limit` records."""
        taken = [await self.chunks.get()]
        while not self.chunks.empty() and sum(len(chunk.records) for chunk in taken) < limit:
            taken.append(self.chunks.get_nowait())
        return taken


async def take_in(
    connection: Connection,
    projection: Projection,
    build: int,
    chunks: Sequence[Chunk],
    before: Mapping[Source, Mark],
    decoder: Decoder,
) -> dict[Source, Mark]:
    """Fold a batch into the tables, whole or not at all; return the marks that it moved.

    Raises `AnotherRunner` or `Rebuilt` when the tables are not where `before` says.
    """
    facts, after = await _counted(decoder, chunks, before)
    async with connection.transaction():
        await connection.execute(_SOON_OVER)
        await builds.claim(connection, projection, build)
        await positions.move(connection, projection.name, before, after)
        await projection.apply(connection, facts)
        crash_point("before projection moves")
    crash_point("after projection moves")
    return after


async def _counted(
    decoder: Decoder, chunks: Sequence[Chunk], before: Mapping[Source, Mark]
) -> tuple[list[Fact], dict[Source, Mark]]:
    """The commits that count, and the marks behind all these records."""
    facts: list[Fact] = []
    after: dict[Source, Mark] = {}
    for chunk in chunks:
        position, as_of = after.get(chunk.source) or before[chunk.source]
        known = len(facts)
        for number, stored in enumerate(chunk.records):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            position, counts = position.after(stored)
            if counts:
                commit = decoder.commit(chunk.source, stored)
                facts.append(Fact(*chunk.source, stored.offset, position.epoch, commit))
        after[chunk.source] = Mark(position, at(facts[-1].time) if len(facts) > known else as_of)
    return facts, after
