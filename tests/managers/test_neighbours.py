"""Of processes that keep blobs in different places the one that came last has to go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bus import Log
from bus.memory import MemoryLog
from managers.neighbours import TOPIC, BlobsElsewhere, Neighbour, Neighbours
from tests.patience import PATIENCE

HERE, THERE = "the folder /blobs of host a", "the folder /blobs of host b"
LEASE = 0.2
"""Shorter than a process waits for objections."""


@pytest.fixture
async def log() -> Log:
    log = MemoryLog()
    await log.declare(TOPIC, 1)
    return log


def process(log: Log, name: str, blobs: str) -> Neighbours:
    return Neighbours(log, Neighbour(process=name, parts=f"part-{name}", blobs=blobs), LEASE)


@asynccontextmanager
async def listening(neighbours: Neighbours) -> AsyncIterator["asyncio.Task[None]"]:
    task: asyncio.Task[None] = asyncio.create_task(neighbours.listen())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_who_comes_to_others_with_blobs_elsewhere_is_refused(log: Log) -> None:
    first, second = process(log, "1", HERE), process(log, "2", HERE)
    await first.join()
    async with listening(first) as one:
        await second.join()
        async with listening(second) as two:
            for name in ("3", "4"):
                with pytest.raises(BlobsElsewhere, match=f"part-[12] keeps blobs in {HERE}, .*"):
                    await process(log, name, THERE).join()
            assert not one.done()
            assert not two.done()


async def test_who_is_gone_keeps_nobody_from_coming(log: Log) -> None:
    await process(log, "1", HERE).join()
    await process(log, "2", THERE).join()


async def test_of_two_that_come_at_once_one_goes(log: Log) -> None:
    coming = [process(log, name, blobs).join() for name, blobs in (("1", HERE), ("2", THERE))]
    ends = await asyncio.gather(*coming, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None), BlobsElsewhere]


async def test_who_was_stopped_while_others_took_its_place_has_to_go_itself(log: Log) -> None:
    stopped, other = process(log, "1", HERE), process(log, "2", THERE)
    await stopped.join()
    await other.join()
    async with listening(other) as there, asyncio.timeout(PATIENCE):
        with pytest.raises(BlobsElsewhere, match=f"part-2 keeps blobs in {THERE}, this one would"):
            await stopped.listen()
        assert not there.done()
