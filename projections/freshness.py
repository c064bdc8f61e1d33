"""As of when rows are: an answer that is behind the log says so, or waits until it is not."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeVar

import asyncpg

from bus import Log, LogError, partition_of
from bus.tasks import doubling, within
from events.envelope import events_topic
from projections import positions
from projections.database import Pool, Queries
from projections.positions import Mark, Source
from projections.projection import Projection
from projections.reader import Reader

T = TypeVar("T")

_ASK_WITHIN = 1.0
"""Seconds for the log to say how far it goes; reads do not depend on it."""
_PAUSES = 0.01, 0.2
_RECENT = 1.0
_SHOWN_WITHIN = 2.0


class Behind(Exception):
    """The tables do not show what the log has, and who acted on that would lose it."""


class RecentEnds:
    """Where what a projection reads ended, a second ago at most."""

    def __init__(self, log: Log, projection: Projection) -> None:
        self._log, self._projection = log, projection
        self._asking = asyncio.Lock()
        self._ends: Mapping[Source, int] = {}
        self._asked = -math.inf

    async def known(self) -> Mapping[Source, int]:
        """Raises `LogError`."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now > self._asked + _RECENT:
                self._ends, self._asked = await self._ask(), now
            return self._ends

    async def _ask(self) -> Mapping[Source, int]:
        sources = [
            (context, partition)
            for context in self._projection.contexts
            for partition in range(await self._log.partitions(events_topic(context)))
        ]
        bounds = await asyncio.gather(*(self._log.bounds(events_topic(c), p) for c, p in sources))
        return {source: end for source, (_, end) in zip(sources, bounds, strict=True)}


async def look_beyond(
    ends: Mapping[Source, int],
    pool: Pool,
    projection: Projection,
    look: Callable[[Queries], Awaitable[T]],
) -> T:
    """What is seen once the tables show all of the log that lies before its ends.

    Until then they may be made anew from the beginning, and what is missing in them means nothing.
    Raises `Behind` after two seconds.
    """

    async def shown() -> T:
        pauses = doubling(*_PAUSES)
        while True:
            async with pool.acquire() as connection:
                try:
                    async with connection.transaction(isolation="repeatable_read"):
                        marks = await positions.load(connection, projection.name)
                        if _reach(marks, ends):
                            return await look(connection)
                except asyncpg.UndefinedTableError:
                    pass  # they are being made
            await asyncio.sleep(next(pauses))

    try:
        return await within(_SHOWN_WITHIN, shown())
    except TimeoutError:
        raise Behind(f"the read model {projection.name} is behind the log") from None


def _reach(marks: Mapping[Source, Mark], ends: Mapping[Source, int]) -> bool:
    return all(
        source in marks and marks[source].position.offset >= end for source, end in ends.items()
    )


async def as_of(
    reader: Reader, log: Log, projection: str, incident: str | None = None
) -> datetime | None:
    """The time of the newest event in the rows; while partitions are behind the log, of the one
    that is furthest behind. None: it was not read yet.

    With `incident` only the partitions that may hold its events count.
    """
    marks = reader.marks(projection)
    if incident is not None:
        marks = {source: marks[source] for source in marks if _may_hold(source, incident, marks)}
    behind = [mark.as_of for mark in await _behind(log, marks)]
    if behind:
        return None if None in behind else min(moment for moment in behind if moment)
    return max((mark.as_of for mark in marks.values() if mark.as_of), default=None)


def _may_hold(source: Source, incident: str, marks: Mapping[Source, Mark]) -> bool:
    context, partition = source
    partitions = sum(other == context for other, _ in marks)
    return not context.keyed_by_incident or partition_of(incident, partitions) == partition


async def _behind(log: Log, marks: Mapping[Source, Mark]) -> list[Mark]:
    """Those that the log goes beyond; all, if it does not say how far it goes."""
    try:
        async with asyncio.timeout(_ASK_WITHIN):
            bounds = await asyncio.gather(*(log.bounds(events_topic(c), p) for c, p in marks))
    except (LogError, TimeoutError):
        return list(marks.values())
    ends = (end for _, end in bounds)
    return [
        mark for mark, end in zip(marks.values(), ends, strict=True) if mark.position.offset < end
    ]
