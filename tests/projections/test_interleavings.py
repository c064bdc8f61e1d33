"""Whatever the order in which partitions are read, the read models are those of a rebuild."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus import START
from events.envelope import events_topic
from events.values import Context
from projections import PROJECTIONS, Pool, builds, positions, rebuild
from projections.batches import Chunk, take_in
from projections.builds import Rebuilt
from projections.decoder import Decoder
from projections.positions import AnotherRunner, Mark, Source
from projections.projection import Projection
from tests.projections.random_stories import Teller
from tests.projections.story import Story
from tests.projections.tables import contents


async def _told(seed: int, steps: int = 60) -> Story:
    story = await Story().begin()
    await Teller(story, Random(seed)).tell(steps)
    return story


async def _fold(pool: Pool, story: Story, projection: Projection, order: Random) -> None:
    """Fold everything, partitions in random order, in batches of random size."""
    await rebuild(pool, projection.name)
    sources = [(c, p) for c in projection.contexts for p in range(story.partitions)]
    async with pool.acquire() as connection:
        build = await builds.ensure(connection, projection)
        await positions.begin(connection, projection.name, sources)
        marks = dict.fromkeys(sources, Mark(START, None))
        left = list(sources)
        while left:
            some = order.sample(left, order.randint(1, len(left)))
            chunks = [await _chunk(story, marks, source, order.randint(1, 9)) for source in some]
            left = [s for s in left if s not in {c.source for c in chunks if not c.records}]
            filled = [chunk for chunk in chunks if chunk.records]
            if filled:
                marks |= await take_in(connection, projection, build, filled, marks, Decoder())


async def _chunk(story: Story, marks: dict[Source, Mark], source: Source, limit: int) -> Chunk:
    offset = marks[source].position.offset
    return Chunk(source, await story.log.read(events_topic(source[0]), source[1], offset, limit))


async def _fold_all(pool: Pool, story: Story, seed: int) -> None:
    for projection in PROJECTIONS:
        await _fold(pool, story, projection, Random(seed))


@settings(
    max_examples=10,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(told=st.integers(0, 10**6), one=st.integers(0, 10**6), other=st.integers(0, 10**6))
async def test_any_order_of_reading_gives_the_same(
    pool: Pool, told: int, one: int, other: int
) -> None:
    story = await _told(told)
    await _fold_all(pool, story, one)
    first = await contents(pool)
    await _fold_all(pool, story, other)
    assert await contents(pool) == first
    assert first["incidents"]
    assert first["timeline"]


async def _at_start(pool: Pool, projection: Projection, sources: Sequence[Source]) -> int:
    async with pool.acquire() as connection:
        await positions.begin(connection, projection.name, sources)
        return await builds.ensure(connection, projection)


async def test_of_two_runners_one_takes_a_batch(pool: Pool) -> None:
    story, timeline = await _told(1), PROJECTIONS[-1]
    source = (Context.INCIDENTS, 0)
    build = await _at_start(pool, timeline, [source])
    marks = {source: Mark(START, None)}
    chunks = [await _chunk(story, marks, source, 20)]
    async with pool.acquire() as one, pool.acquire() as other:
        await take_in(one, timeline, build, chunks, marks, Decoder())
        once = await contents(pool)
        with pytest.raises(AnotherRunner):
            await take_in(other, timeline, build, chunks, marks, Decoder())
    assert await contents(pool) == once
    assert once["timeline"]


async def test_nothing_is_folded_into_tables_that_were_made_anew(pool: Pool) -> None:
    story, timeline = await _told(1), PROJECTIONS[-1]
    source = (Context.INCIDENTS, 0)
    build = await _at_start(pool, timeline, [source])
    marks = {source: Mark(START, None)}
    await rebuild(pool, "timeline")
    async with pool.acquire() as connection:
        with pytest.raises(Rebuilt):
            await take_in(
                connection,
                timeline,
                build,
                [await _chunk(story, marks, source, 20)],
                marks,
                Decoder(),
            )
    assert not (await contents(pool))["timeline"]
