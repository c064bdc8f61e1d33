"""As of when rows are: an answer that is behind the log says so."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from bus import Log, LogError, partition_of
from events.envelope import events_topic
from projections.positions import Mark, Source
from projections.reader import Reader

_ASK_WITHIN = 1.0
"""Seconds for the log to say how far it goes; reads do not depend on it."""


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
