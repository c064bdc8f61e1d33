"""Publishers that die, are in doubt, are deposed and wake up again: what outsiders then get."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bus import START, Doubt, HybridClock, Log, LogError, MemoryLog, Record, Stored, partition_of
from events.envelope import decode, events_topic, recorded
from events.incidents import IncidentCreated
from events.values import Context, Event
from interfaces.public import cloud_events, progress, publisher
from interfaces.public.publisher import Publisher, declare_progress, public_stream
from interfaces.public.telling import CONTEXTS, told
from managers.runtime import Share, Surroundings
from tests.projections.random_stories import Teller
from tests.projections.story import Place, Story

PARTITIONS, SOURCE = 2, "/test"
PUBLIC = cloud_events.TOPIC
WITHIN = 20.0


class Unreliable(MemoryLog):
    """What publishers append is lost, or lands though nobody is told, or lands later."""

    def __init__(self, chance: random.Random, faults: float) -> None:
        super().__init__()
        self.chance, self.faults = chance, faults
        self.late: list[tuple[str, int, Sequence[Record]]] = []

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        await asyncio.sleep(0)
        if topic not in (PUBLIC, progress.TOPIC) or self.chance.random() > self.faults:
            return await super().append(topic, partition, records)
        match self.chance.randrange(3):
            case 0:
                await super().append(topic, partition, records)
            case 1:
                self.late.append((topic, partition, records))
        raise Doubt("nobody knows")

    async def let_one_land(self) -> None:
        """An append of long ago, whoever writes there now."""
        if self.late:
            late = self.late.pop(self.chance.randrange(len(self.late)))
            await super().append(*late)


class Caused(Story):
    """Whatever happens elsewhere is caused by the newest that happened to incidents there."""

    async def commit(self, context: Context, key: str, *events: Event, **more: Any) -> Place:
        if context in CONTEXTS and context is not Context.INCIDENTS:
            partition = partition_of(key, self.partitions)
            _, end = await self.log.bounds(events_topic(Context.INCIDENTS), partition)
            more.setdefault("cause", f"incidents/{partition}/{end - 1}")
        return await super().commit(context, key, *events, **more)


def around(log: Log, chance: random.Random, now: float) -> Surroundings:
    return Surroundings(
        log=log,
        clock=HybridClock(lambda: now),
        wall=lambda: now,
        chance=chance,
        backoff=(0.0, 0.001),
    )


@asynccontextmanager
async def publishing(surroundings: Surroundings) -> AsyncIterator[None]:
    """One process that publishes, until it is killed."""
    running = asyncio.create_task(public_stream(surroundings, SOURCE).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def everything(log: Log, topic: str, partition: int) -> list[Stored]:
    first, end = await log.bounds(topic, partition)
    return [*await log.read(topic, partition, first, end)]


Told = tuple[str, str, str]
"""The id, the subject and the type of an event that is to be told."""


async def to_be_told(log: Log, context: Context, partition: int) -> list[Told]:
    """What of a source should be published, in its order."""
    position, found = START, []
    for stored in await everything(log, events_topic(context), partition):
        position, counts = position.after(stored)
        if counts:
            for it in recorded(context, partition, position.epoch, stored):
                if (event := told(it)) is not None:
                    found.append((it.id, event.incident, event.type()))
    return found


def of(stored: Stored) -> Told:
    headers = stored.record.headers
    return headers["ce_id"], headers["ce_subject"], headers["ce_type"]


def first_times(records: Sequence[Stored]) -> list[Stored]:
    """As consumers leave repetitions out."""
    seen: set[str] = set()
    firsts = []
    for stored in records:
        if (id := stored.record.headers["ce_id"]) not in seen:
            seen.add(id)
            firsts.append(stored)
    return firsts


async def require_whole(log: Log) -> None:
    """Nothing missing, nothing that does not count, in order; repetitions are the same."""
    exercises = await all_exercises(log)
    for partition in range(PARTITIONS):
        records = await everything(log, PUBLIC, partition)
        firsts = first_times(records)
        by_id = {stored.record.headers["ce_id"]: stored.record for stored in firsts}
        assert all(by_id[stored.record.headers["ce_id"]] == stored.record for stored in records)
        for context in CONTEXTS:
            of_one = [of(one) for one in firsts if of(one)[0].startswith(f"{context}/")]
            assert of_one == await to_be_told(log, context, partition)
        require_causes_first(firsts)
        for stored in firsts:
            drill = stored.record.key in exercises
            assert stored.record.headers["ce_exercise"] == str(drill).lower()


def require_causes_first(records: Sequence[Stored]) -> None:
    """Where a cause is among them, all of its partition up to it comes before the effect."""
    places = [places_of(stored.record.headers["ce_id"]) for stored in records]
    for index, stored in enumerate(records):
        context, _, offset = stored.record.headers["ce_causationid"].rpartition("/")
        if context.startswith("incidents/"):
            late = [one for one in places[index:] if one[0] == context and one[1] <= int(offset)]
            assert not late or places[index][0] == context


def places_of(id: str) -> tuple[str, int]:
    partition, offset, _ = id.rsplit("/", 2)
    return partition, int(offset)


async def all_exercises(log: Log) -> set[str]:
    return {
        stored.record.key
        for partition in range(PARTITIONS)
        for stored in await everything(log, events_topic(Context.INCIDENTS), partition)
        if stored.record.value
        for event in decode(stored.record).events
        if isinstance(event, IncidentCreated) and event.exercise
    }


async def until_whole(log: Log) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            for partition in range(PARTITIONS):
                count = len(first_times(await everything(log, PUBLIC, partition)))
                wanted = [len(await to_be_told(log, one, partition)) for one in CONTEXTS]
                if count < sum(wanted):
                    break
            else:
                return
            await asyncio.sleep(0.001)


async def begin(log: Log, chance: random.Random) -> Story:
    story = Caused(PARTITIONS, log=log, chance=chance)
    await story.begin()
    await declare_progress(log)
    await log.declare(PUBLIC, PARTITIONS)
    return story


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "_PACE", 0.0)


@pytest.mark.parametrize("seed", range(25))
async def test_nothing_is_missing_and_what_comes_again_is_known(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(publisher, "_READ", chance.choice((1, 3, 500)))
    monkeypatch.setattr(publisher, "_REIGN", chance.choice((2, 10_000)))
    log = Unreliable(chance, faults=chance.choice((0.0, 0.1, 0.4)))
    story = await begin(log, chance)
    teller = Teller(story, chance)
    await teller.tell(20)
    for _ in range(6):
        async with (
            publishing(around(log, chance, story.now)),
            publishing(around(log, chance, story.now)),
        ):
            await teller.tell(10)
            for _ in range(chance.randrange(30)):
                await asyncio.sleep(0)
            await log.let_one_land()
    log.faults = 0.0
    async with publishing(around(log, chance, story.now)):
        await until_whole(log)
        while log.late:
            await log.let_one_land()
        await teller.tell(10)
        await until_whole(log)
    await require_whole(log)


async def test_without_faults_nothing_comes_twice_whoever_publishes() -> None:
    chance = random.Random(1)
    log = MemoryLog()
    story = await begin(log, chance)
    teller = Teller(story, chance)
    for _ in range(20):
        async with publishing(around(log, chance, story.now)):
            await teller.tell(10)
            await until_whole(log)
    await require_whole(log)
    for partition in range(PARTITIONS):
        records = await everything(log, PUBLIC, partition)
        assert len(first_times(records)) == len(records)


@pytest.mark.parametrize("seed", range(10))
async def test_whenever_it_is_killed_nothing_comes_twice(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TakesTime(MemoryLog):
        async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
            await asyncio.sleep(0)
            offset = await super().append(topic, partition, records)
            await asyncio.sleep(0)
            return offset

    chance, log = random.Random(seed), TakesTime()
    monkeypatch.setattr(publisher, "_REIGN", chance.choice((2, 10_000)))
    story = await begin(log, chance)
    teller = Teller(story, chance)
    await teller.tell(100)
    for _ in range(60):
        monkeypatch.setattr(publisher, "_READ", chance.choice((1, 3, 500)))
        async with publishing(around(log, chance, story.now)):
            await teller.tell(2)
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)
    async with publishing(around(log, chance, story.now)):
        await teller.tell(10)
        await until_whole(log)
    await require_whole(log)
    for partition in range(PARTITIONS):
        records = await everything(log, PUBLIC, partition)
        assert len(first_times(records)) == len(records)


async def published_unnoted(log: Log, partition: int) -> bool:
    """Whether there is more than what was noted."""
    _, end = await log.bounds(progress.TOPIC, partition)
    noted = await progress.restore(log, partition, end)
    return len(await everything(log, PUBLIC, partition)) > noted.end


async def test_progress_that_is_gone_is_not_waited_for() -> None:
    log = MemoryLog()
    await begin(log, random.Random(1))
    async with asyncio.timeout(WITHIN):
        with pytest.raises(LogError, match="ends before 7"):
            await progress.restore(log, 0, 7)


async def test_what_was_published_and_not_noted_is_found_by_the_next_one() -> None:
    class DiesBeforeItNotes(MemoryLog):
        deaf = False

        async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
            if self.deaf and topic == progress.TOPIC and records[0].value:
                await asyncio.Event().wait()
            return await super().append(topic, partition, records)

    chance, log = random.Random(2), DiesBeforeItNotes()
    story = await begin(log, chance)
    async with publishing(around(log, chance, story.now)):
        await Teller(story, chance).tell(10)
        await until_whole(log)
        log.deaf = True
        await Teller(story, chance).tell(50)
        async with asyncio.timeout(WITHIN):
            while not all([await published_unnoted(log, one) for one in range(PARTITIONS)]):
                await asyncio.sleep(0.001)
    log.deaf = False
    async with publishing(around(log, chance, story.now)):
        await Teller(story, chance).tell(10)
        await until_whole(log)
    await require_whole(log)
    for partition in range(PARTITIONS):
        records = await everything(log, PUBLIC, partition)
        assert len(first_times(records)) == len(records)


async def test_records_that_went_by_age_do_not_come_again() -> None:
    chance, log = random.Random(3), MemoryLog()
    story = await begin(log, chance)
    teller = Teller(story, chance)
    async with publishing(around(log, chance, story.now)):
        await teller.tell(50)
        await until_whole(log)
    gone: set[str] = set()
    for partition in range(PARTITIONS):
        gone |= {of(stored)[0] for stored in await everything(log, PUBLIC, partition)}
        _, end = await log.bounds(PUBLIC, partition)
        await log.trim(PUBLIC, partition, end)
    async with publishing(around(log, chance, story.now)):
        await teller.tell(10)
        for partition in range(PARTITIONS):
            wanted = [
                one for context in CONTEXTS for one in await to_be_told(log, context, partition)
            ]
            new = {id for id, *_ in wanted} - gone
            async with asyncio.timeout(WITHIN):
                while len(there := await everything(log, PUBLIC, partition)) < len(new):
                    await asyncio.sleep(0.001)
            assert {of(stored)[0] for stored in there} == new


async def test_how_far_it_came_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "_REIGN", 3)
    chance, log = random.Random(4), MemoryLog()
    story = await begin(log, chance)
    teller = Teller(story, chance)
    async with publishing(around(log, chance, story.now)):
        for _ in range(30):
            await teller.tell(3)
            await until_whole(log)
    for partition in range(PARTITIONS):
        assert len(await everything(log, progress.TOPIC, partition)) < 10


async def test_a_log_that_was_replaced_is_refused() -> None:
    chance, log, other = random.Random(5), MemoryLog(), MemoryLog()
    story = await begin(log, chance)
    async with publishing(around(log, chance, story.now)):
        await Teller(story, chance).tell(30)
        await until_whole(log)
    await begin(other, chance)
    for partition in range(PARTITIONS):
        for stored in await everything(log, progress.TOPIC, partition):
            await other.append(progress.TOPIC, partition, [stored.record])
    share = public_stream(around(other, chance, story.now), SOURCE)
    await until_broken(share, PARTITIONS)
    for reason in share.broken.values():
        assert "the log lost" in reason or "holds another" in reason


async def test_a_public_topic_that_was_replaced_is_refused() -> None:
    chance, log, other = random.Random(5), MemoryLog(), MemoryLog()
    story = await begin(log, chance)
    async with publishing(around(log, chance, story.now)):
        await Teller(story, chance).tell(30)
        await until_whole(log)
    await begin(other, chance)
    for partition in range(PARTITIONS):
        for topic in (progress.TOPIC, *(events_topic(context) for context in Context)):
            for stored in await everything(log, topic, partition):
                await other.append(topic, partition, [stored.record])
    share = public_stream(around(other, chance, story.now), SOURCE)
    await until_broken(share, PARTITIONS)
    for reason in share.broken.values():
        assert f"delete {progress.TOPIC} as well" in reason


async def test_a_commit_that_cannot_be_read_stops_its_partition_loudly() -> None:
    chance, log = random.Random(6), MemoryLog()
    story = await begin(log, chance)
    writer = await story.take_over(Context.DATASETS, 1)
    await writer.append([Record("key", b"{}", {})])
    share = public_stream(around(log, chance, story.now), SOURCE)
    await until_broken(share, 1)
    assert "cannot go on: ValidationError" in share.broken[1]


async def test_what_fails_again_and_again_is_told_until_it_goes_well_for_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Refusing(MemoryLog):
        refuses = True

        async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
            if topic == PUBLIC and self.refuses:
                raise LogError("no room")
            return await super().append(topic, partition, records)

    chance, log, now = random.Random(7), Refusing(), 1000.0
    story = await begin(log, chance)
    share = public_stream(replace(around(log, chance, now), wall=lambda: now), SOURCE)
    running = asyncio.create_task(share.run())
    await Teller(story, chance).tell(30)
    async with asyncio.timeout(WITHIN):
        while not share.failing:
            await asyncio.sleep(0.001)
        now = 1030.0
        while (failure := next(iter(share.failing.values()))).times < 5:
            await asyncio.sleep(0.001)
        assert (failure.since, failure.reason) == (1000.0, "LogError: no room")
        log.refuses = False
    await until_whole(log)
    assert share.failing
    later = asyncio.get_running_loop().time() + 60
    monkeypatch.setattr("managers.runtime.share._monotonic", lambda: later)
    assert not share.failing
    running.cancel()
    await asyncio.wait([running])


async def until_broken(share: Share[Publisher], partitions: int) -> None:
    running = asyncio.create_task(share.run())
    try:
        async with asyncio.timeout(WITHIN):
            while len(share.broken) < partitions:
                await asyncio.sleep(0.001)
    finally:
        running.cancel()
        await asyncio.wait([running])
