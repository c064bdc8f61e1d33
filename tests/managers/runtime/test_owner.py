"""What an owner appends, and what it does not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from bus import MemoryLog, Record, Writer
from events.envelope import events_topic
from events.incidents import Noted
from events.values import Context, Note
from managers.runtime import Assignment, Effect, Given, Manager, Rejected, Service, Tell
from managers.runtime.sources import SKIPPED
from tests.managers.runtime.notes import EVENTS, NOTES, commits, declared, issue, surroundings
from tests.patience import PATIENCE

Notes = tuple[str, ...]


class Hands:
    """Long work for every key that has notes: it does nothing by itself."""

    def __init__(self) -> None:
        self.tell: Tell | None = None
        self.begun = asyncio.Event()

    def begin(self, assignment: Assignment[Notes, object]) -> "Hands":
        self.tell = assignment.tell
        self.begun.set()
        return self

    def update(self, _item: object) -> None: ...
    def stop(self) -> None: ...


def _decide(state: Notes | None, input: object, given: Given) -> Iterable[Effect]:
    if input == "nothing new":
        return []
    if input == "impossible":
        raise Rejected("it cannot be")
    if isinstance(input, str):
        return [Noted(note=Note(text=input))]
    return list(NOTES.decide(state, input, given))  # type: ignore[arg-type]


def _decide_at_length(state: Notes | None, input: object, given: Given) -> Iterable[Effect]:
    return [*_decide(state, input, given)] * 150


@asynccontextmanager
async def running(manager: Manager[Notes, object], log: MemoryLog) -> AsyncIterator[None]:
    owner = asyncio.create_task(Service(manager, surroundings(log))._own(0))
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    finally:
        owner.cancel()
        await asyncio.wait({owner})


async def until(log: MemoryLog, condition: Callable[[], bool]) -> None:
    while not condition():
        await log.wait(EVENTS, 0, (await log.bounds(EVENTS, 0))[1])


async def test_hands_that_tell_nothing_new_leave_nothing_in_the_log() -> None:
    log, hands = await declared(MemoryLog()), Hands()
    manager = replace(NOTES, decide=_decide, begin=hands.begin, under_way=lambda _: {"work": 1})
    async with running(manager, log):
        await issue(log, "first")
        await hands.begun.wait()
        assert hands.tell
        assert await hands.tell("nothing new") is None
        rejection = await hands.tell("impossible")
        assert rejection
        assert rejection.reason == "it cannot be"
        assert await hands.tell("second") is None
    kept = await commits(log)
    assert [[event.note.text for event in c.events if isinstance(event, Noted)] for c in kept] == [
        ["first"],
        [],
        ["second"],
    ]
    assert kept[1].rejection == rejection


class Counting(MemoryLog):
    """Knows the size of the largest append."""

    largest = 0

    async def append(self, topic: str, partition: int, records: list[Record]) -> int:  # type: ignore[override]
        if topic == EVENTS:
            self.largest = max(self.largest, sum(record.size for record in records))
        return await super().append(topic, partition, records)


async def test_many_large_decisions_go_in_portions() -> None:
    log = await declared(Counting())
    assert isinstance(log, Counting)
    for number in range(40):
        await issue(log, str(number) + "x" * 1900)
    async with running(replace(NOTES, decide=_decide_at_length), log):
        while len(kept := await commits(log)) < 40:
            await log.wait(EVENTS, 0, (await log.bounds(EVENTS, 0))[1])
    assert [c.events[0].note.text.rstrip("x") for c in kept if isinstance(c.events[0], Noted)] == [
        str(number) for number in range(40)
    ]
    assert log.largest < 2_000_000


async def test_how_far_a_source_was_read_is_recorded_even_if_it_holds_nothing_for_us() -> None:
    log, source = await declared(MemoryLog()), events_topic(Context.SIMULATIONS)
    await log.declare(source, 1)
    writer = await Writer.take_over(log, source, 0, "somebody")
    await writer.append([Record("key", b"not for us")] * (SKIPPED + 1))
    async with running(replace(NOTES, sources=(Context.SIMULATIONS,)), log):
        while not (kept := await commits(log)):
            await log.wait(EVENTS, 0, (await log.bounds(EVENTS, 0))[1])
    assert kept[0].cursor
    assert kept[0].cursor.position.offset >= SKIPPED
    assert kept[0].cursor.position.nonce == "somebody"
    assert not kept[0].events
