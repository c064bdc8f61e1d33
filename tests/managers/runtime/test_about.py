"""Lines in the log carry the ids of what they are about."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from structlog.typing import EventDict

from bus import MemoryLog, Record
from events.values import IncidentId
from managers.runtime import Chain, Effect, Given, Manager, Service, TaskWork, work
from tests.managers.runtime.notes import COMMANDS, NOTES, commits, declared, issue, surroundings
from tests.patience import PATIENCE

Lines = list[EventDict]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged during a test."""
    with capture_logs([merge_contextvars]) as captured:
        yield captured


def line(lines: Lines, event: str) -> EventDict:
    (found,) = [one for one in lines if one["event"] == event]
    return found


def ids(line: EventDict) -> tuple[object, ...]:
    return line.get("incident"), line.get("cause"), line.get("correlation")


async def decide_one(log: MemoryLog, manager: Manager[Any, Any]) -> Service[Any, Any]:
    """Run an owner until it has decided one command, or is broken."""
    service = Service(manager, surroundings(log))
    owner = asyncio.create_task(service._own(0))
    try:
        async with asyncio.timeout(PATIENCE):
            while not (service.broken or await commits(log)):
                await asyncio.sleep(0)
    finally:
        owner.cancel()
        await asyncio.wait({owner})
    return service


async def test_a_decision_that_fails_says_whose_and_of_what(lines: Lines) -> None:
    def decide(_state: object, _input: object, _given: Given) -> Iterable[Effect]:
        raise RuntimeError("nobody thought of this")

    log = await declared(MemoryLog())
    id = await issue(log, "anything")
    await decide_one(log, replace(NOTES, decide=decide))
    assert ids(line(lines, "decision failed")) == ("key", "incidents.commands/0/0", str(id))


async def test_a_command_that_nobody_can_read_says_whose_and_where(lines: Lines) -> None:
    log = await declared(MemoryLog())
    await log.append(COMMANDS, 0, [Record("key", b"{")])
    await decide_one(log, NOTES)
    assert ids(line(lines, "command is malformed"))[:2] == ("key", "incidents.commands/0/0")


async def test_a_partition_that_stops_says_at_what(lines: Lines) -> None:
    log = await declared(MemoryLog())
    id = await issue(log, "anything")
    await decide_one(log, NOTES)

    def evolve(_state: object, _event: object) -> tuple[str, ...]:
        raise RuntimeError("the code does not fit the log")

    service = Service(replace(NOTES, evolve=evolve), surroundings(log))
    async with asyncio.timeout(PATIENCE):
        await service._own(0)
    assert service.broken
    stopped = line(lines, "partition stopped")
    assert ids(stopped) == ("key", "incidents.commands/0/0", str(id))
    assert stopped["context"] == "incidents"


async def test_what_work_logs_carries_its_ids_and_no_other_works(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_FIRST_PAUSE", 0.0)
    both = asyncio.Barrier(2)

    async def once() -> None:
        structlog.get_logger().info("at work")
        await both.wait()
        if len([one for one in lines if one["event"] == "at work"]) < 4:
            raise RuntimeError("nobody thought of this")

    began = UUID(int=1)
    works = [
        TaskWork[object](once, "machine/1", Chain(IncidentId("i-1"), began)),
        TaskWork[object](once, "machine/2", Chain(IncidentId("i-2"), None)),
    ]
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(one._task for one in works))
    for event in ("at work", "work failed, it begins again"):
        said = {ids(one) for one in lines if one["event"] == event}
        assert said == {("i-1", "machine/1", str(began)), ("i-2", "machine/2", None)}
    structlog.get_logger().info("somebody else")
    assert ids(line(lines, "somebody else")) == (None, None, None)
