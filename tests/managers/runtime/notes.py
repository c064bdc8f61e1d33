"""A manager that keeps notes: the least that can be decided and folded."""

import random
from collections.abc import Callable, Iterable
from uuid import UUID, uuid4

from bus import HybridClock, Log, MemoryLog
from bus.clock import timestamp
from events.envelope import (
    Commit,
    Issued,
    commands_topic,
    decode,
    encode_issued,
    events_topic,
)
from events.incidents import Noted, TakeNote
from events.values import Context, Event, Note
from managers.runtime import (
    Effect,
    Given,
    Manager,
    Snapshots,
    Surroundings,
)
from managers.runtime.snapshots import NoSnapshots

NOW = 1_800_000_000.0
"""Seconds since the epoch."""

EVENTS, COMMANDS = events_topic(Context.INCIDENTS), commands_topic(Context.INCIDENTS)


def _decide(_state: tuple[str, ...] | None, input: object, _given: Given) -> Iterable[Effect]:
    assert isinstance(input, TakeNote)
    yield Noted(note=input.note)


def _evolve(state: tuple[str, ...] | None, event: Event) -> tuple[str, ...]:
    assert isinstance(event, Noted)
    return (*(state or ()), event.note.text)


NOTES: Manager[tuple[str, ...], object] = Manager(
    context=Context.INCIDENTS,
    sources=(),
    state=tuple[str, ...],
    fold=1,
    decide=_decide,
    evolve=_evolve,
)


async def declared(log: MemoryLog) -> MemoryLog:
    """The log, with one partition of incidents."""
    await log.declare(EVENTS, 1)
    await log.declare(COMMANDS, 1)
    return log


def surroundings(
    log: Log,
    wall: Callable[[], float] = lambda: NOW,
    snapshots: Snapshots | None = None,
) -> Surroundings:
    chance = random.Random(0)
    clock = HybridClock(wall)
    return Surroundings(log, clock, wall, chance, snapshots or NoSnapshots(), backoff=(0.0, 0.0))


async def issue(log: Log, text: str, at: float = NOW) -> UUID:
    """Send a command; return its id."""
    id = uuid4()
    command = TakeNote(note=Note(text=text))
    issued = Issued(id=id, time=timestamp(at), actor="test", correlation=id, command=command)
    await log.append(COMMANDS, 0, [encode_issued("key", issued)])
    return id


async def commits(log: Log) -> list[Commit]:
    """All commits so far; the takeovers are left out."""
    return [decode(stored.record) for stored in await log.read(EVENTS, 0, 0) if stored.record.value]
