"""How far each projection is behind the log, for operators, health checks and metrics."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ValidationError

from bus import Log, LogReplaced, Position, Timestamp
from bus.clock import seconds
from events.envelope import events_topic
from events.values import Context
from projections import builds, positions
from projections.database import Pool
from projections.positions import Mark, Source


class PartitionStatus(BaseModel):
    """How far one projection has read one partition."""

    projection: str
    context: Context
    partition: int
    offset: int
    """The next that it will read."""
    epoch: int
    sequence: int
    end: int
    """The next that the log will give."""
    lag_records: int
    lag_seconds: float
    """Since the oldest commit that was not taken in was decided."""
    as_of: datetime | None
    """The time of the newest commit that was taken in."""


async def status(pool: Pool, log: Log, wall: Callable[[], float]) -> list[PartitionStatus]:
    """The status of all projections, by name, context and partition; `wall` is in seconds."""
    async with pool.acquire() as connection:
        await builds.prepare(connection)
        marks = await positions.load_all(connection)
    sources = sorted({source for of_one in marks.values() for source in of_one})
    bounds = await asyncio.gather(*(log.bounds(events_topic(c), p) for c, p in sources))
    ends = {source: end for source, (_, end) in zip(sources, bounds, strict=True)}
    # At once: where all are behind there is one to be read for each projection and partition.
    return await asyncio.gather(
        *(
            _status(log, wall, name, source, mark, ends[source])
            for name in sorted(marks)
            for source, mark in sorted(marks[name].items())
        )
    )


async def _status(
    log: Log, wall: Callable[[], float], projection: str, source: Source, mark: Mark, end: int
) -> PartitionStatus:
    position = mark.position
    behind = max(end - position.offset, 0)
    return PartitionStatus(
        projection=projection,
        context=source[0],
        partition=source[1],
        offset=position.offset,
        epoch=position.epoch,
        sequence=position.sequence,
        end=end,
        lag_records=behind,
        lag_seconds=await _age_of_next(log, wall, source, position) if behind else 0.0,
        as_of=mark.as_of,
    )


class _Dated(BaseModel):
    time: int


async def _age_of_next(
    log: Log, wall: Callable[[], float], source: Source, position: Position
) -> float:
    """Seconds since the next commit was decided; a takeover has no time, nor what is lost."""
    try:
        found = await log.read(events_topic(source[0]), source[1], position.offset, 10)
    except LogReplaced:
        return 0.0
    for stored in found:
        try:
            time = Timestamp(_Dated.model_validate_json(stored.record.value).time)
        except ValidationError:
            continue
        return max(wall() - seconds(time), 0.0)
    return 0.0
