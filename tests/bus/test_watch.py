"""A log that is cut, restored or replaced under its readers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from bus import (
    Doubt,
    Log,
    LogReplaced,
    LogUnavailable,
    MemoryLog,
    Record,
    WatchedLog,
    Writer,
    watch,
)
from tests.patience import PATIENCE

EVENTS, COMMANDS = ("events", 0), ("commands", 0)
LOOK = 0.01


class Cut(MemoryLog):
    """An engine whose partitions are changed behind everybody's back."""

    looks = 0
    away = False

    def restore(self, place: tuple[str, int], *numbers: int, first: int = 0) -> None:
        """Have that partition hold these numbers, from the offset `first` on."""
        there = self._partition(*place)
        there.first, there._records = first, numbered(*numbers)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        self.looks += 1
        if self.away:
            raise LogUnavailable("no answer")
        return await super().bounds(topic, partition)


def numbered(*numbers: int) -> list[Record]:
    return [Record("k", b"%d" % number) for number in numbers]


@pytest.fixture
def engine() -> Cut:
    return Cut()


@pytest.fixture
async def log(engine: Cut, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Log]:
    monkeypatch.setattr(watch, "CONFIRM_AFTER", 2 * LOOK)
    log = WatchedLog(engine, lambda topic: topic == "events", LOOK)
    for topic, partition in (EVENTS, COMMANDS):
        await log.declare(topic, 1)
        await log.append(topic, partition, numbered(0, 1, 2))
    yield log
    await log.close()


async def looked(engine: Cut, times: int = 10) -> None:
    """Wait until the watch has looked so often."""
    until = engine.looks + times
    async with asyncio.timeout(PATIENCE):
        while engine.looks < until:
            await asyncio.sleep(LOOK)


@pytest.mark.parametrize(
    ("now", "first", "sentence"),
    [
        ([0, 1], 0, "ends at 2, but 3 records of it were read before"),
        ([], 0, "ends at 0, but 3 records of it were read before"),
        ([1, 2], 1, "begins at 1, where all of it is kept"),
        ([], 3, "begins at 3, where all of it is kept"),
        ([0, 1, 9], 0, "holds another record at 2 than before"),
        ([0, 1, 9, 9], 0, "holds another record at 2 than before"),
    ],
)
async def test_who_waits_at_the_end_is_told_and_whoever_comes_later(
    engine: Cut, log: Log, now: list[int], first: int, sentence: str
) -> None:
    waiting = asyncio.create_task(log.wait(*EVENTS, 3))
    await looked(engine)
    assert not waiting.done()
    engine.restore(EVENTS, *now, first=first)
    async with asyncio.timeout(PATIENCE):
        with suppress(LogReplaced):
            await waiting  # an engine may wake it before the watch has looked
        while True:
            try:
                await log.read(*EVENTS, 3)
            except LogReplaced:
                break
            await asyncio.sleep(LOOK)
    for call in (log.read(*EVENTS, 3), log.wait(*EVENTS, 3), log.append(*EVENTS, numbered(3))):
        with pytest.raises(LogReplaced, match=sentence):
            await call
    assert (await engine.bounds(*EVENTS))[1] == first + len(now)
    assert len(await log.read(*COMMANDS, 0)) == 3


async def test_a_topic_that_is_gone_is_named(engine: Cut, log: Log) -> None:
    waiting = asyncio.create_task(log.wait(*EVENTS, 3))
    await looked(engine)
    del engine._topics["events"]
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(LogReplaced, match="topic events"):
            await waiting
    assert len(await log.read(*COMMANDS, 0)) == 3


async def test_another_log_that_is_read_on_is_noticed(engine: Cut, log: Log) -> None:
    await looked(engine)
    engine.restore(EVENTS, 9, 9, 9, 9)
    assert len(await log.read(*EVENTS, 3)) == 1
    with pytest.raises(LogReplaced, match="holds another record at 2 than before"):
        async with asyncio.timeout(PATIENCE):
            await log.wait(*EVENTS, 4)


async def test_who_waits_where_nothing_lies_any_more_is_told(engine: Cut, log: Log) -> None:
    """As a reader of commands that was started with an older log."""
    waiting = asyncio.create_task(log.wait(*COMMANDS, 7))
    with pytest.raises(LogReplaced, match="ends at 3, but 7 records of it were read before"):
        async with asyncio.timeout(PATIENCE):
            await waiting


async def test_trimming_and_growth_are_no_loss(engine: Cut, log: Log) -> None:
    waiting = asyncio.create_task(log.wait(*COMMANDS, 3))
    await looked(engine)
    await log.trim(*COMMANDS, 3)
    await engine.append(*EVENTS, numbered(3))  # by another process
    await looked(engine)
    assert not waiting.done()
    await engine.append(*COMMANDS, numbered(3))
    async with asyncio.timeout(PATIENCE):
        await waiting
    assert [stored.offset for stored in await log.read(*COMMANDS, 3)] == [3]
    assert [stored.offset for stored in await log.read(*EVENTS, 3)] == [3]


async def test_an_engine_that_is_away_or_behind_for_a_moment_is_no_loss(
    engine: Cut, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a new leader that does not know yet how far it may serve."""
    waiting = asyncio.create_task(log.wait(*EVENTS, 3))
    engine.away = True
    await looked(engine)
    monkeypatch.setattr(watch, "CONFIRM_AFTER", 30 * LOOK)
    engine.restore(EVENTS, 0, 1)
    engine.away = False
    await looked(engine, 2)
    engine.restore(EVENTS, 0, 1, 2)
    await looked(engine)
    assert not waiting.done()
    await log.append(*EVENTS, numbered(3))
    async with asyncio.timeout(PATIENCE):
        await waiting


async def test_an_append_below_what_was_read_is_the_last(engine: Cut, log: Log) -> None:
    writer = await Writer.take_over(log, *EVENTS, "nonce")
    engine.restore(EVENTS, 0)
    with pytest.raises(Doubt):
        await writer.append(numbered(4))
    with pytest.raises(LogReplaced, match="ends at 1, but 4 records of it were read before"):
        await Writer.take_over(log, *EVENTS, "another nonce")


async def test_a_gap_is_not_read_over(engine: Cut, log: Log) -> None:
    engine.restore(EVENTS, 2, first=2)
    with pytest.raises(LogReplaced, match="begins at 2"):
        await log.read(*EVENTS, 1)
