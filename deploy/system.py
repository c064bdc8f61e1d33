"""What runs in one process: a whole system, or some of its parts."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn
from uuid import uuid4

import structlog

from bus import ClockWrong
from bus.tasks import end
from deploy.blobs import place_of_blobs
from deploy.edge import web_edge
from deploy.embedded import FolderLock
from deploy.frozen import ended_when_frozen
from deploy.on_machines import machine_agent
from deploy.parts import (
    Part,
    Parts,
    Running,
    managers,
    parts_of,
    projection_runner,
    public_publisher,
    sensor_worker,
)
from deploy.settings import Settings
from deploy.storage import Storage, open_storage
from deploy.urls import without_secrets
from managers.blobs import BlobStore, BlobStoreError
from managers.neighbours import Neighbour, Neighbours
from projections.database import UNAVAILABLE, database_time
from projections.processes import (
    SAYS_SO_EVERY,
    Process,
    say_alive,
    say_goodbye,
)

_FILES = 1 << 16
"""As many as anybody needs."""

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
        async with running_parts(parts_of(settings), settings) as system:
            lock.announce(system.url)
            try:
                yield system
            finally:
                with suppress(OSError):  # of a full disk; the lock removes it anyway
                    lock.announce(None)


@asynccontextmanager
async def running_parts(parts: Parts, settings: Settings) -> AsyncIterator[System]:
    """The same for some of the parts, beside others in other processes."""
    _may_open_as_many_files_as_allowed()
    connections = (min(10, 2 + 2 * len(parts)), min(16, 2 + 3 * len(parts)))
    async with (
        ended_when_frozen(settings.frozen_after),
        open_storage(settings, watch=True, connections=connections) as storage,
        _present(parts, storage) as neighbours,
    ):
        await _tidy(storage.blobs)
        around = storage.surroundings()
        sensors = sensor_worker(parts, storage, around)
        stream = await public_publisher(parts, storage, around)
        async with (
            managers(parts, storage, around) as (services, on_machines),
            asyncio.TaskGroup() as group,
        ):
            agent = (
                machine_agent(storage, around, on_machines) if _is_agent(parts, settings) else None
            )
            runner = projection_runner(parts, storage, services, around)
            running = Running(services, on_machines, agent, runner, sensors, stream)
            tasks = [group.create_task(part.run()) for part in running.parts]
            if neighbours is not None:
                tasks.append(group.create_task(neighbours.listen()))
            async with web_edge(parts, storage, around, running) as url:
                yield System(url, storage)
            for task in tasks:
                task.cancel()


def _is_agent(parts: Parts, settings: Settings) -> bool:
    """Whether machines may name this process."""
    return Part.MACHINE_INTERFACE in parts and bool(settings.agent)


def _may_open_as_many_files_as_allowed() -> None:
    """Many systems give a process few at first, for the sake of old programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@asynccontextmanager
async def _present(parts: Parts, storage: Storage) -> AsyncIterator[Neighbours | None]:
    """Let the others know; raises `BlobsElsewhere` where they would not find our blobs."""
    names = ", ".join(sorted(parts))
    me = Process(
        process=uuid4().hex,
        parts=names,
        blobs=place_of_blobs(storage.settings),
        agent=storage.settings.agent if _is_agent(parts, storage.settings) else "",
        log=without_secrets(storage.settings.log or ""),
    )
    await say_alive(storage.pool, me)
    saying = asyncio.create_task(_keep_saying(storage, me))
    try:
        yield await _joined(me, storage)
    finally:
        await end(saying)
        with suppress(*UNAVAILABLE, TimeoutError):
            await say_goodbye(storage.pool, me)


async def _joined(me: Process, storage: Storage) -> Neighbours | None:
    """Those with whom the log is shared; without a log of that kind there are none."""
    settings = storage.settings
    if settings.log is None:
        return None
    here = Neighbour(process=me.process, parts=me.parts, blobs=me.blobs)
    neighbours = Neighbours(storage.log, here, settings.lease)
    await neighbours.join()
    return neighbours


async def _keep_saying(storage: Storage, me: Process) -> NoReturn:
    while True:
        await asyncio.sleep(SAYS_SO_EVERY)
        try:
            await say_alive(storage.pool, me)
            storage.clock.compare(await database_time(storage.pool))
        except ClockWrong as error:
            _log.error("the clock is wrong", reason=str(error))
        except Exception as error:  # whatever it is, the next one may be given
            _log.warning("no sign of life given", reason=repr(error))


async def _tidy(blobs: BlobStore) -> None:
    """What killed processes left behind; a store that is away now keeps nobody from starting."""
    try:
        await blobs.tidy(datetime.now(UTC))
    except BlobStoreError as error:
        _log.warning("blob store not tidied", reason=str(error))
