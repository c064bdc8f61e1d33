"""What stops an owner, and what must not."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from bus import Doubt, MemoryLog, Record, Timestamp
from bus.clock import seconds
from events.envelope import Commit
from events.incidents import MessageQueued, TakeNote
from managers.runtime import Effect, Given, Manager, Rejected, Service
from tests.managers.runtime.notes import (
    COMMANDS,
    EVENTS,
    NOTES,
    NOW,
    commits,
    declared,
    issue,
    surroundings,
)
from tests.patience import PATIENCE


class StoppedInDoubt(MemoryLog):
    """The owner is told to stop while it still clears away after a failed append."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        if self._told or topic == COMMANDS or not records[0].value:
            return await super().append(topic, partition, records)
        self._told, owner = True, asyncio.current_task()
        assert owner
        asyncio.get_running_loop().call_soon(owner.cancel)
        raise Doubt("the connection was lost")


async def test_an_owner_that_is_stopped_while_it_fails_stays_stopped() -> None:
    log = await declared(StoppedInDoubt())
    await issue(log, "anything")
    owner = asyncio.create_task(Service(NOTES, surroundings(log))._own(0))
    await asyncio.wait({owner}, timeout=1)
    assert owner.cancelled()


async def test_a_commit_that_cannot_be_read_stops_the_partition_loudly() -> None:
    log = await declared(MemoryLog())
    await log.append(EVENTS, 0, [Record("", b"", {"takeover": "n"})])
    await log.append(EVENTS, 0, [Record("key", b"{}", {"epoch": "0", "sequence": "0"})])
    service = Service(NOTES, surroundings(log))
    async with asyncio.timeout(PATIENCE):
        await service._own(0)
    assert "cannot read the commit at 1" in service.broken[0]


async def test_a_partition_that_was_given_up_is_not_owned_and_forgotten_with_its_loss() -> None:
    log = MemoryLog()
    for topic in (EVENTS, COMMANDS):
        await log.declare(topic, 2)
    await log.append(EVENTS, 1, [Record("", b"", {"takeover": "n"})])
    await log.append(EVENTS, 1, [Record("key", b"{}", {"epoch": "0", "sequence": "0"})])
    service = Service(NOTES, surroundings(log))
    running = asyncio.create_task(service.run())
    await until(lambda: service.broken)
    assert service.owned == {0}
    assert {*service.broken} == {1}
    async with log.membership("vestec.incidents", EVENTS) as other:
        await until(lambda: other.owned == {1} and not service.broken)
        assert service.owned == {0}
    running.cancel()
    await asyncio.wait([running])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


async def test_a_refusal_with_a_reason_of_any_length_is_recorded_and_others_go_on() -> None:
    def decide(state: tuple[str, ...] | None, input: object, given: Given) -> Iterable[Effect]:
        assert isinstance(input, TakeNote)
        if input.note.text == "refuse":
            raise Rejected("no, " * 1_000_000)
        return NOTES.decide(state, input, given)  # type: ignore[return-value]  # of the toy

    log = await declared(MemoryLog())
    await issue(log, "refuse")
    await issue(log, "take")
    refused, taken = await decisions(log, replace(NOTES, decide=decide), 2)
    assert refused.rejection
    assert refused.rejection.reason.startswith("no, no, ")
    assert "were cut" in refused.rejection.reason
    assert taken.events


async def test_a_decision_that_makes_no_number_is_refused_with_a_sentence() -> None:
    def decide(_state: tuple[str, ...] | None, input: object, given: Given) -> Iterable[Effect]:
        assert isinstance(input, TakeNote)
        due = float("nan") if input.note.text == "divide" else None
        yield MessageQueued(message=given.id, stage="later", due=due)

    log = await declared(MemoryLog())
    await issue(log, "divide")
    await issue(log, "go on")
    manager = replace(NOTES, decide=decide, evolve=lambda state, event: state)
    refused, taken = await decisions(log, manager, 2)
    assert refused.rejection
    assert refused.rejection.reason == "ValidationError: due: Input should be a finite number"
    assert taken.events


async def decisions(log: MemoryLog, manager: Manager[Any, Any], count: int) -> list[Commit]:
    """The first commits of an owner."""
    owner = asyncio.create_task(Service(manager, surroundings(log))._own(0))
    try:
        async with asyncio.timeout(PATIENCE):
            while len(decided := await commits(log)) < count:
                await log.wait(EVENTS, 0, (await log.bounds(EVENTS, 0))[1])
    finally:
        owner.cancel()
    return decided


async def test_a_command_that_a_wrong_clock_dates_counts_and_is_dated_by_who_decides_it() -> None:
    log = await declared(MemoryLog())
    wrong = await issue(log, "from the future", at=NOW + 3600)
    right = await issue(log, "from now")
    decided = await decisions(log, NOTES, 2)
    assert [commit.id for commit in decided] == [wrong, right]
    assert all(commit.events for commit in decided)
    assert all(seconds(Timestamp(commit.time)) < NOW + 61 for commit in decided)
