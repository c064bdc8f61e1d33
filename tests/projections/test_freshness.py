"""As of when answers are, with some partitions behind the log."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count

import pytest

from bus import LogUnavailable, partition_of
from bus.clock import timestamp
from events import incidents as e
from events.values import Context, Note
from projections import Pool, open_reader
from projections.database import at
from projections.freshness import as_of
from projections.reader import Reader
from tests.projections.story import Story
from tests.projections.tables import all_caught_up, running, until

NOTE = e.Noted(note=Note(text="look"))
ONE = "one"
OTHER = next(name for n in count() if partition_of(name := f"{n}", 2) != partition_of(ONE, 2))


async def told(pool: Pool, behind: Sequence[str]) -> tuple[Story, list[datetime]]:
    """Two incidents in two partitions, then events of `behind` that no projection takes in."""
    story = await Story().begin()
    moments = []
    for key in (ONE, OTHER):
        await story.commit(Context.INCIDENTS, key, NOTE)
        moments.append(at(timestamp(story.now)))
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
    for key in behind:
        await story.commit(Context.INCIDENTS, key, NOTE)
    return story, moments


async def shown(pool: Pool, story: Story, incident: str | None = None) -> datetime | None:
    async with open_reader(Reader(pool)) as reader:
        await until(lambda: reader.marks("incidents"))
        return await as_of(reader, story.log, "incidents", incident)


async def test_what_is_not_behind_is_as_of_its_newest_event(pool: Pool) -> None:
    story, (one, other) = await told(pool, behind=[])
    assert await shown(pool, story) == other
    assert await shown(pool, story, ONE) == one
    assert await shown(pool, story, OTHER) == other


async def test_an_incident_whose_partition_is_behind_is_not_shown_as_current(pool: Pool) -> None:
    story, (one, other) = await told(pool, behind=[ONE])
    assert await shown(pool, story, ONE) == one
    assert await shown(pool, story, OTHER) == other
    assert await shown(pool, story) == one


async def test_a_log_that_does_not_answer_may_be_ahead_of_everything(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_topic: str, _partition: int) -> tuple[int, int]:
        raise LogUnavailable("it is away")

    story, (one, _) = await told(pool, behind=[])
    monkeypatch.setattr(story.log, "bounds", away)
    assert await shown(pool, story) == one


async def test_before_anything_was_read_nothing_is_known(pool: Pool) -> None:
    story = await Story().begin()
    async with open_reader(Reader(pool)) as reader:
        assert await as_of(reader, story.log, "incidents") is None
