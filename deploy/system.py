"""What runs in one process: a whole system, or some of its parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from deploy.embedded import FolderLock
from deploy.parts import ALL, Parts, managers, projection_runner, web_edge
from deploy.settings import Settings
from deploy.storage import Storage, open_storage
from managers.blobs import BlobStore, BlobStoreError

_log = structlog.get_logger()


@dataclass(frozen=True)
class System:
    """A running system and where it is reached."""

    url: str
    storage: Storage


@asynccontextmanager
async def running_system(settings: Settings) -> AsyncIterator[System]:
    """Run everything as long as the context lasts; it is ready when this is entered.

    Raises `FolderInUse` where a system runs in the data folder already. If a part of the system
    breaks beyond repair, the body is cancelled and the error raised.
    """
    with FolderLock.acquire(settings.data) as lock:
        async with running_parts(ALL, settings) as system:
            lock.announce(system.url)
            yield system


@asynccontextmanager
async def running_parts(parts: Parts, settings: Settings) -> AsyncIterator[System]:
    """The same for some of the parts, beside others in other processes."""
    connections = (min(10, 2 + 2 * len(parts)), min(16, 2 + 3 * len(parts)))
    async with open_storage(settings, connections=connections) as storage:
        await _tidy(storage.blobs)
        around = storage.surroundings()
        runner = projection_runner(parts, storage)
        async with managers(parts, storage, around) as services, asyncio.TaskGroup() as group:
            running = [service.run() for service in services] + ([runner.run()] if runner else [])
            tasks = [group.create_task(part) for part in running]
            async with web_edge(parts, storage, around, services, runner) as url:
                yield System(url, storage)
            for task in tasks:
                task.cancel()


async def _tidy(blobs: BlobStore) -> None:
    """What killed processes left behind; a store that is away now keeps nobody from starting."""
    try:
        await blobs.tidy(datetime.now(UTC))
    except BlobStoreError as error:
        _log.warning("blob store not tidied", reason=str(error))
