"""What a new owner knows after it folded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from bus import LogReplaced, MemoryLog, Position, Writer
from bus.clock import seconds
from events.values import Context
from managers.runtime import Service, Snapshot
from managers.runtime.folding import PartitionState, fold_until, keep_snapshot, kept_state
from tests.managers.runtime.notes import (
    EVENTS,
    NOTES,
    NOW,
    commits,
    declared,
    issue,
    surroundings,
)
from tests.patience import PATIENCE


class OneSnapshot:
    """The newest snapshot of the only partition there is."""

    def __init__(self) -> None:
        self._kept: Snapshot | None = None

    async def load(self, _context: Context, _partition: int) -> Snapshot | None:
        return self._kept

    async def store(self, _context: Context, _partition: int, snapshot: Snapshot) -> None:
        self._kept = snapshot


async def test_time_goes_on_behind_a_snapshot_that_a_faster_clock_left() -> None:
    log, snapshots = await declared(MemoryLog()), OneSnapshot()
    fast = surroundings(log, lambda: NOW + 30, snapshots)
    slow = surroundings(log, lambda: NOW, snapshots)
    first = await Writer.take_over(log, EVENTS, 0, "first")
    time = fast.clock.now()
    await keep_snapshot(NOTES, 0, fast, PartitionState({}, {}, first.position))
    await fold_until(NOTES, 0, slow, await Writer.take_over(log, EVENTS, 0, "second"))
    assert slow.clock.now() > time


async def test_a_long_fold_is_not_done_twice() -> None:
    log, snapshots = await declared(MemoryLog()), OneSnapshot()
    around = replace(surroundings(log, snapshots=snapshots), snapshot_every=3)
    before = surroundings(log)
    for number in range(3):
        await issue(log, f"note {number}")
    owner = asyncio.create_task(Service(NOTES, before)._own(0))
    await until(lambda: _all_decided(log, 3))
    owner.cancel()
    owner = asyncio.create_task(Service(NOTES, around)._own(0))
    await until(lambda: snapshots.load(Context.INCIDENTS, 0))
    owner.cancel()
    state, folded = await fold_until(
        NOTES, 0, around, await Writer.take_over(log, EVENTS, 0, "third")
    )
    assert state.keys == {"key": ("note 0", "note 1", "note 2")}
    assert folded == 1, "only the takeover"


def notes_of_many() -> PartitionState[tuple[str, ...]]:
    return PartitionState({str(key): (f"note {key}",) for key in range(1050)}, {})


async def test_a_snapshot_of_many_keys_is_kept_and_read_in_portions() -> None:
    log, snapshots = await declared(MemoryLog()), OneSnapshot()
    around = surroundings(log, snapshots=snapshots)
    many = notes_of_many()
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    await keep_snapshot(NOTES, 0, around, many)
    assert turns >= 10
    turns = 0
    assert await kept_state(NOTES, 0, around) == many
    assert turns >= 10
    other.cancel()


async def test_a_snapshot_of_before_is_one_line_and_read() -> None:
    log, snapshots = await declared(MemoryLog()), OneSnapshot()
    many = notes_of_many()
    line = TypeAdapter(PartitionState[tuple[str, ...]]).dump_json(many)
    await snapshots.store(Context.INCIDENTS, 0, Snapshot(many.position, NOTES.fold, line))
    assert await kept_state(NOTES, 0, surroundings(log, snapshots=snapshots)) == many


async def _all_decided(log: MemoryLog, count: int) -> bool:
    return len(await commits(log)) == count


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0)


class LostSnapshots:
    """Somebody dropped the read models' schema."""

    async def load(self, _context: Context, _partition: int) -> Snapshot | None:
        raise LookupError("relation vestec_read.snapshots does not exist")

    async def store(self, _context: Context, _partition: int, _snapshot: Snapshot) -> None:
        raise LookupError("relation vestec_read.snapshots does not exist")


async def test_snapshots_that_cannot_be_read_cost_time_only() -> None:
    log = await declared(MemoryLog())
    around = surroundings(log, snapshots=LostSnapshots())
    await keep_snapshot(NOTES, 0, around, PartitionState({}, {}))
    state, _ = await fold_until(NOTES, 0, around, await Writer.take_over(log, EVENTS, 0, "first"))
    assert state.keys == {}


async def test_a_snapshot_of_another_log_stops_the_partition_and_says_what_to_do() -> None:
    log, snapshots = await declared(MemoryLog()), OneSnapshot()
    around = surroundings(log, snapshots=snapshots)
    await keep_snapshot(NOTES, 0, around, PartitionState({}, {}, Position(9, 8, 0, "another")))
    writer = await Writer.take_over(log, EVENTS, 0, "first")
    with pytest.raises(LogReplaced, match="vestec projections rebuild"):
        await fold_until(NOTES, 0, around, writer)


async def test_a_commit_that_a_wrong_clock_dated_is_folded_and_does_not_drag_time_along() -> None:
    log = await declared(MemoryLog())
    await issue(log, "from an hour ahead", at=NOW + 3600)
    ahead = surroundings(log, lambda: NOW + 3600)
    owner = asyncio.create_task(Service(NOTES, ahead)._own(0))
    async with asyncio.timeout(PATIENCE):
        while not await commits(log):
            await log.wait(EVENTS, 0, (await log.bounds(EVENTS, 0))[1])
    owner.cancel()
    right = surroundings(log)
    state, _ = await fold_until(NOTES, 0, right, await Writer.take_over(log, EVENTS, 0, "next"))
    assert state.keys == {"key": ("from an hour ahead",)}
    assert seconds(right.clock.now()) <= NOW + 60
