"""Runners over a log that grows: catching up, rebuilding, taking over from each other."""

import asyncio
import time
from dataclasses import replace
from random import Random

import pytest

from bus import LogError, MemoryLog
from bus.contract import LogUnavailable
from events import incidents as e
from events.incidents import IncidentStatus
from events.values import Context
from managers.runtime import Ends
from projections import (
    PROJECTIONS,
    Pool,
    Reader,
    Runner,
    UnknownProjection,
    incidents,
    open_reader,
    rebuild,
    status,
)
from projections.freshness import as_of
from projections.incidents import find_incident
from projections.seen import Seen
from projections.timeline import read_timeline
from tests.patience import PATIENCE
from tests.projections.random_stories import Teller
from tests.projections.story import Story
from tests.projections.tables import (
    all_caught_up,
    caught_up,
    contents,
    one_caught_up,
    running,
    until,
)


def created(id: str = "one") -> e.IncidentCreated:
    return e.IncidentCreated(
        incident=id,
        kind="simple",
        workflow_version=1,
        name="A fire",
        parameters={},
        exercise=False,
        owner="somebody",
    )


async def test_tables_follow_the_log_and_say_how_far(pool: Pool) -> None:
    story = await Story().begin()
    async with running(story, pool) as reader:
        await story.commit(Context.INCIDENTS, "one", created())
        await caught_up(reader, await story.commit(Context.INCIDENTS, "one", e.IncidentActivated()))
        found = await find_incident(pool, "one")
        assert found is not None
        assert found.status == IncidentStatus.ACTIVE
        assert found.activated == await as_of(reader, story.log, "incidents", "one")
        lags = [row.lag_records for row in await status(pool, story.log, lambda: story.now)]
        assert sum(lags) == 0


async def test_a_commit_of_a_deposed_writer_is_not_applied(pool: Pool) -> None:
    story = await Story().begin()
    async with running(story, pool) as reader:
        await story.commit(Context.INCIDENTS, "one", created())
        await story.ghost(Context.INCIDENTS, "one", e.IncidentActivated())
        await caught_up(reader, await story.commit(Context.INCIDENTS, "two", created("two")))
        await all_caught_up(reader, story)
        found = await find_incident(pool, "one")
        assert found is not None
        assert found.status == IncidentStatus.PENDING
        told = await read_timeline(pool, Seen(), ["one"])
        assert [event.type for _, event in told] == ["IncidentCreated"]


async def test_runners_at_once_double_nothing_and_one_goes_on_alone(pool: Pool) -> None:
    story = await Story().begin()
    teller = Teller(story, Random(2))
    async with running(story, pool) as reader:
        async with running(story, pool):
            await teller.tell(150)
            await all_caught_up(reader, story)
        await teller.tell(20)
        await all_caught_up(reader, story)
    parallel = await contents(pool)
    for projection in PROJECTIONS:
        await rebuild(pool, projection.name)
    async with running(story, pool) as reader:
        await all_caught_up(reader, story)
    assert await contents(pool) == parallel


async def test_a_rebuild_is_noticed_while_nothing_else_happens(pool: Pool) -> None:
    story = await Story().begin()
    async with running(story, pool) as reader:
        place = await story.commit(Context.INCIDENTS, "one", created())
        await caught_up(reader, place)
        before = await contents(pool)
        emptied = reader.move("incidents")
        await rebuild(pool, "incidents")
        async with asyncio.timeout(PATIENCE):
            await emptied.wait()
        await caught_up(reader, place)
        assert await contents(pool) == before


async def test_events_of_the_timeline_get_larger_serial_numbers_by_a_rebuild(pool: Pool) -> None:
    story = await Story().begin()
    async with running(story, pool) as reader:
        place = await story.commit(Context.INCIDENTS, "one", created())
        await caught_up(reader, place)
        ((before, event),) = await read_timeline(pool, Seen())
    await rebuild(pool, "timeline")
    async with running(story, pool) as reader:
        await caught_up(reader, place)
        ((after, again),) = await read_timeline(pool, Seen())
    assert after > before
    assert again == event


async def test_a_grown_version_is_rebuilt_and_a_smaller_one_refused(pool: Pool) -> None:
    story = await Story().begin()
    async with running(story, pool) as reader:
        place = await story.commit(Context.INCIDENTS, "one", created())
        await caught_up(reader, place)
    await pool.execute("update vestec_read.projections set version = 0 where name = 'incidents'")
    await pool.execute("delete from vestec_read.positions where projection = 'incidents'")
    await pool.execute("update vestec_read.projections set version = 99 where name = 'machines'")
    runner = Runner(story.log, pool, PROJECTIONS, time.time)
    task = asyncio.create_task(runner.run())
    await until(lambda: "machines" in runner.failures.known)
    async with open_reader(Reader(pool)) as reader:
        await one_caught_up(reader, "incidents", place)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "newer program" in runner.failures.known["machines"].reason
    version = await pool.fetchval(
        "select version from vestec_read.projections where name = 'incidents'"
    )
    assert version == next(p.version for p in PROJECTIONS if p.name == "incidents")


async def test_another_log_stops_a_projection_loudly(pool: Pool) -> None:
    story = await Story().begin()
    async with running(story, pool) as reader:
        await caught_up(reader, await story.commit(Context.INCIDENTS, "one", created()))
    other = await replace(story, log=MemoryLog(), writers={}, chance=Random(9)).begin()
    await other.commit(Context.INCIDENTS, "one", created())
    runner = Runner(other.log, pool, PROJECTIONS, lambda: 2000.0)
    task = asyncio.create_task(runner.run())
    await until(lambda: "incidents" in runner.failures.known)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    failure = runner.failures.known["incidents"]
    assert "the log was replaced" in failure.reason
    assert failure.since == 2000.0


class BrokenOnLeaving(MemoryLog):
    """Fails whoever is cancelled while waiting."""

    async def wait(self, topic: str, partition: int, offset: int) -> None:
        try:
            await super().wait(topic, partition, offset)
        except asyncio.CancelledError:
            raise LogError("the connection was lost") from None


async def test_a_runner_ends_even_if_everything_fails_meanwhile(pool: Pool) -> None:
    story = await Story(log=BrokenOnLeaving()).begin()
    async with asyncio.timeout(PATIENCE), running(story, pool) as reader:
        await caught_up(reader, await story.commit(Context.INCIDENTS, "one", created()))


class SometimesAway(MemoryLog):
    """Does not say where a partition ends while it is away."""

    away = False

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        if self.away:
            raise LogUnavailable("no answer")
        return await super().bounds(topic, partition)


async def test_who_stands_by_outlives_that_the_log_is_away(pool: Pool) -> None:
    log = SometimesAway()
    story = await Story(partitions=1, log=log).begin()
    runners = [
        Runner(log, pool, [incidents.PROJECTION], time.time, look_every=0.1) for _ in range(2)
    ]
    first, second = (asyncio.create_task(runner.run()) for runner in runners)
    await until(lambda: all(len(runner._decoder._moved_at) for runner in runners))
    log.away = True
    for _ in range(5):
        await story.commit(Context.INCIDENTS, "one", e.IncidentActivated())
    await until(lambda: first.done() or second.done() or any(r.failures.known for r in runners))
    assert not first.done()
    assert not second.done()
    log.away = False
    await until(lambda: not any(runner.failures.known for runner in runners))
    first.cancel()
    await asyncio.wait([first])
    async with open_reader(Reader(pool)) as reader:
        place = await story.commit(Context.INCIDENTS, "one", created())
        await one_caught_up(reader, "incidents", place)
    second.cancel()
    await asyncio.wait([second])


async def test_a_runner_says_what_it_folds_since_when_and_how_far_it_is_behind(pool: Pool) -> None:
    story = await Story(partitions=1).begin()
    await story.commit(Context.INCIDENTS, "one", created())
    waits = True
    runner = Runner(
        story.log, pool, [incidents.PROJECTION], lambda: 2000.0, gives_way=lambda: waits
    )
    assert runner.owned == {"incidents"}
    assert runner.since is None
    task = asyncio.create_task(runner.run())
    await until(lambda: runner.since == 2000.0)
    assert await runner.behind(Ends(story.log)) == 2
    waits = False
    async with asyncio.timeout(PATIENCE):
        while await runner.behind(Ends(story.log)):
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_of_two_runners_one_does_not_own_what_the_other_folds(pool: Pool) -> None:
    story = await Story(partitions=1).begin()
    runners = [
        Runner(story.log, pool, [incidents.PROJECTION], time.time, look_every=0.1) for _ in range(2)
    ]
    tasks = [asyncio.create_task(runner.run()) for runner in runners]
    await until(lambda: all(runner.since for runner in runners))
    async with asyncio.timeout(PATIENCE):
        while all(runner.owned for runner in runners):
            await story.commit(Context.INCIDENTS, "one", e.IncidentActivated())
            await asyncio.sleep(0.02)
    (idle,) = (runner for runner in runners if not runner.owned)
    assert idle.since is None
    assert await idle.behind(Ends(story.log)) == 0
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_lag_is_in_records_and_in_seconds(pool: Pool) -> None:
    story = await Story(partitions=1).begin()
    async with running(story, pool) as reader:
        await caught_up(reader, await story.commit(Context.INCIDENTS, "one", created()))
    await story.commit(Context.INCIDENTS, "one", e.IncidentActivated())
    await story.commit(Context.INCIDENTS, "two", created("two"))
    rows = await status(pool, story.log, lambda: story.now + 9.0)
    (row,) = [r for r in rows if r.projection == "incidents" and r.context == Context.INCIDENTS]
    assert (row.offset, row.end, row.lag_records) == (2, 4, 2)
    assert row.lag_seconds == pytest.approx(10.0)


async def test_there_is_nothing_to_rebuild_under_an_unknown_name(pool: Pool) -> None:
    with pytest.raises(UnknownProjection, match="there are: commands, incidents"):
        await rebuild(pool, "moon")
