"""What is kept: the log, the read models' database and the blobs, opened together."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from bus import CachedLog, HybridClock, Log, LogUnavailable, WatchedLog
from bus.tasks import doubling
from deploy.blobs import open_blobs
from deploy.embedded import EmbeddedServer
from deploy.engines import is_kafka, open_log
from deploy.settings import Settings
from events.envelope import events_topic
from events.values import Context
from managers.blobs import BlobStore
from managers.everyone import declare_topics
from managers.runtime import Surroundings
from projections import Pool, TableSnapshots, database_time, open_pool, prepare

T = TypeVar("T")

_MADE_WITHIN = 60.0
"""Seconds in which topics must be there: brokers that start, with many processes that start at the
same time, take longer over them than over any call that comes later."""
_BACKOFF = (0.1, 2.0)

_log = structlog.get_logger()


@dataclass(frozen=True)
class Storage:
    """Everything that outlives a process."""

    log: Log
    pool: Pool
    blobs: BlobStore
    clock: HybridClock
    settings: Settings

    def surroundings(self) -> Surroundings:
        """What managers need."""
        return Surroundings(
            log=self.log,
            clock=self.clock,
            wall=time.time,
            chance=random.SystemRandom(),
            snapshots=TableSnapshots(self.pool, self.settings.append_deadline),
            append_deadline=self.settings.append_deadline,
        )


_KEPT = {events_topic(context) for context in Context}
"""Topics of which nothing is ever trimmed."""


@asynccontextmanager
async def open_storage(
    settings: Settings,
    *,
    make: bool = True,
    watch: bool = False,
    connections: tuple[int, int] = (10, 16),
) -> AsyncIterator[Storage]:
    """Open what is kept; with `make` it is made where there is none.

    With `watch` a log that is replaced meanwhile is noticed (`bus.WatchedLog`).
    `connections` to PostgreSQL are opened when needed: so many for the log at most (and two more),
    and so many for read models.

    Raises `EmbeddedServerError`, `bus.LogError`, `bus.ClockWrong`.
    """
    async with AsyncExitStack() as stack:
        log_url, database = settings.log, _database(settings)
        if log_url is None or database is None:
            opening = EmbeddedServer.open if make else EmbeddedServer.connect_or_start
            embedded = (await stack.enter_async_context(opening(settings.data))).url
            log_url, database = log_url or embedded, database or embedded
        deadline, lease = settings.append_deadline, settings.lease
        engine = await open_log(log_url, connections=connections[0], deadline=deadline, lease=lease)
        log = CachedLog(WatchedLog(engine, whole=_KEPT.__contains__) if watch else engine)
        stack.push_async_callback(log.close)
        await patiently(lambda: declare_topics(log, settings.partitions))
        pool = await stack.enter_async_context(open_pool(database, connections[1]))
        await prepare(pool)
        clock = HybridClock(time.time)
        clock.compare(await database_time(pool))
        yield Storage(log, pool, open_blobs(settings), clock, settings)


async def patiently(declare: Callable[[], Awaitable[T]]) -> T:
    """What declaring topics returns, which is tried for a minute; raises `LogError`."""
    clock, pauses = asyncio.get_running_loop().time, doubling(*_BACKOFF)
    until = clock() + _MADE_WITHIN
    while True:
        try:
            return await declare()
        except LogUnavailable as error:
            if clock() > until:
                raise LogUnavailable(
                    f"the topics were not made or found within {_MADE_WITHIN:g} s: {error}"
                ) from error
            _log.warning("topics are not there yet", reason=str(error))
        await asyncio.sleep(next(pauses))


def _database(settings: Settings) -> str | None:
    """The URL of the read models' PostgreSQL; None: the embedded one."""
    if settings.database is None and settings.log and not is_kafka(settings.log):
        return settings.log
    return settings.database
