"""The cache: what it saves the engine, and what it must never serve."""

import asyncio
from collections.abc import Sequence

import pytest

from bus import CachedLog, Doubt, MemoryLog, Record, Stored

T = ("t", 0)


class Watched(MemoryLog):
    """An engine that counts the reads, and fails as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []
        self.doubt = False

    async def restore(self, *backup: int) -> None:
        """Be another log from now on, which holds these numbers."""
        self._topics.clear()
        await self.declare("t", 1)
        await self.append(*T, numbered(*backup))

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        if self.doubt:
            raise Doubt("no answer")
        return await super().append(topic, partition, records)

    async def read(
        self, topic: str, partition: int, offset: int, limit: int = 1000
    ) -> Sequence[Stored]:
        self.reads.append(offset)
        found = await super().read(topic, partition, offset, limit)
        await asyncio.sleep(0)
        return found


def numbered(*numbers: int) -> list[Record]:
    return [Record("k", b"%d" % number) for number in numbers]


def stored(*offsets: int) -> list[Stored]:
    """What lies there when numbers were appended in order."""
    return [Stored(offset, *numbered(offset)) for offset in offsets]


@pytest.fixture
async def engine() -> Watched:
    engine = Watched()
    await engine.declare("t", 1)
    return engine


@pytest.fixture
def log(engine: Watched) -> CachedLog:
    return CachedLog(engine, records=10, size=1000)


async def test_own_appends_are_served_without_the_engine(engine: Watched, log: CachedLog) -> None:
    await log.append(*T, numbered(0, 1))
    await log.append(*T, numbered(2))
    assert await log.read(*T, 0) == stored(0, 1, 2)
    assert await log.read(*T, 1, limit=1) == stored(1)
    await log.wait(*T, 2)
    assert engine.reads == []


async def test_many_readers_ask_once(engine: Watched, log: CachedLog) -> None:
    await engine.append(*T, numbered(0, 1, 2))
    await log.read(*T, 0)
    await engine.append(*T, numbered(3))
    found = await asyncio.gather(*(log.read(*T, 3) for _ in range(50)))
    assert found == [stored(3)] * 50
    assert engine.reads == [0, 3]
    assert await asyncio.gather(*(log.read(*T, 4) for _ in range(50))) == [[]] * 50
    assert engine.reads == [0, 3, 4, 4]


async def test_who_comes_while_the_engine_is_asked_is_not_told_old_news(
    engine: Watched, log: CachedLog
) -> None:
    await log.append(*T, numbered(0))
    early = asyncio.create_task(log.read(*T, 1))
    await asyncio.sleep(0)
    await engine.append(*T, numbered(1))
    assert await log.read(*T, 1) == stored(1)
    assert await early == []


async def test_readers_that_give_up_do_not_hurt_the_others(engine: Watched, log: CachedLog) -> None:
    await log.append(*T, numbered(0))
    await engine.append(*T, numbered(1))
    hasty, hastier, patient = (asyncio.create_task(log.read(*T, 1)) for _ in range(3))
    for asked, reader in enumerate((hasty, hastier), 1):
        while len(engine.reads) < asked:
            await asyncio.sleep(0)
        reader.cancel()
    assert await patient == stored(1)


async def test_an_append_in_doubt_is_not_served(engine: Watched, log: CachedLog) -> None:
    await log.append(*T, numbered(0))
    engine.doubt = True
    with pytest.raises(Doubt):
        await log.append(*T, numbered(1))
    assert await log.read(*T, 1) == []
    assert await log.read(*T, 0) == stored(0)


async def test_a_doubtful_append_that_took_effect_is_served(
    engine: Watched, log: CachedLog
) -> None:
    await log.append(*T, numbered(0))
    await engine.append(*T, numbered(1))
    assert await log.append(*T, numbered(2)) == 2
    for offset in range(3):
        assert (await log.read(*T, offset))[0] == stored(offset)[0]
    assert await log.read(*T, 3) == []


async def test_it_keeps_the_newest_within_its_bounds(engine: Watched, log: CachedLog) -> None:
    for number in range(15):
        await log.append(*T, numbered(number))
    assert await log.read(*T, 5) == stored(*range(5, 15))
    assert engine.reads == []
    assert await log.read(*T, 4) == stored(*range(4, 15))
    assert engine.reads == [4]
    await log.append(*T, [Record("k", bytes(700)), Record("k", bytes(250))])
    assert [found.offset for found in await log.read(*T, 14)] == [14, 15, 16]
    assert engine.reads == [4]
    await log.append(*T, [Record("k", bytes(2000))])
    assert [found.offset for found in await log.read(*T, 17)] == [17]
    assert engine.reads == [4, 17]


async def test_reading_history_leaves_the_newest_in_place(engine: Watched, log: CachedLog) -> None:
    await engine.append(*T, numbered(*range(30)))
    await log.read(*T, 25)
    await log.read(*T, 0, limit=5)
    assert await log.read(*T, 25) == stored(*range(25, 30))
    assert engine.reads == [25, 0]


async def test_a_log_that_was_replaced_is_not_mixed_with_the_old_one(
    engine: Watched, log: CachedLog
) -> None:
    await log.append(*T, numbered(0, 1, 2))
    await engine.restore(7)
    assert await log.append(*T, numbered(8)) == 1
    assert [found.record for found in await log.read(*T, 0)] == numbered(7, 8)


async def test_a_log_that_lost_its_tail_is_read_again(engine: Watched, log: CachedLog) -> None:
    await log.append(*T, numbered(0, 1, 2))
    await engine.restore(7)
    assert await log.bounds(*T) == (0, 1)
    assert [found.record for found in await log.read(*T, 0)] == numbered(7)
