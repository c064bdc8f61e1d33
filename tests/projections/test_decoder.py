"""Projections that fold side by side: commits are decoded once, and nobody is held up for ever."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bus import Record, Stored
from bus.epochs import START
from events import incidents as e
from events.envelope import Commit, decode
from events.values import Context
from projections import Fact, Pool, Reader, Runner, commands, decoder, open_reader, timeline
from projections.database import Connection
from projections.decoder import Decoder
from projections.positions import Mark, Source
from tests.projections.story import Story
from tests.projections.tables import one_caught_up

HERE: Source = (Context.INCIDENTS, 0)


def at(offset: int) -> dict[Source, Mark]:
    position = START.after(Stored(offset, Record("", b"", {"takeover": "n"})))[0]
    return {HERE: Mark(position, None)}


async def test_a_log_is_decoded_once_though_one_projection_is_slower(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = await Story(partitions=1).begin()
    place = await story.commit(Context.INCIDENTS, "one", e.IncidentActivated())
    record = story.record(Context.INCIDENTS, "one", (), story.id(), "somebody")
    for _ in range(20):
        await story.writers[HERE].append([record] * 500)
    place.offset += 20 * 500
    decoded = Counter[int]()

    def counting(record: Record) -> Commit:
        decoded[id(record)] += 1
        return decode(record)

    monkeypatch.setattr(decoder, "decode", counting)
    runner = Runner(story.log, pool, [commands.PROJECTION, SLOW], time.time)
    runner._decoder = Decoder(capacity=3000)
    running = asyncio.create_task(runner.run())
    async with open_reader(Reader(pool)) as reader:
        await one_caught_up(reader, SLOW.name, place)
    running.cancel()
    await asyncio.wait([running])
    assert len(decoded) == 20 * 500 + 1
    assert decoded.total() < 1.5 * len(decoded), "one may begin a little before the other"


async def _slowly(connection: Connection, batch: Sequence[Fact]) -> None:
    await asyncio.sleep(0.1)
    await timeline.PROJECTION.apply(connection, batch)


SLOW = replace(timeline.PROJECTION, apply=_slowly)


async def test_one_waits_for_another_that_is_a_little_behind() -> None:
    together = Decoder()
    with together.side_by_side("slow", at(0)), together.side_by_side("fast", at(0)):
        together.taken("fast", at(2000))
        waiting = asyncio.create_task(together.others(HERE, 2001))
        await asyncio.sleep(0)
        assert not waiting.done()
        together.taken("slow", at(1800))
        await asyncio.wait_for(waiting, 1)


async def test_nobody_waits_for_one_that_is_far_behind_or_gone() -> None:
    together = Decoder()
    with together.side_by_side("fast", at(20_000)):
        with together.side_by_side("far behind", at(0)):
            await asyncio.wait_for(together.others(HERE, 20_001), 1)
        with together.side_by_side("gone", at(19_000)):
            waiting = asyncio.create_task(together.others(HERE, 20_001))
            await asyncio.sleep(0)
            assert not waiting.done()
        await asyncio.wait_for(waiting, 1)


async def test_nobody_waits_long_for_one_that_takes_nothing_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoder, "_PATIENCE", 0.05)
    together = Decoder()
    with together.side_by_side("stuck", at(0)), together.side_by_side("fast", at(1000)):
        await asyncio.wait_for(together.others(HERE, 1001), 1)
