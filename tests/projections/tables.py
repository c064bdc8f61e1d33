"""What lies in the read models, to be compared."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from events.values import Context
from projections import PROJECTIONS, Pool, Reader, Runner, open_reader
from tests.patience import PATIENCE
from tests.projections.story import Place, Story

_NOT_COMPARED = {"timeline": ("serial",)}


async def contents(pool: Pool) -> dict[str, list[tuple[object, ...]]]:
    """The rows of every projection's tables, without the ids that its own reading order gives."""
    tables = [table for projection in PROJECTIONS for table in projection.tables]
    return {table: await _rows(pool, table) for table in tables}


async def _rows(pool: Pool, table: str) -> list[tuple[object, ...]]:
    rows = [dict(record) for record in await pool.fetch(f"select * from vestec_read.{table}")]
    hidden = _NOT_COMPARED.get(table, ())
    return sorted(
        (tuple((k, repr(v)) for k, v in row.items() if k not in hidden) for row in rows), key=repr
    )


@asynccontextmanager
async def running(story: Story, pool: Pool) -> AsyncIterator[Reader]:
    """All projections, kept up to date while the context lasts."""
    runner = Runner(story.log, pool, PROJECTIONS, time.time, look_every=0.1)
    task = asyncio.create_task(runner.run())
    try:
        async with open_reader(Reader(pool)) as reader:
            yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def caught_up(reader: Reader, place: Place) -> None:
    """Wait until every projection has taken in that commit."""
    for projection in PROJECTIONS:
        if place.context in projection.contexts:
            await one_caught_up(reader, projection.name, place)


async def one_caught_up(reader: Reader, name: str, place: Place) -> None:
    """Wait until one projection has taken in that commit."""
    async with asyncio.timeout(PATIENCE):
        while True:
            moved = reader.move(name)
            if reader.offset(name, place.context, place.partition) > place.offset:
                return
            await moved.wait()


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


async def all_caught_up(reader: Reader, story: Story) -> None:
    """Wait until every projection has taken in everything."""
    for context in Context:
        for partition in range(story.partitions):
            _, end = await story.log.bounds(f"vestec.{context}.events", partition)
            if end:
                await caught_up(reader, Place(context, partition, end - 1, story.id()))
